"""Every documented no of creating a job change, built from its state; and the neighbour that passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from corehr.gateway import spec
from corehr.hr.job_changes.rules.create import CREATE
from corehr.hr.job_families.records import JOB_FAMILY
from tests.world import ALL, PART, World

NOBODY = "7999999999999999999"
PAGE = spec.load().operations["v1.job_change.create"].errors
Asked = Mapping[str, Any]


def shifted(day: str, by: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=by)).isoformat()


def named(kind: str, name: str) -> Callable[[World], str]:
    return lambda w: w.names[kind][name]["id"]


def target(wire: str, value: Any, **body: Any) -> Callable[[World], Asked]:
    """Ask for one target; a callable is asked of the world."""
    return lambda w: {"info": {wire: value(w) if callable(value) else value}, **body}


def beside(info: Callable[[World], Asked]) -> Callable[[World], Asked]:
    """The same, together with a change of department, so that it is not alone."""

    def both(w: World) -> Asked:
        asked = info(w)
        return {**asked, "info": {"target_department": w.names["departments"]["other"]["id"], **asked["info"]}}

    return both


def somewhere(w: World) -> Asked:
    return {"info": {"target_department": w.names["departments"]["other"]["id"]}}


def for_person(name: str, day: Callable[[World], str] | None = None, **more: Any) -> Callable[[World], Asked]:
    def asked(w: World) -> Asked:
        effective = {"effective_date": day(w)} if day else {}
        return {**somewhere(w), "person": w.person(name)["id"], **effective, **more}

    return asked


def end_of(name: str, by: int = 0) -> Callable[[World], str]:
    """The last day of a named person's employment, or days from it."""
    return lambda w: shifted(w.sandbox("GET", f"records/employments/{w.person(name)['id']}")["end_date"], by)


def onboarding_of(name: str, by: int = 0) -> Callable[[World], str]:
    return lambda w: shifted(w.person(name)["onboarding_date"], by)


def version_of_future_job_data(by: int) -> Callable[[World], str]:
    def day(w: World) -> str:
        shown = w.sandbox("GET", f"records/job_datas/{w.person('future_job_data')['job_data_id']}")
        return shifted(shown["versions"][-1]["valid_from"], by)

    return day


def shares(*items: Any) -> Callable[[World], Asked]:
    """Ask for cost centres: pairs of a name and a rate."""

    def asked(w: World) -> Asked:
        centers = w.names["cost_centers"]
        return {
            "info": {
                "target_cost_center_rate": [
                    {"cost_center_id": centers[name]["id"], "rate": rate} for name, rate in items
                ]
            }
        }

    return asked


def contract(start: int | None = None, end: int | None = None, after: str = "today") -> Callable[[World], Asked]:
    """Contract dates as days from today, or from the end of the contract in force."""

    def asked(w: World) -> Asked:
        base = w.today() if after == "today" else w.person("active")["contract_end_date"]
        dates = {"target_contract_start_date": start, "target_contract_end_date": end}
        told = {wire: shifted(base, by) for wire, by in dates.items() if by is not None}
        return {"info": {"target_department": w.names["departments"]["other"]["id"], **told}}

    return asked


def fitting(**names: tuple[str, str]) -> Callable[[World], Asked]:
    return lambda w: {"info": {f"target_{wire}": w.names[kind][name]["id"] for wire, (kind, name) in names.items()}}


def allowed_by(job: str, **replaced: Callable[[World], str]) -> Callable[[World], Asked]:
    """A job with the family and the level that it allows, but for what is replaced."""

    def asked(w: World) -> Asked:
        facts = w.names["jobs"][job]
        info = {
            "target_job": facts["id"],
            "target_job_family": facts["job_family_ids"][0],
            "target_job_level": facts["job_level_ids"][0],
        }
        return {"info": {**info, **{f"target_{wire}": value(w) for wire, value in replaced.items()}}}

    return asked


def pathways(disjoint: bool) -> Callable[[World], Asked]:
    """A family and a level that name pathways, with or without one in common."""

    def asked(w: World) -> Asked:
        families, levels = w.names["job_families"].values(), w.names["job_levels"].values()
        for family in families:
            for level in levels:
                ours, theirs = set(family.get("pathway_ids") or ()), set(level.get("pathway_ids") or ())
                usable = family.get("active", True) and level.get("active", True)
                if usable and ours and theirs and ours.isdisjoint(theirs) is disjoint:
                    job = w.names["jobs"]["other"]["id"]
                    return {
                        "info": {
                            "target_job": job,
                            "target_job_family": family["id"],
                            "target_job_level": level["id"],
                        }
                    }
        raise AssertionError("the demo company has no such pair")

    return asked


