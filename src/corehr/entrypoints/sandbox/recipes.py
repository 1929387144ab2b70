"""How to be refused: for every documented code of an operation, a request that makes it in a fresh demo company.

A recipe is a valid request and what differs in it; where no state raises a code, a fault is set before.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from corehr.entrypoints.demo.dates import add_days
from corehr.entrypoints.demo.demo_build import NamedRecords
from corehr.entrypoints.sandbox import offboarding_recipes, pre_hire_recipes
from corehr.gateway.spec import Spec
from corehr.kernel.clock import IsoDate

RecipeCall = dict[str, Any]
Recipe = dict[str, Any]
"""`setup`, calls to make before, and `request`; each call is method, path, query and body."""

UNKNOWN_RECORD_ID: Final = "1"
"""An id that no record has."""


class RecipeContext:
    """What recipes are made of: names of records, and the day on which the company was made."""

    def __init__(self, named_records: NamedRecords, today: IsoDate) -> None:
        self.named_records, self.today = named_records, today

    def __call__(self, kind: str, name: str, fact: str = "id") -> Any:
        return self.named_records[kind][name][fact]

    def day(self, days: int) -> IsoDate:
        return add_days(self.today, days)


RecipeBuilder = Callable[[RecipeContext], Mapping[int, RecipeCall]]


def build_recipes(named_records: NamedRecords, spec: Spec, today: IsoDate) -> dict[str, dict[str, Recipe]]:
    """By operation and code: `{"setup": […], "request": {…}}`."""
    context = RecipeContext(named_records, today)
    by_operation: dict[str, dict[str, Recipe]] = {}
    for operation, (valid, build_refused) in RECIPES.items():
        by_state = build_refused(context)
        by_operation[operation] = {
            str(code): _by_state(by_state[code]) if code in by_state else _by_fault(operation, code, valid(context))
            for code in sorted(spec.operations[operation].errors)
        }
    return by_operation


def _by_state(call: RecipeCall) -> Recipe:
    return {"setup": [], "request": call}


def _by_fault(operation: str, code: int, valid: RecipeCall) -> Recipe:
    fault = {"operation": operation, "code": code, "times": 1}
    put = {"method": "PUT", "path": "/sandbox/faults", "query": {}, "body": [fault]}
    return {"setup": [put], "request": valid}


# -- v1.job_change.create ----------------------------------------------------------------------------------------


def create(context: RecipeContext, info: Mapping[str, Any] | None = None, **body: Any) -> RecipeCall:
    """`active` moves to another department today; `info` is what is asked for instead, `body` what is beside it."""
    default_body = {
        "transfer_mode": 1,
        "employment_id": context("employments", "active", "open_id"),
        "transfer_type_unique_identifier": "internal_transfer",
        "effective_date": context.today,
        "transfer_info": {"target_department": context("departments", "other")} if info is None else dict(info),
    }
    return {"method": "POST", "path": "/open-apis/corehr/v1/job_changes", "query": {}, "body": {**default_body, **body}}


def _refused_creates(context: RecipeContext) -> dict[int, RecipeCall]:
    return {
        **_about_employment(context),
        **_about_references(context),
        **_about_managers(context),
        **_about_cost_centers(context),
        **_about_contracts(context),
        **_about_job_fit(context),
    }


def _about_employment(context: RecipeContext) -> dict[int, RecipeCall]:
    def create_for(name: str) -> RecipeCall:
        return create(context, employment_id=context("employments", name, "open_id"))

    same = {"target_department": context("employments", "active", "department")}
    stale = {
        "original_department": context("departments", "active"),
        "target_department": context("departments", "other"),
    }
    return {
        1160100: create(context, transfer_type_unique_identifier=context("transfer_types", "system_only")),
        1160200: create(context, employment_id="ou_nobody"),
        1160201: create_for("leaver"),
        1160202: create_for("job_change_NoNeedApproval"),
        1160500: create(context, transfer_mode=2, flow_id=UNKNOWN_RECORD_ID),
        1160501: create_for("future_hire"),
        1160502: create_for("left"),
        1160600: create(context, {}),
        1160601: create(context, same),
        1160700: create(context, stale),
        1162002: create_for("future_job_data"),
        1164003: create_for("fixed_end"),
    }


def _about_references(context: RecipeContext) -> dict[int, RecipeCall]:
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
        **{code: create(context, {f"target_{field}": UNKNOWN_RECORD_ID}) for code, field in unknown.items()},
        **{code: create(context, {f"target_{f}": context(kind, "disabled")}) for code, (f, kind) in disabled.items()},
        1163016: create(context, {"target_work_location": context("locations", "social_security_city")}),
        1163017: create(context, {"target_social_security_city": context("locations", "work_city")}),
        1163015: create(context, {"target_weekly_working_hours": "169"}),
    }


def _about_managers(context: RecipeContext) -> dict[int, RecipeCall]:
    def assign(line: str, manager: str, employee: str = "active") -> RecipeCall:
        info = {f"target_{line}_manager": context("employments", manager)}
        return create(context, info, employment_id=context("employments", employee, "open_id"))

    return {
        1160400: assign("direct", "active", "manager"),
        1160401: assign("dotted", "active_2", "manager"),
        1164000: assign("direct", "future_hire"),
        1164001: assign("direct", "left"),
        1164002: assign("dotted", "future_hire"),
        1165000: assign("dotted", "left"),
    }


def _about_cost_centers(context: RecipeContext) -> dict[int, RecipeCall]:
    def charge(*shares: tuple[str, int]) -> RecipeCall:
        rates = [{"cost_center_id": context("cost_centers", name), "rate": rate} for name, rate in shares]
        return create(context, {"target_cost_center_rate": rates})

    half = [{"cost_center_id": context("cost_centers", "leaf")}]
    return {
        1163018: charge(("leaf", 0), ("leaf_2", 100)),
        1163019: charge(("leaf", 50), ("leaf", 50)),
        1163020: charge(("disabled", 100)),
        1163021: charge(("leaf", 101)),
        1163022: create(context, {"target_cost_center_rate": half}),
        1163023: charge(("parent", 100)),
        1163024: create(context, {"target_cost_center_rate": "no list"}),
        1163025: create(context, {"target_cost_center_rate": [{"cost_center_id": UNKNOWN_RECORD_ID, "rate": 100}]}),
        1163026: charge(("disabled_next_month", 100)),
    }


def _about_contracts(context: RecipeContext) -> dict[int, RecipeCall]:
    """None of these may change alone, so the department does as well."""

    def with_department(**info: Any) -> RecipeCall:
        return create(context, {"target_department": context("departments", "other"), **info})

    end = context("employments", "active", "contract_end_date")
    return {
        1165001: with_department(target_contract_start_date=add_days(end, 2)),
        1165002: with_department(target_probation_end_date=context.day(-1)),
        1165005: with_department(target_contract_end_date=context.day(-1)),
        1165006: with_department(target_contract_start_date=context.day(20), target_contract_end_date=context.day(10)),
    }


def _about_job_fit(context: RecipeContext) -> dict[int, RecipeCall]:
    job, family = context("jobs", "mismatching"), context("job_families", "other")
    disjoint = {
        "target_job_family": context("job_families", "active"),
        "target_job_level": context("job_levels", "other"),
    }
    return {
        1163004: create(context, {"target_job": job}),
        1163005: create(context, {"target_job": job, "target_job_family": family}),
        1163010: create(context, disjoint),
        1163012: create(context, {"target_department": context("departments", "full")}),
    }


# -- v2.job_change.revoke ----------------------------------------------------------------------------------------


def revoke(context: RecipeContext, job_change_id: str | None = None) -> RecipeCall:
    """The process administrator takes back a change that waits for its day."""
    id = job_change_id or context("job_changes", "NoNeedApproval")
    operator = context("employments", "process_admin", "open_id")
    path = f"/open-apis/corehr/v2/job_changes/{id}/revoke"
    return {"method": "POST", "path": path, "query": {}, "body": {"operator_id": operator}}


def _refused_revokes(context: RecipeContext) -> dict[int, RecipeCall]:
    return {1160001: revoke(context, UNKNOWN_RECORD_ID)}


# -- v2.process-approver.update ----------------------------------------------------------------------------------


def answer_task(context: RecipeContext, process: str = "waiting", **body: Any) -> RecipeCall:
    """Whoever is asked first approves."""
    process_id, task_id = context("processes", process), context("processes", process, "approver_id")
    user = context("processes", process, "approver_open_id")
    path = f"/open-apis/corehr/v2/processes/{process_id}/approvers/{task_id}"
    return {"method": "PUT", "path": path, "query": {}, "body": {"status": 3, "user_id": user, **body}}


def _refused_answers(context: RecipeContext) -> dict[int, RecipeCall]:
    return {
        1161001: answer_task(context, "approved"),
        1161002: answer_task(context, status=5),
        1161003: answer_task(context, user_id=context("employments", "active", "open_id")),
        1161005: answer_task(context, "recalled"),
    }


# -- v2.approver.list --------------------------------------------------------------------------------------------


def list_tasks(context: RecipeContext, query: Mapping[str, str] | None = None) -> RecipeCall:
    """What `manager` is asked."""
    default_query = {"user_id": context("employments", "manager", "open_id"), "page_size": "20", **(query or {})}
    return {"method": "GET", "path": "/open-apis/corehr/v2/approvers", "query": default_query, "body": None}


def _refused_lists(context: RecipeContext) -> dict[int, RecipeCall]:
    return {
        1160001: list_tasks(context, {"user_id": "ou_nobody"}),
        1160101: list_tasks(context, {"page_token": "no page"}),
        1160121: list_tasks(context, {"approver_status": "99"}),
    }


# -- v2.employees-job_data.query ---------------------------------------------------------------------------------


def query_job_data(context: RecipeContext, **body: Any) -> RecipeCall:
    """The job data of `active`."""
    default_body = {"employment_ids": [context("employments", "active", "open_id")], **body}
    path = "/open-apis/corehr/v2/employees/job_datas/query"
    return {"method": "POST", "path": path, "query": {"page_size": "10"}, "body": default_body}


def _refused_queries(context: RecipeContext) -> dict[int, RecipeCall]:
    return {1160013: query_job_data(context, data_date="2026-13-01")}


RECIPES: Final[Mapping[str, tuple[Callable[[RecipeContext], RecipeCall], RecipeBuilder]]] = {
    "v1.job_change.create": (create, _refused_creates),
    "v2.job_change.revoke": (revoke, _refused_revokes),
    "v2.process-approver.update": (answer_task, _refused_answers),
    "v2.approver.list": (list_tasks, _refused_lists),
    "v2.employees-job_data.query": (query_job_data, _refused_queries),
    "v2.offboarding.edit": (offboarding_recipes.edit, offboarding_recipes.refused_edits),
    "v2.offboarding.revoke": (offboarding_recipes.revoke, offboarding_recipes.refused_revokes),
    "v2.pre_hire.withdraw_onboarding": (pre_hire_recipes.withdraw, pre_hire_recipes.refused_withdrawals),
}
"""By operation: a valid request, and by code what is refused because of how things stand."""
