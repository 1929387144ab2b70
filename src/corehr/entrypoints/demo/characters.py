"""The people of a demo company who have a name in the world: who they are, and what is arranged for them."""

from typing import Any, Final

from corehr.entrypoints.demo.almanac import later, years_later
from corehr.entrypoints.demo.company import Company
from corehr.entrypoints.demo.places import Organisation
from corehr.entrypoints.demo.plans import Plan, Planning, Terms
from corehr.hr.job_changes.records import Status as ChangeStatus
from corehr.kernel.clock import IsoDate

IN_FULL: Final = 3
"""People in the department whose headcount is used up."""

FEWEST: Final = 60
"""Employees that a company needs for everybody who has a name, and for those above them."""

NEW_DATE: Final = 40
"""Days from today to the `edit_date` of the offboardings with a name: a date that raises what the name says."""

LEAVES: Final = {
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
"""Days from today to the offboarding date of those, all of them approved."""

HOMELESS: Final = ("department_closing", "department_disabled")
"""Those of them whose department, called by the second word, is disabled soon, or is already."""

CLOSES: Final = 35
"""Days from today until the department of `department_closing` is disabled."""


def cast(planning: Planning, company: Company, organisation: Organisation) -> dict[str, Plan]:
    """Everybody with a name, by it; heads must have been planned before."""
    for start in (_colleagues, _elsewhere, _changing, _leaving):
        start(planning, company, organisation)
    return {plan.called: plan for plan in planning.everybody if plan.called}


def _colleagues(planning: Planning, company: Company, org: Organisation) -> None:
    """The team of `manager`."""
    almanac, home = planning.almanac, org.teams[0]
    manager, dotted = planning.heads[home], planning.heads[org.divisions[-1]]
    started = almanac.quarters[-9]
    fixed = [Terms(started, later(years_later(started, 3), -1))]
    intern = {"employee_type_id": org.plain["employee_types"][1], "employee_subtype_id": org.subtypes["Intern"][0]}
    planning.person(home, manager, started, "active", fixed, dotted=dotted)
    planning.person(home, manager, started, "active_2", fixed, dotted=manager)
    planning.person(home, manager, almanac.quarters[-3], "intern", job_data=intern)
    planning.person(home, manager, almanac.quarters[-2], "on_probation")
    planning.person(home, manager, almanac.day(90), "future_hire")
    planning.person(home, manager, started, "future_job_data")
    planning.person(home, manager, started, "fixed_end")
    planning.person(home, manager, started, "no_admin")


def _elsewhere(planning: Planning, company: Company, org: Organisation) -> None:
    founded, outside = planning.almanac.founded, org.divisions[-1]
    far = next(team for team in reversed(org.teams) if org.above[org.above[team]] == outside)
    planning.person(outside, planning.heads[outside], founded, "process_admin")
    planning.person(outside, planning.heads[outside], founded, "hr_partner")
    planning.person(far, planning.heads[far], planning.almanac.quarters[-9], "outside_range")
    for _ in range(IN_FULL):
        planning.person(company.named("departments", "full"), planning.heads[outside], planning.almanac.quarters[-9])


def _changing(planning: Planning, company: Company, org: Organisation) -> None:
    """One person for each status of job changes; `manager` is asked first."""
    home = org.teams[0]
    for status in ChangeStatus:
        planning.person(home, planning.heads[home], planning.almanac.quarters[-9], f"job_change_{status}")


def _leaving(planning: Planning, company: Company, org: Organisation) -> None:
    """People whose contract, probation or department stands in the way of another last day."""
    almanac, section = planning.almanac, org.sections[0]
    started = almanac.quarters[-9]
    yesterday, soon = almanac.day(-10), almanac.day(NEW_DATE - 5)
    terms: dict[str, list[Terms]] = {
        "contract_closed": [Terms(started, almanac.day(400), yesterday)],
        "contract_future": [Terms(started, almanac.day(60)), Terms(almanac.day(61), almanac.day(500))],
        "contract_ended": [Terms(started, almanac.day(200), almanac.day(100))],
        "contract_starts_later": [Terms(almanac.day(NEW_DATE + 10), almanac.day(500))],
        "fixed_term": [Terms(started, soon)],
    }
    later_probation: tuple[IsoDate, IsoDate] = (almanac.day(NEW_DATE + 10), almanac.day(NEW_DATE + 100))
    open_ended = [Terms(started, None)]
    undecided = ("Approving", "NoNeedApproval", "Rejected", "Withdrawn")
    for name in ("leaver", "left", *(f"leaving_{status}" for status in undecided)):
        planning.person(section, planning.heads[section], started, name, open_ended)
    for name in LEAVES:
        more: dict[str, Any] = {"probation": later_probation} if name == "probation_later" else {}
        department = company.named("departments", name.partition("_")[2]) if name in HOMELESS else section
        contracts = terms.get(name, open_ended)
        planning.person(department, planning.heads[section], started, f"leaving_{name}", contracts, **more)
