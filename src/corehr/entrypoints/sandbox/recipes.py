"""How to be refused: for every documented code of an operation, a request that makes it in a fresh demo company.

A recipe is a valid request and what differs in it; where no state raises a code, a fault is set before.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from corehr.entrypoints.demo.almanac import later
from corehr.entrypoints.demo.company import World
from corehr.entrypoints.sandbox import offboarding_recipes, pre_hire_recipes
from corehr.gateway.spec import Spec
from corehr.kernel.clock import IsoDate

Request = dict[str, Any]
Recipe = dict[str, Any]
"""`setup`, calls to make before, and `request`; each call is method, path, query and body."""

NOBODY: Final = "1"
"""An id that no record has."""


class Facts:
    """What recipes are made of: names of records, and the day on which the company was made."""

    def __init__(self, world: World, today: IsoDate) -> None:
        self.world, self.today = world, today

    def __call__(self, kind: str, name: str, fact: str = "id") -> Any:
        return self.world[kind][name][fact]

    def day(self, days: int) -> IsoDate:
        return later(self.today, days)


Makes = Callable[[Facts], Mapping[int, Request]]


def recipes(world: World, spec: Spec, today: IsoDate) -> dict[str, dict[str, Recipe]]:
    """By operation and code: `{"setup": […], "request": {…}}`."""
    facts = Facts(world, today)
    made: dict[str, dict[str, Recipe]] = {}
    for operation, (valid, refused) in BOOKS.items():
        by_state = refused(facts)
        made[operation] = {
            str(code): _by_state(by_state[code]) if code in by_state else _by_fault(operation, code, valid(facts))
            for code in sorted(spec.operations[operation].errors)
        }
    return made


def _by_state(request: Request) -> Recipe:
    return {"setup": [], "request": request}


def _by_fault(operation: str, code: int, valid: Request) -> Recipe:
    fault = {"operation": operation, "code": code, "times": 1}
    put = {"method": "PUT", "path": "/sandbox/faults", "query": {}, "body": [fault]}
    return {"setup": [put], "request": valid}


# -- v1.job_change.create ----------------------------------------------------------------------------------------


def create(facts: Facts, info: Mapping[str, Any] | None = None, **body: Any) -> Request:
    """`active` moves to another department today; `info` is what is asked for instead, `body` what is beside it."""
    asked = {
        "transfer_mode": 1,
        "employment_id": facts("employments", "active", "open_id"),
        "transfer_type_unique_identifier": "internal_transfer",
        "effective_date": facts.today,
        "transfer_info": {"target_department": facts("departments", "other")} if info is None else dict(info),
    }
    return {"method": "POST", "path": "/open-apis/corehr/v1/job_changes", "query": {}, "body": {**asked, **body}}


def _creates(facts: Facts) -> dict[int, Request]:
    return {
        **_of_people(facts),
        **_of_things(facts),
        **_of_managers(facts),
        **_of_cost_centers(facts),
        **_of_contracts(facts),
        **_of_fit(facts),
    }


def _of_people(facts: Facts) -> dict[int, Request]:
    def of(name: str) -> Request:
        return create(facts, employment_id=facts("employments", name, "open_id"))

    same = {"target_department": facts("employments", "active", "department")}
    stale = {"original_department": facts("departments", "active"), "target_department": facts("departments", "other")}
    return {
        1160100: create(facts, transfer_type_unique_identifier=facts("transfer_types", "system_only")),
        1160200: create(facts, employment_id="ou_nobody"),
        1160201: of("leaver"),
        1160202: of("job_change_NoNeedApproval"),
        1160500: create(facts, transfer_mode=2, flow_id=NOBODY),
        1160501: of("future_hire"),
        1160502: of("left"),
        1160600: create(facts, {}),
        1160601: create(facts, same),
        1160700: create(facts, stale),
        1162002: of("future_job_data"),
        1164003: of("fixed_end"),
    }


def _of_things(facts: Facts) -> dict[int, Request]:
    """Things that do not exist, are disabled, or are used for what they are not."""
    unknown = {1160300: "department", 1160301: "work_location", 1160302: "job", 1160303: "job_family"}
    disabled = {
        1160306: ("working_hours_type", "working_hours_types"),
        1160307: ("job_level", "job_levels"),
        1160308: ("workforce_type", "employee_types"),
        1163000: ("department", "departments"),
        1163001: ("work_location", "locations"),
        1163002: ("job", "jobs"),
        1163003: ("job_family", "job_families"),
    }
    return {
        **{code: create(facts, {f"target_{field}": NOBODY}) for code, field in unknown.items()},
        **{code: create(facts, {f"target_{f}": facts(kind, "disabled")}) for code, (f, kind) in disabled.items()},
        1163016: create(facts, {"target_work_location": facts("locations", "social_security_city")}),
        1163017: create(facts, {"target_social_security_city": facts("locations", "work_city")}),
        1163015: create(facts, {"target_weekly_working_hours": "169"}),
    }


def _of_managers(facts: Facts) -> dict[int, Request]:
    def to(line: str, manager: str, employee: str = "active") -> Request:
        info = {f"target_{line}_manager": facts("employments", manager)}
        return create(facts, info, employment_id=facts("employments", employee, "open_id"))

    return {
        1160400: to("direct", "active", "manager"),
        1160401: to("dotted", "active_2", "manager"),
        1164000: to("direct", "future_hire"),
        1164001: to("direct", "left"),
        1164002: to("dotted", "future_hire"),
        1165000: to("dotted", "left"),
    }


def _of_cost_centers(facts: Facts) -> dict[int, Request]:
    def charge(*shares: tuple[str, int]) -> Request:
        rates = [{"cost_center_id": facts("cost_centers", name), "rate": rate} for name, rate in shares]
        return create(facts, {"target_cost_center_rate": rates})

    half = [{"cost_center_id": facts("cost_centers", "leaf")}]
    return {
        1163018: charge(("leaf", 0), ("leaf_2", 100)),
        1163019: charge(("leaf", 50), ("leaf", 50)),
        1163020: charge(("disabled", 100)),
        1163021: charge(("leaf", 101)),
        1163022: create(facts, {"target_cost_center_rate": half}),
        1163023: charge(("parent", 100)),
        1163024: create(facts, {"target_cost_center_rate": "no list"}),
        1163025: create(facts, {"target_cost_center_rate": [{"cost_center_id": NOBODY, "rate": 100}]}),
        1163026: charge(("disabled_next_month", 100)),
    }


def _of_contracts(facts: Facts) -> dict[int, Request]:
    """None of these may change alone, so the department does as well."""

    def also(**info: Any) -> Request:
        return create(facts, {"target_department": facts("departments", "other"), **info})

    end = facts("employments", "active", "contract_end_date")
    return {
        1165001: also(target_contract_start_date=later(end, 2)),
        1165002: also(target_probation_end_date=facts.day(-1)),
        1165005: also(target_contract_end_date=facts.day(-1)),
        1165006: also(target_contract_start_date=facts.day(20), target_contract_end_date=facts.day(10)),
    }


def _of_fit(facts: Facts) -> dict[int, Request]:
    job, family = facts("jobs", "mismatching"), facts("job_families", "other")
    apart = {
        "target_job_family": facts("job_families", "active"),
        "target_job_level": facts("job_levels", "other"),
    }
    return {
        1163004: create(facts, {"target_job": job}),
        1163005: create(facts, {"target_job": job, "target_job_family": family}),
        1163010: create(facts, apart),
        1163012: create(facts, {"target_department": facts("departments", "full")}),
    }


# -- v2.job_change.revoke ----------------------------------------------------------------------------------------


def revoke(facts: Facts, job_change_id: str | None = None) -> Request:
    """The process administrator takes back a change that waits for its day."""
    id = job_change_id or facts("job_changes", "NoNeedApproval")
    operator = facts("employments", "process_admin", "open_id")
    path = f"/open-apis/corehr/v2/job_changes/{id}/revoke"
    return {"method": "POST", "path": path, "query": {}, "body": {"operator_id": operator}}


def _revokes(facts: Facts) -> dict[int, Request]:
    return {1160001: revoke(facts, NOBODY)}


# -- v2.process-approver.update ----------------------------------------------------------------------------------


def answer(facts: Facts, process: str = "waiting", **body: Any) -> Request:
    """Whoever is asked first approves."""
    process_id, task_id = facts("processes", process), facts("processes", process, "approver_id")
    user = facts("processes", process, "approver_open_id")
    path = f"/open-apis/corehr/v2/processes/{process_id}/approvers/{task_id}"
    return {"method": "PUT", "path": path, "query": {}, "body": {"status": 3, "user_id": user, **body}}


def _answers(facts: Facts) -> dict[int, Request]:
    return {
        1161001: answer(facts, "approved"),
        1161002: answer(facts, status=5),
        1161003: answer(facts, user_id=facts("employments", "active", "open_id")),
        1161005: answer(facts, "recalled"),
    }


# -- v2.approver.list --------------------------------------------------------------------------------------------


def tasks(facts: Facts, query: Mapping[str, str] | None = None) -> Request:
    """What `manager` is asked."""
    asked = {"user_id": facts("employments", "manager", "open_id"), "page_size": "20", **(query or {})}
    return {"method": "GET", "path": "/open-apis/corehr/v2/approvers", "query": asked, "body": None}


def _lists(facts: Facts) -> dict[int, Request]:
    return {
        1160001: tasks(facts, {"user_id": "ou_nobody"}),
        1160101: tasks(facts, {"page_token": "no page"}),
        1160121: tasks(facts, {"approver_status": "99"}),
    }


# -- v2.employees-job_data.query ---------------------------------------------------------------------------------


def query(facts: Facts, **body: Any) -> Request:
    """The job data of `active`."""
    asked = {"employment_ids": [facts("employments", "active", "open_id")], **body}
    path = "/open-apis/corehr/v2/employees/job_datas/query"
    return {"method": "POST", "path": path, "query": {"page_size": "10"}, "body": asked}


def _queries(facts: Facts) -> dict[int, Request]:
    return {1160013: query(facts, data_date="2026-13-01")}


BOOKS: Final[Mapping[str, tuple[Callable[[Facts], Request], Makes]]] = {
    "v1.job_change.create": (create, _creates),
    "v2.job_change.revoke": (revoke, _revokes),
    "v2.process-approver.update": (answer, _answers),
    "v2.approver.list": (tasks, _lists),
    "v2.employees-job_data.query": (query, _queries),
    "v2.offboarding.edit": (offboarding_recipes.edit, offboarding_recipes.edits),
    "v2.offboarding.revoke": (offboarding_recipes.revoke, offboarding_recipes.revokes),
    "v2.pre_hire.withdraw_onboarding": (pre_hire_recipes.withdraw, pre_hire_recipes.withdraws),
}
"""By operation: a valid request, and by code what is refused because of how things stand."""
