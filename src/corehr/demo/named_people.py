"""The named people of a demo company: their teams, contracts and probation."""

from typing import Any, Final

from corehr.demo.dates import add_days, add_years
from corehr.demo.demo_build import DemoBuild
from corehr.demo.organisation_ids import OrganisationIds
from corehr.demo.plans import ContractTerms, PeoplePlanner
from corehr.hr.job_changes.records import Status as ChangeStatus
from corehr.kernel.clock import IsoDate

FULL_DEPARTMENT_HEADCOUNT: Final = 3
"""People in the department `full`, whose headcount is used up."""

MIN_EMPLOYEES: Final = 60
"""The fewest employees with which a company has all named people and their managers."""

EDIT_DATE_OFFSET_DAYS: Final = 40
"""Days from today to the `edit_date` of `OFFBOARDING_DAY_OFFSETS`, an offboarding date that raises the name's error."""

OFFBOARDING_DAY_OFFSETS: Final = {
    "contract_closed": 30,
    "contract_future": 30,
    "contract_ended": 30,
    "contract_starts_later": 60,
    "fixed_term": 30,
    "probation_later": 60,
    "after_job_change": 60,
    "approving_change": 30,
    "department_closing": 30,
    "department_disabled": 30,
    "under_modification": 30,
    "under_withdrawal": 30,
}
"""Days from today to the offboarding date of each of these approved offboardings."""

IN_DISABLED_DEPARTMENT: Final = ("department_closing", "department_disabled")
"""Offboardings whose employee is in the department `closing`, disabled soon, or `disabled`, disabled already."""

DEPARTMENT_CLOSES_IN_DAYS: Final = 35
"""Days from today until the department `closing` is disabled."""


def plan_named_people(planner: PeoplePlanner, build: DemoBuild, organisation: OrganisationIds) -> None:
    """Plan the named people, but not those of `rehires`. The heads of departments must have been planned before."""
    for plan_group in (_plan_team_of_manager, _plan_people_elsewhere, _plan_job_changers, _plan_leavers):
        plan_group(planner, build, organisation)


def _plan_team_of_manager(planner: PeoplePlanner, build: DemoBuild, org: OrganisationIds) -> None:
    """Plan the team of `manager`."""
    dates, team = planner.dates, org.teams[0]
    manager, dotted_manager = planner.heads[team], planner.heads[org.divisions[-1]]
    started = dates.quarters[-9]
    fixed_term = [ContractTerms(started, add_days(add_years(started, 3), -1))]
    intern = {"employee_type_id": org.by_kind["employee_types"][1], "employee_subtype_id": org.subtypes["Intern"][0]}
    planner.plan_person(team, manager, started, "active", fixed_term, dotted_manager=dotted_manager)
    planner.plan_person(team, manager, started, "active_2", fixed_term, dotted_manager=manager)
    planner.plan_person(team, manager, dates.quarters[-3], "intern", job_data=intern)
    planner.plan_person(team, manager, dates.quarters[-2], "on_probation")
    planner.plan_person(team, manager, dates.day(90), "future_hire")
    planner.plan_person(team, manager, started, "future_job_data")
    planner.plan_person(team, manager, started, "fixed_end")
    planner.plan_person(team, manager, started, "no_admin")


def _plan_people_elsewhere(planner: PeoplePlanner, build: DemoBuild, org: OrganisationIds) -> None:
    """Plan named people of the last division, and those who fill the department `full`."""
    founded, other_division = planner.dates.founded, org.divisions[-1]
    other_team = next(team for team in reversed(org.teams) if org.parent[org.parent[team]] == other_division)
    planner.plan_person(other_division, planner.heads[other_division], founded, "process_admin")
    planner.plan_person(other_division, planner.heads[other_division], founded, "hr_partner")
    planner.plan_person(other_team, planner.heads[other_team], planner.dates.quarters[-9], "outside_range")
    for _ in range(FULL_DEPARTMENT_HEADCOUNT):
        planner.plan_person(
            build.id_of("departments", "full"), planner.heads[other_division], planner.dates.quarters[-9]
        )


def _plan_job_changers(planner: PeoplePlanner, build: DemoBuild, org: OrganisationIds) -> None:
    """Plan one person for each status of job changes; `manager` is their first approver."""
    team = org.teams[0]
    for status in ChangeStatus:
        planner.plan_person(team, planner.heads[team], planner.dates.quarters[-9], f"job_change_{status}")


def _plan_leavers(planner: PeoplePlanner, build: DemoBuild, org: OrganisationIds) -> None:
    """Plan the people with an offboarding; for some, contract, probation or department rules out the edit date."""
    dates, section = planner.dates, org.sections[0]
    started = dates.quarters[-9]
    closed_on, ends_soon = dates.day(-10), dates.day(EDIT_DATE_OFFSET_DAYS - 5)
    terms_by_name: dict[str, list[ContractTerms]] = {
        "contract_closed": [ContractTerms(started, dates.day(400), closed_on)],
        "contract_future": [ContractTerms(started, dates.day(60)), ContractTerms(dates.day(61), dates.day(500))],
        "contract_ended": [ContractTerms(started, dates.day(200), dates.day(100))],
        "contract_starts_later": [ContractTerms(dates.day(EDIT_DATE_OFFSET_DAYS + 10), dates.day(500))],
        "fixed_term": [ContractTerms(started, ends_soon)],
    }
    later_probation: tuple[IsoDate, IsoDate] = (
        dates.day(EDIT_DATE_OFFSET_DAYS + 10),
        dates.day(EDIT_DATE_OFFSET_DAYS + 100),
    )
    open_ended = [ContractTerms(started, None)]
    undecided = ("Approving", "NoNeedApproval", "Rejected", "Withdrawn")
    for name in ("leaver", "left", *(f"leaving_{status}" for status in undecided)):
        planner.plan_person(section, planner.heads[section], started, name, open_ended)
    for name in OFFBOARDING_DAY_OFFSETS:
        more: dict[str, Any] = {"probation": later_probation} if name == "probation_later" else {}
        department = build.id_of("departments", name.partition("_")[2]) if name in IN_DISABLED_DEPARTMENT else section
        contracts = terms_by_name.get(name, open_ended)
        planner.plan_person(department, planner.heads[section], started, f"leaving_{name}", contracts, **more)
