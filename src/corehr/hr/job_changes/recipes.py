"""Recipes of job changes: requests that create or revoke one and get a documented error."""

from collections.abc import Mapping
from typing import Any, Final

from corehr.engines.recipes import UNKNOWN_RECORD_ID, RecipeCall, RecipeContext, Recipes
from corehr.kernel.clock import next_day
from corehr.kernel.errors import INVALID_FIELD


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


def refused_creates(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the creations that the state of the demo company refuses."""
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
        INVALID_FIELD: create(context, transfer_mode=2),  # without the flow_id that an approval needs
        1160100: create(context, transfer_type_unique_identifier=context.fact("transfer_types", "system_only")),
        1160200: create(context, employment_id=UNKNOWN_RECORD_ID) | {"query": {"user_id_type": "people_corehr_id"}},
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
        1165001: with_department(target_contract_start_date=next_day(next_day(end))),
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


def revoke(context: RecipeContext, job_change_id: str | None = None) -> RecipeCall:
    """Return a request in which the process administrator revokes a job change that has not taken effect."""
    id = job_change_id or context.fact("job_changes", "NoNeedApproval")
    operator = context.fact("employments", "process_admin", "open_id")
    path = f"/open-apis/corehr/v2/job_changes/{id}/revoke"
    return {"method": "POST", "path": path, "query": {}, "body": {"operator_id": operator}}


def refused_revokes(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the revocations that the state of the demo company refuses."""
    return {1160001: revoke(context, UNKNOWN_RECORD_ID)}


RECIPES: Final[Mapping[str, Recipes]] = {
    "v1.job_change.create": Recipes(create, refused_creates),
    "v2.job_change.revoke": Recipes(revoke, refused_revokes),
}
