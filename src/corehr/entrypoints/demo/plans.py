"""Who will work in a demo company: people as planned, before any of them is hired."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from corehr.entrypoints.demo import names
from corehr.entrypoints.demo.dates import DemoDates, add_days, add_years
from corehr.entrypoints.demo.demo_build import DemoBuild
from corehr.entrypoints.demo.organisation_ids import OrganisationIds
from corehr.kernel.clock import IsoDate

MAX_REPORTING_DEPTH: Final = 8
"""Levels of the longest reporting line."""

MAX_START_OFFSET_DAYS: Final = 75
"""Days from the beginning of a quarter within which its people start."""


class ContractTerms(NamedTuple):
    """A contract: `end` is the last day it was agreed for, `actual_end` the day it was closed."""

    start: IsoDate
    end: IsoDate | None
    actual_end: IsoDate | None = None


@dataclass(eq=False, slots=True)
class PersonSeed:
    """A person. `job_data` is what differs from everybody's; `level` counts from the top of the reporting line.

    `id` and `job_data_id` are known once the person is hired.
    """

    name: str
    user_id: str
    onboarding: IsoDate
    department_id: str
    manager: "PersonSeed | None"
    dotted_manager: "PersonSeed | None"
    contracts: Sequence[ContractTerms]
    record_name: str | None = None
    job_data: dict[str, Any] = field(default_factory=dict)
    probation: tuple[IsoDate, IsoDate] | None = None
    promotion_quarter: int | None = None
    location_index: int = 0
    id: str = ""
    job_data_id: str = ""

    @property
    def level(self) -> int:
        return 1 if self.manager is None else self.manager.level + 1


class PeoplePlanner:
    """Makes the plans: heads of every department, people with a name, and everybody else in their teams."""

    def __init__(self, build: DemoBuild, organisation: OrganisationIds) -> None:
        self._build, self._organisation = build, organisation
        self.plans: list[PersonSeed] = []
        self.heads: dict[str, PersonSeed] = {}

    @property
    def dates(self) -> DemoDates:
        return self._build.dates

    def plan_person(
        self,
        department_id: str,
        manager: PersonSeed | None,
        onboarding: IsoDate,
        record_name: str | None = None,
        contracts: Sequence[ContractTerms] | None = None,
        **more: Any,
    ) -> PersonSeed:
        """One more person; with the contracts that follow from how long they have been there, unless given."""
        name, user_id = names.generate_name_and_id(self._build.random, len(self.plans) + 1)
        plan = PersonSeed(
            name=name,
            user_id=user_id,
            onboarding=onboarding,
            department_id=department_id,
            manager=manager,
            dotted_manager=more.pop("dotted", None),
            contracts=contract_terms(onboarding, self.dates.today) if contracts is None else contracts,
            record_name=record_name,
            **more,
        )
        self.plans.append(plan)
        return plan

    def plan_heads(self) -> None:
        """Somebody at the head of every department but the ones that only have names; `heads` by department."""
        org, founded = self._organisation, self.dates.founded
        top = self.heads[org.root] = self.plan_person(org.root, None, founded, "top")
        for index, department in enumerate((*org.divisions, *org.sections, *org.teams)):
            manager = self.heads[org.parent[department]]
            record_name = "manager" if department == org.teams[0] else None
            started = add_days(founded, self._build.random.randint(0, MAX_START_OFFSET_DAYS) if index else 0)
            head = self.plan_person(department, manager, started, record_name, dotted=top, place=index % 3)
            self.heads[department] = head

    def plan_teams(self, employee_count: int) -> None:
        """The rest of the teams: the second one in a line of `DEEPEST`, the others by twos."""
        teams = self._organisation.teams[1:]
        members_by_team = [[self.heads[team]] for team in teams]
        chain_length = MAX_REPORTING_DEPTH - members_by_team[0][0].level
        for number in range(employee_count - len(self.plans)):
            members = members_by_team[0] if number < chain_length else members_by_team[number % len(teams)]
            manager = members[-1] if number < chain_length else members[(len(members) - 1) // 2]
            if manager.level >= MAX_REPORTING_DEPTH:
                manager = members[0]
            members.append(self._plan_member(members[0].department_id, manager))

    def _plan_member(self, department_id: str, manager: PersonSeed) -> PersonSeed:
        """Hired in a quarter not before the manager's; with luck promoted once since then."""
        random, quarters = self._build.random, self.dates.quarters
        earliest = self.dates.quarter_index(manager.onboarding) or 0
        quarter = random.randint(earliest, len(quarters) - 2)
        started = add_days(quarters[quarter], random.randint(0, MAX_START_OFFSET_DAYS))
        promotion_quarter = quarter + random.randint(4, 10)
        is_abroad = random.chance(0.03)
        return self.plan_person(
            department_id,
            manager,
            max(started, manager.onboarding),
            dotted=self.heads[self._organisation.divisions[-1]] if random.chance(0.25) else None,
            promoted=promotion_quarter if promotion_quarter < len(quarters) and random.chance(0.7) else None,
            place=3 if is_abroad else random.randint(0, 2),
        )


def contract_terms(onboarding: IsoDate, today: IsoDate) -> list[ContractTerms]:
    """The contracts of somebody who stays: three years, then five, then without an end."""
    contracts, start = [], onboarding
    for years in (3, 5):
        end = add_days(add_years(start, years), -1)
        contracts.append(ContractTerms(start, end))
        start = add_days(end, 1)
        if start > today:
            return contracts
    return [*contracts, ContractTerms(start, None)]