def pending_change(w: World) -> str:
    """Somebody has a job change that takes effect later; its day, and `w.whom` is the person."""
    change = w.names["job_changes"]["Approved"]
    return w.sandbox("GET", f"records/job_changes/{change['id']}")["effective_date"]


def of_pending_change(by: int) -> Callable[[World], Asked]:
    return lambda w: {
        "info": {"target_weekly_working_hours": "31"},
        "person": w.names["job_changes"]["Approved"]["employment_id"],
        "effective_date": shifted(pending_change(w), by),
    }


def dotted_under_active(w: World) -> None:
    """`active_2` reports to `active` along the dotted line."""
    w.change(w.person("active_2")["id"], {"target_dotted_manager": w.person("active")["id"]}).passes()


def by_part(name: str) -> Callable[[World], Asked]:
    return for_person(name, app=PART)


@dataclass(frozen=True)
class Case:
    code: int
    called: str
    refused: Callable[[World], Asked]
    allowed: Callable[[World], Asked]
    arrange: Callable[[World], None] = field(default=lambda w: None)


CASES = [
    Case(1160100, "type_missing", lambda w: {**somewhere(w), "transfer_type_unique_identifier": None}, somewhere),
    Case(1160100, "type_empty", lambda w: {**somewhere(w), "transfer_type_unique_identifier": ""}, somewhere),
    Case(1160100, "type_unknown", lambda w: {**somewhere(w), "transfer_type_unique_identifier": "nope"}, somewhere),
    Case(
        1160100, "type_of_wrong_json_type", lambda w: {**somewhere(w), "transfer_type_unique_identifier": 5}, somewhere
    ),
    Case(
        1160100,
        "type_for_the_system",
        lambda w: {**somewhere(w), "transfer_type_unique_identifier": w.names["transfer_types"]["system_only"]["id"]},
        lambda w: {**somewhere(w), "transfer_type_unique_identifier": w.names["transfer_types"]["promotion"]["id"]},
    ),
    Case(
        99992402,
        "flow_missing_in_mode_2",
        lambda w: {**somewhere(w), "transfer_mode": 2},
        lambda w: {
            **somewhere(w),
            "transfer_mode": 2,
            "flow_id": w.names["transfer_types"]["internal_transfer"]["flow_id"],
        },
    ),
    Case(
        1160500,
        "flow_unknown",
        lambda w: {**somewhere(w), "transfer_mode": 2, "flow_id": "people_1_1"},
        lambda w: {**somewhere(w), "transfer_mode": 1, "flow_id": "people_1_1"},
    ),
    Case(1160200, "person_missing", lambda w: {**somewhere(w), "person": None}, somewhere),
    Case(1160200, "person_empty", lambda w: {**somewhere(w), "person": ""}, somewhere),
    Case(1160200, "person_unknown", lambda w: {**somewhere(w), "person": NOBODY}, somewhere),
    Case(1160200, "person_of_wrong_json_type", lambda w: {**somewhere(w), "person": 12}, somewhere),
    Case(1160200, "person_out_of_range", by_part("outside_range"), by_part("active")),
    Case(
        99992402,
        "initiator_unknown",
        lambda w: {**somewhere(w), "initiator_id": NOBODY},
        lambda w: {**somewhere(w), "initiator_id": w.person("manager")["id"]},
    ),
    Case(1160201, "pending_offboarding", for_person("leaver"), for_person("active_2")),
    Case(1160202, "later_change", of_pending_change(-1), of_pending_change(0)),
    Case(
        1160501,
        "before_onboarding",
        for_person("future_hire", onboarding_of("future_hire", -1)),
        for_person("future_hire", onboarding_of("future_hire")),
    ),
    Case(1160502, "after_offboarding", for_person("left", end_of("left", 1)), for_person("left", end_of("left"))),
    Case(
        1164003,
        "after_fixed_end",
        for_person("fixed_end", end_of("fixed_end", 1)),
        for_person("fixed_end", end_of("fixed_end")),
    ),
    Case(
        1162002,
        "later_job_data",
        for_person("future_job_data", version_of_future_job_data(-1)),
        for_person("future_job_data", version_of_future_job_data(0)),
    ),
    Case(1160600, "nothing", lambda w: {"info": {}}, somewhere),
    Case(
        1160600,
        "only_a_remark",
        lambda w: {"info": {"remark": "x"}},
        lambda w: {"info": {"remark": "x", **somewhere(w)["info"]}},
    ),
    Case(1160601, "as_it_is", lambda w: {"info": {"target_department": w.person("active")["department"]}}, somewhere),
    Case(
        1160601,
        "what_may_not_change_alone",
        target("target_contract_end_date", "2031-12-31"),
        beside(target("target_contract_end_date", "2031-12-31")),
    ),
    Case(
        1160700,
        "original_is_another",
        lambda w: {"info": {**somewhere(w)["info"], "original_department": w.names["departments"]["other"]["id"]}},
        lambda w: {"info": {**somewhere(w)["info"], "original_department": w.person("active")["department"]}},
    ),
    Case(1160300, "department", target("target_department", NOBODY), somewhere),
    Case(
        1160301,
        "work_location",
        target("target_work_location", NOBODY),
        target("target_work_location", named("locations", "work_city_2")),
    ),
    Case(1160302, "job", target("target_job", NOBODY), target("target_job", named("jobs", "other"))),
    Case(
        1160303,
        "job_family",
        target("target_job_family", NOBODY),
        target("target_job_family", named("job_families", "other")),
    ),
    Case(
        1160306,
        "working_hours_type_unknown",
        target("target_working_hours_type", NOBODY),
        target("target_working_hours_type", named("working_hours_types", "other")),
    ),
    Case(
        1160306,
        "working_hours_type_disabled",
        target("target_working_hours_type", named("working_hours_types", "disabled")),
        target("target_working_hours_type", named("working_hours_types", "other")),
    ),
    Case(
        1160307,
        "job_level_unknown",
        target("target_job_level", NOBODY),
        target("target_job_level", named("job_levels", "other")),
    ),
    Case(
        1160307,
        "job_level_disabled",
        target("target_job_level", named("job_levels", "disabled")),
        target("target_job_level", named("job_levels", "other")),
    ),
    Case(
        1160308,
        "employee_type_unknown",
        target("target_workforce_type", NOBODY),
        target("target_workforce_type", named("employee_types", "other")),
    ),
    Case(
        1160308,
        "employee_type_disabled",
        target("target_workforce_type", named("employee_types", "disabled")),
        target("target_workforce_type", named("employee_types", "other")),
    ),
    Case(
        1160308,
        "subtype_of_another_type",
        beside(lambda w: {"info": {"target_employee_subtype": w.names["employee_types"]["other"]["subtype_ids"][0]}}),
        lambda w: {
            "info": {
                "target_workforce_type": w.names["employee_types"]["other"]["id"],
                "target_employee_subtype": w.names["employee_types"]["other"]["subtype_ids"][0],
            }
        },
    ),
    *(
        Case(99992402, f"{wire}_{state}", beside(target(wire, value)), beside(target(wire, named(kind, "other"))))
        for wire, kind in (
            ("target_company", "companies"),
            ("target_service_company", "companies"),
            ("target_job_grade", "job_grades"),
        )
        for state, value in (("unknown", NOBODY), ("disabled", named(kind, "disabled")))
    ),
    Case(99992402, "position_unknown", beside(target("target_position", NOBODY)), somewhere),
    Case(1163000, "department_disabled", target("target_department", named("departments", "disabled")), somewhere),
    Case(
        1163000,
        "department_disabled_later",
        target("target_department", named("departments", "disabled_next_month")),
        somewhere,
    ),
    Case(
        1163001,
        "work_location_disabled",
        target("target_work_location", named("locations", "disabled")),
        target("target_work_location", named("locations", "work_city_2")),
    ),
    Case(
        1163002,
        "job_disabled",
        target("target_job", named("jobs", "disabled")),
        target("target_job", named("jobs", "other")),
    ),
    Case(
        1163003,
        "job_family_unselectable",
        target("target_job_family", named("job_families", "other")),
        target("target_job_level", named("job_levels", "other")),
        lambda w: w.tell(
            lambda tx: JOB_FAMILY.amend(tx, w.names["job_families"]["other"]["id"], "2026-01-01", {"selectable": False})
        ),
    ),
    Case(
        1163003,
        "job_family_disabled",
        target("target_job_family", named("job_families", "disabled")),
        target("target_job_family", named("job_families", "other")),
    ),
    *(
        Case(
            1163015,
            f"hours_{i}",
            target("target_weekly_working_hours", hours),
            target("target_weekly_working_hours", "168"),
        )
        for i, hours in enumerate(("0", "168.01", "37.125", "-1", "many", 40, ["40"]))
    ),
    Case(
        1163015,
        "hours_just_above_nothing",
        target("target_weekly_working_hours", "0.00"),
        target("target_weekly_working_hours", "0.01"),
    ),
    Case(
        1163016,
        "no_work_city",
        target("target_work_location", named("locations", "social_security_city")),
        target("target_work_location", named("locations", "work_city_2")),
    ),
    Case(
        1163017,
        "no_social_security_city",
        beside(target("target_social_security_city", named("locations", "work_city"))),
        beside(target("target_social_security_city", named("locations", "social_security_city"))),
    ),
    Case(
        1164000,
        "direct_manager_not_onboarded",
        lambda w: {
            "info": {"target_direct_manager": w.person("future_hire")["id"]},
            "effective_date": onboarding_of("future_hire", -1)(w),
        },
        lambda w: {
            "info": {"target_direct_manager": w.person("future_hire")["id"]},
            "effective_date": onboarding_of("future_hire")(w),
        },
    ),
    Case(
        1164001,
        "direct_manager_unknown",
        target("target_direct_manager", NOBODY),
        target("target_direct_manager", lambda w: w.person("top")["id"]),
    ),
    Case(
        1164001,
        "direct_manager_left",
        lambda w: {
            "info": {"target_direct_manager": w.person("fixed_end")["id"]},
            "effective_date": end_of("fixed_end", 1)(w),
        },
        lambda w: {
            "info": {"target_direct_manager": w.person("fixed_end")["id"]},
            "effective_date": end_of("fixed_end")(w),
        },
    ),
    Case(
        1164002,
        "dotted_manager_not_onboarded",
        lambda w: {
            "info": {"target_dotted_manager": w.person("future_hire")["id"]},
            "effective_date": onboarding_of("future_hire", -1)(w),
        },
        lambda w: {
            "info": {"target_dotted_manager": w.person("future_hire")["id"]},
            "effective_date": onboarding_of("future_hire")(w),
        },
    ),
    Case(
        1165000,
        "dotted_manager_unknown",
        target("target_dotted_manager", NOBODY),
        target("target_dotted_manager", lambda w: w.person("top")["id"]),
    ),
    Case(
        1165000,
        "dotted_manager_left",
        lambda w: {
            "info": {"target_dotted_manager": w.person("fixed_end")["id"]},
            "effective_date": end_of("fixed_end", 1)(w),
        },
        lambda w: {
            "info": {"target_dotted_manager": w.person("fixed_end")["id"]},
            "effective_date": end_of("fixed_end")(w),
        },
    ),
    Case(
        1160400,
        "own_manager",
        target("target_direct_manager", lambda w: w.person("active")["id"]),
        target("target_direct_manager", lambda w: w.person("active_2")["id"]),
    ),
    Case(
        1160400,
        "manager_under_a_report",
        lambda w: {"info": {"target_direct_manager": w.person("active")["id"]}, "person": w.person("manager")["id"]},
        lambda w: {"info": {"target_dotted_manager": w.person("active")["id"]}, "person": w.person("manager")["id"]},
    ),
    Case(
        1160401,
        "dotted_circle",
        target("target_dotted_manager", lambda w: w.person("active_2")["id"]),
        target("target_dotted_manager", lambda w: w.person("top")["id"]),
        dotted_under_active,
    ),
    Case(1163024, "shares_are_no_list", target("target_cost_center_rate", "x"), shares(("leaf", 100))),
    Case(1163024, "shares_are_no_objects", target("target_cost_center_rate", ["x"]), shares(("leaf", 100))),
    Case(
        1163024,
        "cost_center_is_no_digits",
        target("target_cost_center_rate", [{"cost_center_id": "abc", "rate": 100}]),
        shares(("leaf", 100)),
    ),
    Case(
        1163022,
        "only_a_rate",
        target("target_cost_center_rate", [{"rate": 100}]),
        shares(("leaf", 100)),
    ),
    Case(
        1163022,
        "only_a_cost_center",
        lambda w: {"info": {"target_cost_center_rate": [{"cost_center_id": w.names["cost_centers"]["leaf"]["id"]}]}},
        shares(("leaf", 100)),
    ),
    Case(1163021, "rate_above_100", shares(("leaf", 101)), shares(("leaf", 100))),
    Case(1163021, "rate_is_no_integer", shares(("leaf", 33.3), ("leaf_2", 66.7)), shares(("leaf", 33), ("leaf_2", 67))),
    Case(1163021, "rate_is_text", shares(("leaf", "100")), shares(("leaf", 100))),
    Case(1163018, "rate_below_1", shares(("leaf", 0), ("leaf_2", 100)), shares(("leaf", 1), ("leaf_2", 99))),
    Case(1163019, "twice_the_same", shares(("leaf", 50), ("leaf", 50)), shares(("leaf", 50), ("leaf_2", 50))),
    Case(1163019, "not_100_together", shares(("leaf", 50), ("leaf_2", 49)), shares(("leaf", 50), ("leaf_2", 50))),
    Case(
        1163025,
        "unknown_cost_center",
        target("target_cost_center_rate", [{"cost_center_id": NOBODY, "rate": 100}]),
        shares(("leaf", 100)),
    ),
    Case(1163023, "parent_cost_center", shares(("parent", 100)), shares(("leaf", 100))),
    Case(1163020, "cost_center_disabled", shares(("disabled", 100)), shares(("leaf", 100))),
    Case(1163020, "cost_center_of_the_future", shares(("future", 100)), shares(("leaf", 100))),
    Case(1163026, "cost_center_disabled_later", shares(("disabled_next_month", 100)), shares(("leaf", 100))),
    Case(1165001, "gap_between_contracts", contract(2, 400, "contract"), contract(1, 400, "contract")),
    Case(
        1165002,
        "probation_ends_before",
        beside(lambda w: {"info": {"target_probation_end_date": shifted(w.today(), -1)}}),
        beside(lambda w: {"info": {"target_probation_end_date": w.today()}}),
    ),
    Case(1165005, "contract_ends_before_effect", contract(end=-1), contract(end=0)),
    Case(1165006, "contract_ends_before_it_starts", contract(start=20, end=19), contract(start=20, end=20)),
    Case(
        1163004,
        "family_the_job_does_not_allow",
        allowed_by("matching", job_family=lambda w: foreign(w, "job_families", "job_family_ids")),
        allowed_by("matching"),
    ),
    Case(
        1163005,
        "level_the_job_does_not_allow",
        allowed_by("matching", job_level=lambda w: foreign(w, "job_levels", "job_level_ids")),
        allowed_by("matching"),
    ),
    Case(1163010, "no_common_pathway", pathways(disjoint=True), pathways(disjoint=False)),
    Case(1163012, "no_headcount", target("target_department", named("departments", "full")), somewhere),
]


