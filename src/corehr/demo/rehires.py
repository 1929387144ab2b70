"""The people of a demo company who work in another time zone, were hired again, or have two employments.

A person's second employment has the name of the first; it is another employment in everything else.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from corehr.demo.dates import add_days, add_years
from corehr.demo.demo_build import DemoBuild
from corehr.demo.offboardings import DEFAULT_INFO, answer_all_tasks, start_approval
from corehr.demo.organisation_ids import OrganisationIds
from corehr.demo.plans import ContractTerms, PeoplePlanner, PersonSeed
from corehr.hr.offboardings import commands, records
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

FIRST: Final[Mapping[str, str]] = {"rehired": "rehired_before", "two_employments_second": "two_employments"}
"""The first employment of the person, by the name of the second one."""

NAMES: Final = ("works_behind", "works_ahead", *FIRST.values(), *FIRST)
"""The named employments that `plan_people` plans."""

_NOTICE_DAYS: Final = 30
"""Days from the request of the first offboarding to its last day."""


def plan_people(planner: PeoplePlanner, build: DemoBuild, org: OrganisationIds) -> None:
    """Plan `NAMES`: `rehired` left another division before, `two_employments` works in two cities and companies."""
    dates, team, other_division = planner.dates, org.teams[0], org.divisions[-1]
    manager, other_manager = planner.heads[team], planner.heads[other_division]
    started, first_started = dates.quarters[-9], dates.quarters[-17]
    first_terms = [ContractTerms(first_started, add_days(add_years(first_started, 3), -1))]
    behind, ahead = _works_in(build, "work_city_behind"), _works_in(build, "work_city_ahead")
    second_job_data = {**behind, "service_company_id": org.by_kind["companies"][1]}
    planner.plan_person(team, manager, started, "works_behind", job_data=behind)
    planner.plan_person(team, manager, started, "works_ahead", job_data=ahead)
    planner.plan_person(other_division, other_manager, first_started, "rehired_before", first_terms)
    planner.plan_person(team, manager, dates.quarters[-4], "rehired")
    planner.plan_person(team, manager, started, "two_employments")
    planner.plan_person(
        other_division,
        other_manager,
        dates.quarters[-6],
        "two_employments_second",
        location_index=1,
        job_data=second_job_data,
    )
    plans = planner.named_plans()
    for second, first in FIRST.items():
        plans[second].name = plans[first].name


def _works_in(build: DemoBuild, location: str) -> dict[str, Any]:
    id = build.id_of("locations", location)
    return {"work_location_id": id, "social_security_city_id": id}


def schedule_first_leaving(build: DemoBuild, people_by_name: Mapping[str, PersonSeed]) -> None:
    """Schedule the offboarding of `rehired_before`, which took effect half a year before `rehired` began."""
    dates = build.dates
    last_day = add_days(dates.quarters[-6], 20)
    requested_at = dates.at_nine(add_days(last_day, -_NOTICE_DAYS))
    build.schedule(requested_at, partial(_offboard, build, people_by_name["rehired_before"], last_day))
    build.schedule(dates.at_nine(add_days(last_day, 1)), partial(_apply_due, people_by_name["rehired_before"]))


def _offboard(build: DemoBuild, plan: PersonSeed, last_day: IsoDate, tx: Tx) -> None:
    id = tx.new_id()
    process_id = start_approval(build, (records.APPROVAL_SUBJECT, id), plan, tx)
    records.insert(tx, id, plan.id, last_day, DEFAULT_INFO, process_id=process_id)
    answer_all_tasks(tx, process_id, approve=True)


def _apply_due(plan: PersonSeed, tx: Tx) -> None:
    [offboarding] = records.list_by_employment(tx, plan.id)
    commands.apply_due(tx, offboarding.id)


def add_facts(tx: Tx, facts_by_name: Mapping[str, dict[str, Any]]) -> None:
    """Add to both employments of a person the id of the other one, and to an offboarded one its offboarding.

    As on the platform, `rehire_employment_id` is the employment that ended before this one began.
    """
    former, rehired = facts_by_name["rehired_before"], facts_by_name["rehired"]
    rehired["rehire_employment_id"] = former["id"]
    former["rehired_as"], former["offboarding_id"] = rehired["id"], records.list_by_employment(tx, former["id"])[0].id
    first, second = facts_by_name["two_employments"], facts_by_name["two_employments_second"]
    first["other_employment_id"], second["other_employment_id"] = second["id"], first["id"]
