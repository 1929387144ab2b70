"""Recipes: for every documented code of an operation, a request that gets it from a new demo company.

A recipe is a valid request with something changed; where no state raises a code, it sets a fault first.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from corehr.demo.dates import add_days
from corehr.demo.demo_build import NamedRecords
from corehr.kernel.clock import IsoDate
from corehr.sandbox import offboarding_recipes, pre_hire_recipes
from corehr.spec.loader import Spec

RecipeCall = dict[str, Any]
Recipe = dict[str, Any]
"""`setup`, a list of calls to make first, and `request`; each call has method, path, query and body."""

UNKNOWN_RECORD_ID: Final = "1"
"""An id that belongs to no record."""


class RecipeContext:
    """What recipes are built from: the named records and the day on which the demo company was made."""

    def __init__(self, named_records: NamedRecords, today: IsoDate) -> None:
        self.named_records, self.today = named_records, today

    def fact(self, kind: str, name: str, key: str = "id") -> Any:
        """Return one fact of a named record, its id by default."""
        return self.named_records[kind][name][key]

    def day(self, days: int) -> IsoDate:
        """Return the date `days` days after today, before it when negative."""
        return add_days(self.today, days)


RecipeBuilder = Callable[[RecipeContext], Mapping[int, RecipeCall]]


def build_recipes(named_records: NamedRecords, spec: Spec, today: IsoDate) -> dict[str, dict[str, Recipe]]:
    """Return the recipes by operation and code; each is `{"setup": […], "request": {…}}`."""
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
    set_fault = {"method": "PUT", "path": "/sandbox/faults", "query": {}, "body": [fault]}
    return {"setup": [set_fault], "request": valid}


# -- v1.job_change.create ----------------------------------------------------------------------------------------


def create(context: RecipeContext, info: Mapping[str, Any] | None = None, **body: Any) -> RecipeCall:
    """Return a request that moves `active` to another department today; `info` and `body` replace its members."""
    default_body = {
        "transfer_mode": 1,
        "employment_id": context.fact("employments", "active", "open_id"),
        "transfer_type_unique_identifier": "internal_transfer",
        "effective_date": context.today,
        "transfer_info": {"target_department": context.fact("departments", "other")} if info is None else dict(info),
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
        return create(context, employment_id=context.fact("employments", name, "open_id"))

    same = {"target_department": context.fact("employments", "active", "department")}
    stale = {
        "original_department": context.fact("departments", "active"),
        "target_department": context.fact("departments", "other"),
    }
    return {
        1160100: create(context, transfer_type_unique_identifier=context.fact("transfer_types", "system_only")),
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
    """Return by code the requests that refer to a record that is missing, disabled or of another usage."""
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
        **{
            code: create(context, {f"target_{field}": context.fact(kind, "disabled")})
            for code, (field, kind) in disabled.items()
        },
        1163016: create(context, {"target_work_location": context.fact("locations", "social_security_city")}),
        1163017: create(context, {"target_social_security_city": context.fact("locations", "work_city")}),
        1163015: create(context, {"target_weekly_working_hours": "169"}),
    }


def _about_managers(context: RecipeContext) -> dict[int, RecipeCall]:
    def assign(line: str, manager: str, employee: str = "active") -> RecipeCall:
        info = {f"target_{line}_manager": context.fact("employments", manager)}
        return create(context, info, employment_id=context.fact("employments", employee, "open_id"))

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
        rates = [{"cost_center_id": context.fact("cost_centers", name), "rate": rate} for name, rate in shares]
        return create(context, {"target_cost_center_rate": rates})

    half = [{"cost_center_id": context.fact("cost_centers", "leaf")}]
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
    """Return by code the requests with invalid dates. Dates may not change alone, so the department changes too."""

    def with_department(**info: Any) -> RecipeCall:
        return create(context, {"target_department": context.fact("departments", "other"), **info})

    end = context.fact("employments", "active", "contract_end_date")
    return {
        1165001: with_department(target_contract_start_date=add_days(end, 2)),
        1165002: with_department(target_probation_end_date=context.day(-1)),
        1165005: with_department(target_contract_end_date=context.day(-1)),
        1165006: with_department(target_contract_start_date=context.day(20), target_contract_end_date=context.day(10)),
    }


def _about_job_fit(context: RecipeContext) -> dict[int, RecipeCall]:
    job, family = context.fact("jobs", "mismatching"), context.fact("job_families", "other")
    disjoint = {
        "target_job_family": context.fact("job_families", "active"),
        "target_job_level": context.fact("job_levels", "other"),
    }
    return {
        1163004: create(context, {"target_job": job}),
        1163005: create(context, {"target_job": job, "target_job_family": family}),
        1163010: create(context, disjoint),
        1163012: create(context, {"target_department": context.fact("departments", "full")}),
    }


# -- v2.job_change.revoke ----------------------------------------------------------------------------------------


def revoke(context: RecipeContext, job_change_id: str | None = None) -> RecipeCall:
    """Return a request in which the process administrator revokes a job change that has not taken effect."""
    id = job_change_id or context.fact("job_changes", "NoNeedApproval")
    operator = context.fact("employments", "process_admin", "open_id")
    path = f"/open-apis/corehr/v2/job_changes/{id}/revoke"
    return {"method": "POST", "path": path, "query": {}, "body": {"operator_id": operator}}


def _refused_revokes(context: RecipeContext) -> dict[int, RecipeCall]:
    return {1160001: revoke(context, UNKNOWN_RECORD_ID)}


# -- v2.process-approver.update ----------------------------------------------------------------------------------


def answer_task(context: RecipeContext, process: str = "waiting", **body: Any) -> RecipeCall:
    """Return a request in which the approver of the process's first pending task approves."""
    process_id, task_id = context.fact("processes", process), context.fact("processes", process, "approver_id")
    user = context.fact("processes", process, "approver_open_id")
    path = f"/open-apis/corehr/v2/processes/{process_id}/approvers/{task_id}"
    return {"method": "PUT", "path": path, "query": {}, "body": {"status": 3, "user_id": user, **body}}


def _refused_answers(context: RecipeContext) -> dict[int, RecipeCall]:
    return {
        1161001: answer_task(context, "approved"),
        1161002: answer_task(context, status=5),
        1161003: answer_task(context, user_id=context.fact("employments", "active", "open_id")),
        1161005: answer_task(context, "recalled"),
    }


# -- v2.approver.list --------------------------------------------------------------------------------------------


def list_tasks(context: RecipeContext, query: Mapping[str, str] | None = None) -> RecipeCall:
    """Return a request that lists the tasks of `manager`."""
    default_query = {"user_id": context.fact("employments", "manager", "open_id"), "page_size": "20", **(query or {})}
    return {"method": "GET", "path": "/open-apis/corehr/v2/approvers", "query": default_query, "body": None}


def _refused_lists(context: RecipeContext) -> dict[int, RecipeCall]:
    return {
        1160001: list_tasks(context, {"user_id": "ou_nobody"}),
        1160101: list_tasks(context, {"page_token": "no page"}),
        1160121: list_tasks(context, {"approver_status": "99"}),
    }


# -- v2.employees-job_data.query ---------------------------------------------------------------------------------


def query_job_data(context: RecipeContext, **body: Any) -> RecipeCall:
    """Return a request that queries the job data of `active`."""
    default_body = {"employment_ids": [context.fact("employments", "active", "open_id")], **body}
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
"""By operation: the builder of a valid request, and the builder of those that the state refuses, by code."""