def foreign(w: World, kind: str, allowed: str) -> str:
    """An active thing of a kind that the job `matching` does not allow."""
    mine = w.names["jobs"]["matching"][allowed]
    return next(w.names[kind][n]["id"] for n in ("active", "other") if w.names[kind][n]["id"] not in mine)


def ask(world: World, asked: Asked) -> Any:
    body = dict(asked)
    info, app = body.pop("info"), body.pop("app", ALL)
    person = body.pop("person", world.person("active")["id"])
    return world.change(person, info, app=app, **body)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code}-{c.called}")
def test_refused_with_nothing_changed_and_its_neighbour_allowed(world, case):
    case.arrange(world)
    before = world.fingerprint()
    answer = ask(world, case.refused(world))
    status, message = PAGE.get(case.code, (400, "field validation failed"))
    assert answer.says() == (status, case.code, message)
    assert answer.json["error"]["log_id"] == answer.headers["X-Tt-Logid"]
    assert world.refused_by() in {row.name for row in CREATE.rules if row.code == case.code and callable(row.raised_by)}
    assert world.fingerprint() == before
    ask(world, case.allowed(world)).passes()


def test_the_system_failing_is_told_as_documented(world):
    """1160500 is also the answer when corehr itself fails; a fault shows it."""
    world.sandbox("PUT", "faults", [{"operation": "v1.job_change.create", "code": 1160500, "times": 1}])
    before = world.fingerprint()
    assert ask(world, somewhere(world)).says() == (400, 1160500, "system error")
    assert world.fingerprint() == before
    ask(world, somewhere(world)).passes()


def test_every_code_of_the_page_has_a_case():
    assert {c.code for c in CASES} - {99992402} == set(PAGE)
