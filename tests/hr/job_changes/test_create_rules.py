"""Every documented error of creating a job change, with the state that causes it and a similar request that passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from corehr.hr.job_changes.rules.create import CREATE
from corehr.hr.job_management.job_families import JOB_FAMILY
from corehr.hr.organization.companies import COMPANY
from corehr.spec import loader
from tests.world import APP_ALL, APP_ONE_DEPARTMENT, World

UNKNOWN_ID = "7999999999999999999"
DOCUMENTED_ERRORS = loader.load().operations["v1.job_change.create"].errors
JobChangeArgs = Mapping[str, Any]


def add_days(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def id_of(kind: str, name: str) -> Callable[[World], str]:
    return lambda w: w.named[kind][name]["id"]


def target(wire: str, value: Any, **body: Any) -> Callable[[World], JobChangeArgs]:
    """Arguments with one target; a callable value is called with the world."""
    return lambda w: {"info": {wire: value(w) if callable(value) else value}, **body}


def with_department_change(args_of: Callable[[World], JobChangeArgs]) -> Callable[[World], JobChangeArgs]:
    """Add a change of department to arguments whose fields may not change alone."""

    def combined(w: World) -> JobChangeArgs:
        args = args_of(w)
        return {**args, "info": {"target_department": w.named["departments"]["other"]["id"], **args["info"]}}

    return combined


def to_other_department(w: World) -> JobChangeArgs:
    return {"info": {"target_department": w.named["departments"]["other"]["id"]}}


def for_employment(
    name: str, day: Callable[[World], str] | None = None, **more: Any
) -> Callable[[World], JobChangeArgs]:
    def args(w: World) -> JobChangeArgs:
        effective = {"effective_date": day(w)} if day else {}
        return {**to_other_department(w), "employment_id": w.employment(name)["id"], **effective, **more}

    return args


def last_day_of(name: str, days: int = 0) -> Callable[[World], str]:
    """The last day of a named employment, plus `days`."""
    return lambda w: add_days(w.sandbox("GET", f"records/employments/{w.employment(name)['id']}")["end_date"], days)


def onboarding_of(name: str, days: int = 0) -> Callable[[World], str]:
    return lambda w: add_days(w.employment(name)["onboarding_date"], days)


def version_of_future_job_data(days: int) -> Callable[[World], str]:
    def day(w: World) -> str:
        record = w.sandbox("GET", f"records/job_datas/{w.employment('future_job_data')['job_data_id']}")
        return add_days(record["versions"][-1]["valid_from"], days)

    return day


def shares(*items: Any) -> Callable[[World], JobChangeArgs]:
    """Arguments with target cost centres, given as pairs of a name and a rate."""

    def args(w: World) -> JobChangeArgs:
        centers = w.named["cost_centers"]
        return {
            "info": {
                "target_cost_center_rate": [
                    {"cost_center_id": centers[name]["id"], "rate": rate} for name, rate in items
                ]
            }
        }

    return args


def contract(
    start: int | None = None, end: int | None = None, after: str = "today"
) -> Callable[[World], JobChangeArgs]:
    """Arguments with contract dates, in days from today or from the end of the contract in force."""

    def args(w: World) -> JobChangeArgs:
        base = w.today() if after == "today" else w.employment("active")["contract_end_date"]
        dates = {"target_contract_start_date": start, "target_contract_end_date": end}
        info = {wire: add_days(base, days) for wire, days in dates.items() if days is not None}
        return {"info": {"target_department": w.named["departments"]["other"]["id"], **info}}

    return args


def to_named_records(**names: tuple[str, str]) -> Callable[[World], JobChangeArgs]:
    return lambda w: {"info": {f"target_{wire}": w.named[kind][name]["id"] for wire, (kind, name) in names.items()}}


def number_of(name: str) -> Callable[[World], JobChangeArgs]:
    """The employee number that a named employment has."""

    def args(w: World) -> JobChangeArgs:
        record = w.sandbox("GET", f"records/employments/{w.employment(name)['id']}")
        return {"info": {"target_employment_change": {"employee_number": record["version"]["body"]["employee_number"]}}}

    return args


def flow_of_offboardings(w: World) -> str:
    process_id = w.sandbox("GET", f"records/offboardings/{w.named['offboardings']['Approving']['id']}")["process_id"]
    return str(w.sandbox("GET", f"records/processes/{process_id}")["flow_id"])


def by_approval(w: World, name: str) -> JobChangeArgs:
    flow = w.named["transfer_types"]["internal_transfer"]["flow_id"]
    employment_id = w.employment(name)["id"]
    info = {"info": {"target_department": w.named["departments"]["active"]["id"]}}
    return {**info, "employment_id": employment_id, "transfer_mode": 2, "flow_id": flow}


def pending_process(w: World) -> str:
    """The process of the last event about a job change."""
    return str(w.all_events("corehr.job_change.status_updated_v2")[-1]["event"]["process_id"])


def level_and_pathways(w: World) -> tuple[str, str]:
    """A level that lists pathways, and one of them."""
    level = w.named["job_levels"]["active"]["id"]
    body = w.sandbox("GET", f"records/job_levels/{level}")["version"]["body"]
    return level, body["pathway_ids"][0]


def allowed_by(job: str, **replaced: Callable[[World], str]) -> Callable[[World], JobChangeArgs]:
    """Arguments with a job and the family and level that it allows, except the replaced targets."""

    def args(w: World) -> JobChangeArgs:
        job_facts = w.named["jobs"][job]
        info = {
            "target_job": job_facts["id"],
            "target_job_family": job_facts["job_family_ids"][0],
            "target_job_level": job_facts["job_level_ids"][0],
        }
        return {"info": {**info, **{f"target_{wire}": value(w) for wire, value in replaced.items()}}}

    return args


def pathways(disjoint: bool) -> Callable[[World], JobChangeArgs]:
    """Arguments with a family and a level that list pathways, with or without one in common."""

    def args(w: World) -> JobChangeArgs:
        families, levels = w.named["job_families"].values(), w.named["job_levels"].values()
        for family in families:
            for level in levels:
                family_pathways, level_pathways = (
                    set(family.get("pathway_ids") or ()),
                    set(level.get("pathway_ids") or ()),
                )
                usable = family.get("active", True) and level.get("active", True)
                if (
                    usable
                    and family_pathways
                    and level_pathways
                    and family_pathways.isdisjoint(level_pathways) is disjoint
                ):
                    job = w.named["jobs"]["other"]["id"]
                    return {
                        "info": {
                            "target_job": job,
                            "target_job_family": family["id"],
                            "target_job_level": level["id"],
                        }
                    }
        raise AssertionError("the demo company has no such pair")

    return args


def pending_effective_date(w: World) -> str:
    """The effective date, in the future, of the named job change `Approved`."""
    change = w.named["job_changes"]["Approved"]
    return w.sandbox("GET", f"records/job_changes/{change['id']}")["effective_date"]


def for_pending_change(days: int) -> Callable[[World], JobChangeArgs]:
    return lambda w: {
        "info": {"target_weekly_working_hours": "31"},
        "employment_id": w.named["job_changes"]["Approved"]["employment_id"],
        "effective_date": add_days(pending_effective_date(w), days),
    }


def dotted_under_active(w: World) -> None:
    """`active_2` reports to `active` along the dotted line."""
    w.create_job_change(
        w.employment("active_2")["id"], {"target_dotted_manager": w.employment("active")["id"]}
    ).assert_ok()


def as_one_department_app(name: str) -> Callable[[World], JobChangeArgs]:
    return for_employment(name, app=APP_ONE_DEPARTMENT)


@dataclass(frozen=True)
class RuleCase:
    code: int
    name: str
    refused: Callable[[World], JobChangeArgs]
    allowed: Callable[[World], JobChangeArgs]
    arrange: Callable[[World], None] = field(default=lambda w: None)
    between: Callable[[World], None] = field(default=lambda w: None)
    """What happens after the refused request, so that the same one is allowed."""


CASES = [
    RuleCase(
        1160100,
        "type_missing",
        lambda w: {**to_other_department(w), "transfer_type_unique_identifier": None},
        to_other_department,
    ),
    RuleCase(
        1160100,
        "type_empty",
        lambda w: {**to_other_department(w), "transfer_type_unique_identifier": ""},
        to_other_department,
    ),
    RuleCase(
        1160100,
        "type_unknown",
        lambda w: {**to_other_department(w), "transfer_type_unique_identifier": "nope"},
        to_other_department,
    ),
    RuleCase(
        1160100,
        "type_of_wrong_json_type",
        lambda w: {**to_other_department(w), "transfer_type_unique_identifier": 5},
        to_other_department,
    ),
    RuleCase(
        1160100,
        "type_system_only",
        lambda w: {
            **to_other_department(w),
            "transfer_type_unique_identifier": w.named["transfer_types"]["system_only"]["id"],
        },
        lambda w: {
            **to_other_department(w),
            "transfer_type_unique_identifier": w.named["transfer_types"]["promotion"]["id"],
        },
    ),
    RuleCase(
        99992402,
        "flow_missing_in_mode_2",
        lambda w: {**to_other_department(w), "transfer_mode": 2},
        lambda w: {
            **to_other_department(w),
            "transfer_mode": 2,
            "flow_id": w.named["transfer_types"]["internal_transfer"]["flow_id"],
        },
    ),
    RuleCase(
        1160500,
        "flow_unknown",
        lambda w: {**to_other_department(w), "transfer_mode": 2, "flow_id": "people_1_1"},
        lambda w: {**to_other_department(w), "transfer_mode": 1, "flow_id": "people_1_1"},
    ),
    RuleCase(
        1160200, "employment_missing", lambda w: {**to_other_department(w), "employment_id": None}, to_other_department
    ),
    RuleCase(
        1160200, "employment_empty", lambda w: {**to_other_department(w), "employment_id": ""}, to_other_department
    ),
    RuleCase(
        1160200,
        "employment_unknown",
        lambda w: {**to_other_department(w), "employment_id": UNKNOWN_ID},
        to_other_department,
    ),
    RuleCase(
        1160200,
        "employment_of_wrong_json_type",
        lambda w: {**to_other_department(w), "employment_id": 12},
        to_other_department,
    ),
    RuleCase(
        1160200,
        "employment_outside_data_range",
        as_one_department_app("outside_range"),
        as_one_department_app("active"),
    ),
    RuleCase(
        99992402,
        "initiator_unknown",
        lambda w: {**to_other_department(w), "initiator_id": UNKNOWN_ID},
        lambda w: {**to_other_department(w), "initiator_id": w.employment("manager")["id"]},
    ),
    RuleCase(
        99992402,
        "initiator_has_left",
        lambda w: {**to_other_department(w), "initiator_id": w.employment("left")["id"]},
        lambda w: {**to_other_department(w), "initiator_id": w.employment("leaver")["id"]},
    ),
    RuleCase(
        99992402,
        "initiator_has_not_begun",
        lambda w: {**to_other_department(w), "initiator_id": w.employment("future_hire")["id"]},
        lambda w: {**to_other_department(w), "initiator_id": w.employment("manager")["id"]},
    ),
    RuleCase(
        99992402,
        "flow_of_another_type",
        lambda w: {
            **to_other_department(w),
            "transfer_mode": 2,
            "flow_id": w.named["transfer_types"]["promotion"]["flow_id"],
        },
        lambda w: {
            **to_other_department(w),
            "transfer_mode": 2,
            "transfer_type_unique_identifier": "promotion",
            "flow_id": w.named["transfer_types"]["promotion"]["flow_id"],
        },
    ),
    RuleCase(
        99992402,
        "flow_of_no_transfer_type",
        lambda w: {**to_other_department(w), "transfer_mode": 2, "flow_id": flow_of_offboardings(w)},
        lambda w: {**to_other_department(w), "transfer_mode": 1, "flow_id": flow_of_offboardings(w)},
    ),
    RuleCase(
        1160202,
        "change_being_approved",
        lambda w: {**to_other_department(w), "effective_date": add_days(w.today(), 60)},
        lambda w: {**to_other_department(w), "effective_date": add_days(w.today(), 60)},
        between=lambda w: w.approve(pending_process(w)),
        arrange=lambda w: create_job_change(w, by_approval(w, "active")).assert_ok(),
    ),
    RuleCase(
        99992402,
        "dotted_manager_cleared_and_set",
        lambda w: {
            "info": {
                "target_dotted_manager_clean": True,
                "target_dotted_manager": w.employment("manager")["id"],
                **to_other_department(w)["info"],
            }
        },
        lambda w: {
            "info": {"target_dotted_manager_clean": True, "target_dotted_manager": "", **to_other_department(w)["info"]}
        },
    ),
    RuleCase(
        99992402,
        "probation_without_end",
        with_department_change(lambda w: {"info": {"probation_exist": True}}),
        with_department_change(
            lambda w: {"info": {"probation_exist": True, "target_probation_end_date": add_days(w.today(), 90)}}
        ),
    ),
    RuleCase(
        99992402,
        "no_probation_with_an_end",
        with_department_change(
            lambda w: {"info": {"probation_exist": False, "target_probation_end_date": add_days(w.today(), 90)}}
        ),
        with_department_change(lambda w: {"info": {"probation_exist": False}}),
    ),
    RuleCase(
        99992402,
        "employee_number_of_another",
        with_department_change(number_of("manager")),
        with_department_change(number_of("active")),
    ),
    RuleCase(
        99992402,
        "employee_number_of_someone_who_left",
        with_department_change(number_of("left")),
        with_department_change(lambda w: {"info": {"target_employment_change": {"employee_number": "N9001"}}}),
    ),
    RuleCase(
        99992402,
        "employee_number_in_a_waiting_change",
        with_department_change(lambda w: {"info": {"target_employment_change": {"employee_number": "N9002"}}}),
        with_department_change(lambda w: {"info": {"target_employment_change": {"employee_number": "N9003"}}}),
        arrange=lambda w: create_job_change(
            w,
            {
                "employment_id": w.employment("active_2")["id"],
                "effective_date": add_days(w.today(), 30),
                "info": {
                    **to_other_department(w)["info"],
                    "target_employment_change": {"employee_number": "N9002"},
                },
            },
        ).assert_ok(),
    ),
    RuleCase(
        99992402,
        "pathway_of_another_level",
        lambda w: {"info": {"target_job_level": level_and_pathways(w)[0], "target_pathway": UNKNOWN_ID}},
        lambda w: {"info": {"target_job_level": level_and_pathways(w)[0], "target_pathway": level_and_pathways(w)[1]}},
    ),
    RuleCase(
        99992402,
        "service_company_disabled_later",
        with_department_change(target("target_service_company", id_of("companies", "active"))),
        with_department_change(target("target_service_company", id_of("companies", "other"))),
        arrange=lambda w: w.in_transaction(
            lambda tx: COMPANY.amend(
                tx, w.named["companies"]["active"]["id"], add_days(w.today(), 30), {"active": False}
            )
        ),
    ),
    RuleCase(1160201, "pending_offboarding", for_employment("leaver"), for_employment("active_2")),
    RuleCase(1160202, "later_change", for_pending_change(-1), for_pending_change(0)),
    RuleCase(
        1160501,
        "before_onboarding",
        for_employment("future_hire", onboarding_of("future_hire", -1)),
        for_employment("future_hire", onboarding_of("future_hire")),
    ),
    RuleCase(
        1160502,
        "after_offboarding",
        for_employment("left", last_day_of("left", 1)),
        for_employment("left", last_day_of("left")),
    ),
    RuleCase(
        1164003,
        "after_end_date",
        for_employment("fixed_end", last_day_of("fixed_end", 1)),
        for_employment("fixed_end", last_day_of("fixed_end")),
    ),
    RuleCase(
        1162002,
        "later_job_data",
        for_employment("future_job_data", version_of_future_job_data(-1)),
        for_employment("future_job_data", version_of_future_job_data(0)),
    ),
    RuleCase(1160600, "no_target", lambda w: {"info": {}}, to_other_department),
    RuleCase(
        1160600,
        "only_a_remark",
        lambda w: {"info": {"remark": "x"}},
        lambda w: {"info": {"remark": "x", **to_other_department(w)["info"]}},
    ),
    RuleCase(
        1160601,
        "target_has_current_value",
        lambda w: {"info": {"target_department": w.employment("active")["department"]}},
        to_other_department,
    ),
    RuleCase(
        1160601,
        "field_may_not_change_alone",
        target("target_contract_end_date", "2031-12-31"),
        with_department_change(target("target_contract_end_date", "2031-12-31")),
    ),
    RuleCase(
        1160700,
        "original_is_stale",
        lambda w: {
            "info": {**to_other_department(w)["info"], "original_department": w.named["departments"]["other"]["id"]}
        },
        lambda w: {
            "info": {**to_other_department(w)["info"], "original_department": w.employment("active")["department"]}
        },
    ),
    RuleCase(1160300, "department", target("target_department", UNKNOWN_ID), to_other_department),
    RuleCase(
        1160301,
        "work_location",
        target("target_work_location", UNKNOWN_ID),
        target("target_work_location", id_of("locations", "work_city_2")),
    ),
    RuleCase(1160302, "job", target("target_job", UNKNOWN_ID), target("target_job", id_of("jobs", "other"))),
    RuleCase(
        1160303,
        "job_family",
        target("target_job_family", UNKNOWN_ID),
        target("target_job_family", id_of("job_families", "other")),
    ),
    RuleCase(
        1160306,
        "working_hours_type_unknown",
        target("target_working_hours_type", UNKNOWN_ID),
        target("target_working_hours_type", id_of("working_hours_types", "other")),
    ),
    RuleCase(
        1160306,
        "working_hours_type_disabled",
        target("target_working_hours_type", id_of("working_hours_types", "disabled")),
        target("target_working_hours_type", id_of("working_hours_types", "other")),
    ),
    RuleCase(
        1160307,
        "job_level_unknown",
        target("target_job_level", UNKNOWN_ID),
        target("target_job_level", id_of("job_levels", "other")),
    ),
    RuleCase(
        1160307,
        "job_level_disabled",
        target("target_job_level", id_of("job_levels", "disabled")),
        target("target_job_level", id_of("job_levels", "other")),
    ),
    RuleCase(
        1160308,
        "employee_type_unknown",
        target("target_workforce_type", UNKNOWN_ID),
        target("target_workforce_type", id_of("employee_types", "other")),
    ),
    RuleCase(
        1160308,
        "employee_type_disabled",
        target("target_workforce_type", id_of("employee_types", "disabled")),
        target("target_workforce_type", id_of("employee_types", "other")),
    ),
    RuleCase(
        1160308,
        "subtype_of_another_type",
        with_department_change(
            lambda w: {"info": {"target_employee_subtype": w.named["employee_types"]["other"]["subtype_ids"][0]}}
        ),
        lambda w: {
            "info": {
                "target_workforce_type": w.named["employee_types"]["other"]["id"],
                "target_employee_subtype": w.named["employee_types"]["other"]["subtype_ids"][0],
            }
        },
    ),
    *(
        RuleCase(
            99992402,
            f"{wire}_{state}",
            with_department_change(target(wire, value)),
            with_department_change(target(wire, id_of(kind, "other"))),
        )
        for wire, kind in (
            ("target_company", "companies"),
            ("target_service_company", "companies"),
            ("target_job_grade", "job_grades"),
        )
        for state, value in (("unknown", UNKNOWN_ID), ("disabled", id_of(kind, "disabled")))
    ),
    RuleCase(
        99992402, "position_unknown", with_department_change(target("target_position", UNKNOWN_ID)), to_other_department
    ),
    RuleCase(
        1163000,
        "department_disabled",
        target("target_department", id_of("departments", "disabled")),
        to_other_department,
    ),
    RuleCase(
        1163000,
        "department_disabled_later",
        target("target_department", id_of("departments", "disabled_next_month")),
        to_other_department,
    ),
    RuleCase(
        1163001,
        "work_location_disabled",
        target("target_work_location", id_of("locations", "disabled")),
        target("target_work_location", id_of("locations", "work_city_2")),
    ),
    RuleCase(
        1163002,
        "job_disabled",
        target("target_job", id_of("jobs", "disabled")),
        target("target_job", id_of("jobs", "other")),
    ),
    RuleCase(
        1163003,
        "job_family_not_selectable",
        target("target_job_family", id_of("job_families", "other")),
        target("target_job_level", id_of("job_levels", "other")),
        lambda w: w.in_transaction(
            lambda tx: JOB_FAMILY.amend(tx, w.named["job_families"]["other"]["id"], "2026-01-01", {"selectable": False})
        ),
    ),
    RuleCase(
        1163003,
        "job_family_disabled",
        target("target_job_family", id_of("job_families", "disabled")),
        target("target_job_family", id_of("job_families", "other")),
    ),
    *(
        RuleCase(
            1163015,
            f"hours_{i}",
            target("target_weekly_working_hours", hours),
            target("target_weekly_working_hours", "168"),
        )
        for i, hours in enumerate(("0", "168.01", "37.125", "-1", "many", 40, ["40"]))
    ),
    RuleCase(
        1163015,
        "hours_not_above_0",
        target("target_weekly_working_hours", "0.00"),
        target("target_weekly_working_hours", "0.01"),
    ),
    RuleCase(
        1163016,
        "not_a_work_city",
        target("target_work_location", id_of("locations", "social_security_city")),
        target("target_work_location", id_of("locations", "work_city_2")),
    ),
    RuleCase(
        1163017,
        "not_a_social_security_city",
        with_department_change(target("target_social_security_city", id_of("locations", "work_city"))),
        with_department_change(target("target_social_security_city", id_of("locations", "social_security_city"))),
    ),
    RuleCase(
        1164000,
        "direct_manager_not_onboarded",
        lambda w: {
            "info": {"target_direct_manager": w.employment("future_hire")["id"]},
            "effective_date": onboarding_of("future_hire", -1)(w),
        },
        lambda w: {
            "info": {"target_direct_manager": w.employment("future_hire")["id"]},
            "effective_date": onboarding_of("future_hire")(w),
        },
    ),
    RuleCase(
        1164001,
        "direct_manager_unknown",
        target("target_direct_manager", UNKNOWN_ID),
        target("target_direct_manager", lambda w: w.employment("top")["id"]),
    ),
    RuleCase(
        1164001,
        "direct_manager_left",
        lambda w: {
            "info": {"target_direct_manager": w.employment("fixed_end")["id"]},
            "effective_date": last_day_of("fixed_end", 1)(w),
        },
        lambda w: {
            "info": {"target_direct_manager": w.employment("fixed_end")["id"]},
            "effective_date": last_day_of("fixed_end")(w),
        },
    ),
    RuleCase(
        1164002,
        "dotted_manager_not_onboarded",
        lambda w: {
            "info": {"target_dotted_manager": w.employment("future_hire")["id"]},
            "effective_date": onboarding_of("future_hire", -1)(w),
        },
        lambda w: {
            "info": {"target_dotted_manager": w.employment("future_hire")["id"]},
            "effective_date": onboarding_of("future_hire")(w),
        },
    ),
    RuleCase(
        1165000,
        "dotted_manager_unknown",
        target("target_dotted_manager", UNKNOWN_ID),
        target("target_dotted_manager", lambda w: w.employment("top")["id"]),
    ),
    RuleCase(
        1165000,
        "dotted_manager_left",
        lambda w: {
            "info": {"target_dotted_manager": w.employment("fixed_end")["id"]},
            "effective_date": last_day_of("fixed_end", 1)(w),
        },
        lambda w: {
            "info": {"target_dotted_manager": w.employment("fixed_end")["id"]},
            "effective_date": last_day_of("fixed_end")(w),
        },
    ),
    RuleCase(
        1160400,
        "own_manager",
        target("target_direct_manager", lambda w: w.employment("active")["id"]),
        target("target_direct_manager", lambda w: w.employment("active_2")["id"]),
    ),
    RuleCase(
        1160400,
        "manager_under_a_report",
        lambda w: {
            "info": {"target_direct_manager": w.employment("active")["id"]},
            "employment_id": w.employment("manager")["id"],
        },
        lambda w: {
            "info": {"target_dotted_manager": w.employment("active")["id"]},
            "employment_id": w.employment("manager")["id"],
        },
    ),
    RuleCase(
        1160401,
        "dotted_reporting_line_circular",
        target("target_dotted_manager", lambda w: w.employment("active_2")["id"]),
        target("target_dotted_manager", lambda w: w.employment("top")["id"]),
        dotted_under_active,
    ),
    RuleCase(1163024, "shares_are_not_a_list", target("target_cost_center_rate", "x"), shares(("leaf", 100))),
    RuleCase(1163024, "shares_are_not_objects", target("target_cost_center_rate", ["x"]), shares(("leaf", 100))),
    RuleCase(
        1163024,
        "cost_center_id_is_not_digits",
        target("target_cost_center_rate", [{"cost_center_id": "abc", "rate": 100}]),
        shares(("leaf", 100)),
    ),
    RuleCase(
        1163022,
        "only_a_rate",
        target("target_cost_center_rate", [{"rate": 100}]),
        shares(("leaf", 100)),
    ),
    RuleCase(
        1163022,
        "only_a_cost_center",
        lambda w: {"info": {"target_cost_center_rate": [{"cost_center_id": w.named["cost_centers"]["leaf"]["id"]}]}},
        shares(("leaf", 100)),
    ),
    RuleCase(1163021, "rate_above_100", shares(("leaf", 101)), shares(("leaf", 100))),
    RuleCase(
        1163021,
        "rate_is_not_an_integer",
        shares(("leaf", 33.3), ("leaf_2", 66.7)),
        shares(("leaf", 33), ("leaf_2", 67)),
    ),
    RuleCase(1163021, "rate_is_text", shares(("leaf", "100")), shares(("leaf", 100))),
    RuleCase(1163018, "rate_below_1", shares(("leaf", 0), ("leaf_2", 100)), shares(("leaf", 1), ("leaf_2", 99))),
    RuleCase(1163019, "cost_center_repeated", shares(("leaf", 50), ("leaf", 50)), shares(("leaf", 50), ("leaf_2", 50))),
    RuleCase(1163019, "total_is_not_100", shares(("leaf", 50), ("leaf_2", 49)), shares(("leaf", 50), ("leaf_2", 50))),
    RuleCase(
        1163025,
        "unknown_cost_center",
        target("target_cost_center_rate", [{"cost_center_id": UNKNOWN_ID, "rate": 100}]),
        shares(("leaf", 100)),
    ),
    RuleCase(1163023, "parent_cost_center", shares(("parent", 100)), shares(("leaf", 100))),
    RuleCase(1163020, "cost_center_disabled", shares(("disabled", 100)), shares(("leaf", 100))),
    RuleCase(1163020, "cost_center_starts_later", shares(("future", 100)), shares(("leaf", 100))),
    RuleCase(1163026, "cost_center_disabled_later", shares(("disabled_next_month", 100)), shares(("leaf", 100))),
    RuleCase(1165001, "contract_after_the_end", contract(1, 400, "contract"), contract(0, 400, "contract")),
    RuleCase(
        1165002,
        "probation_ends_before",
        with_department_change(lambda w: {"info": {"target_probation_end_date": add_days(w.today(), -1)}}),
        with_department_change(lambda w: {"info": {"target_probation_end_date": w.today()}}),
    ),
    RuleCase(1165005, "contract_ends_before_effect", contract(end=-1), contract(end=0)),
    RuleCase(1165006, "contract_ends_before_it_starts", contract(start=20, end=19), contract(start=20, end=20)),
    RuleCase(
        1163004,
        "family_the_job_does_not_allow",
        allowed_by("matching", job_family=lambda w: not_allowed_by_matching_job(w, "job_families", "job_family_ids")),
        allowed_by("matching"),
    ),
    RuleCase(
        1163005,
        "level_the_job_does_not_allow",
        allowed_by("matching", job_level=lambda w: not_allowed_by_matching_job(w, "job_levels", "job_level_ids")),
        allowed_by("matching"),
    ),
    RuleCase(1163010, "no_common_pathway", pathways(disjoint=True), pathways(disjoint=False)),
    RuleCase(
        1163012, "headcount_exhausted", target("target_department", id_of("departments", "full")), to_other_department
    ),
]


def not_allowed_by_matching_job(w: World, kind: str, allowed: str) -> str:
    """Return the id of an active entity of a kind that the job `matching` does not allow."""
    allowed_ids = w.named["jobs"]["matching"][allowed]
    return next(w.named[kind][n]["id"] for n in ("active", "other") if w.named[kind][n]["id"] not in allowed_ids)


def create_job_change(world: World, args: JobChangeArgs) -> Any:
    body = dict(args)
    info, app = body.pop("info"), body.pop("app", APP_ALL)
    employment_id = body.pop("employment_id", world.employment("active")["id"])
    return world.create_job_change(employment_id, info, app=app, **body)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code}-{c.name}")
def test_refused_with_nothing_changed_and_its_neighbour_allowed(world, case):
    case.arrange(world)
    before = world.fingerprint()
    response = create_job_change(world, case.refused(world))
    status, message = DOCUMENTED_ERRORS.get(case.code, (400, "field validation failed"))
    assert response.error() == (status, case.code, message)
    assert response.json["error"]["log_id"] == response.headers["X-Tt-Logid"]
    assert world.refused_by() in {
        rule.name for rule in CREATE.rules if rule.code == case.code and callable(rule.raised_by)
    }
    assert world.fingerprint() == before
    case.between(world)
    create_job_change(world, case.allowed(world)).assert_ok()


def test_a_system_failure_is_answered_as_documented(world):
    """corehr's own failure also answers 1160500; an injected fault shows it."""
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500, "times": 1}])
    before = world.fingerprint()
    assert create_job_change(world, to_other_department(world)).error() == (400, 1160500, "system error")
    assert world.fingerprint() == before
    create_job_change(world, to_other_department(world)).assert_ok()


def test_every_code_of_the_page_has_a_case():
    assert {c.code for c in CASES} - {99992402} == set(DOCUMENTED_ERRORS)
