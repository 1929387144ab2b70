"""Who will work in a demo company: people as planned, before any of them is hired."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from corehr.entrypoints.demo import names
from corehr.entrypoints.demo.almanac import Almanac, later, years_later
from corehr.entrypoints.demo.company import Company
from corehr.entrypoints.demo.places import Organisation
from corehr.kernel.clock import IsoDate

DEEPEST: Final = 8
"""Levels of the longest reporting line."""

LONGEST_START: Final = 75
"""Days from the beginning of a quarter within which its people start."""


class Terms(NamedTuple):
    """A contract: `end` is the last day it was agreed for, `actual_end` the day it was closed."""

    start: IsoDate
    end: IsoDate | None
    actual_end: IsoDate | None = None


@dataclass(eq=False, slots=True)
class Plan:
    """A person. `job_data` is what differs from everybody's; `level` counts from the top of the reporting line.

    `id` and `job_data_id` are known once the person is hired.
    """

    name: str
    user_id: str
    onboarding: IsoDate
    department_id: str
    manager: "Plan | None"
    dotted: "Plan | None"
    contracts: Sequence[Terms]
    called: str | None = None
    job_data: dict[str, Any] = field(default_factory=dict)
    probation: tuple[IsoDate, IsoDate] | None = None
    promoted: int | None = None
    place: int = 0
    id: str = ""
    job_data_id: str = ""

    @property
    def level(self) -> int:
        return 1 if self.manager is None else self.manager.level + 1


class Planning:
    """Makes the plans: heads of every department, people with a name, and everybody else in their teams."""

    def __init__(self, company: Company, organisation: Organisation) -> None:
        self._company, self._organisation = company, organisation
        self.everybody: list[Plan] = []
        self.heads: dict[str, Plan] = {}

    @property
    def almanac(self) -> Almanac:
        return self._company.almanac

    def person(
        self,
        department_id: str,
        manager: Plan | None,
        onboarding: IsoDate,
        called: str | None = None,
        contracts: Sequence[Terms] | None = None,
        **more: Any,
    ) -> Plan:
        """One more person; with the contracts that follow from how long they have been there, unless given."""
        name, user_id = names.person(self._company.chance, len(self.everybody) + 1)
        plan = Plan(
            name=name,
            user_id=user_id,
            onboarding=onboarding,
            department_id=department_id,
            manager=manager,
            dotted=more.pop("dotted", None),
            contracts=signed(onboarding, self.almanac.today) if contracts is None else contracts,
            called=called,
            **more,
        )
        self.everybody.append(plan)
        return plan

    def lead(self) -> None:
        """Somebody at the head of every department but the ones that only have names; `heads` by department."""
        org, founded = self._organisation, self.almanac.founded
        top = self.heads[org.root] = self.person(org.root, None, founded, "top")
        for at, department in enumerate((*org.divisions, *org.sections, *org.teams)):
            manager = self.heads[org.above[department]]
            called = "manager" if department == org.teams[0] else None
            started = later(founded, self._company.chance.between(0, LONGEST_START) if at else 0)
            head = self.person(department, manager, started, called, dotted=top, place=at % 3)
            self.heads[department] = head

    def fill(self, until: int) -> None:
        """The rest of the teams: the second one in a line of `DEEPEST`, the others by twos."""
        teams = self._organisation.teams[1:]
        crews = [[self.heads[team]] for team in teams]
        spine = DEEPEST - crews[0][0].level
        for number in range(until - len(self.everybody)):
            crew = crews[0] if number < spine else crews[number % len(teams)]
            manager = crew[-1] if number < spine else crew[(len(crew) - 1) // 2]
            if manager.level >= DEEPEST:
                manager = crew[0]
            crew.append(self._member(crew[0].department_id, manager))

    def _member(self, department_id: str, manager: Plan) -> Plan:
        """Hired in a quarter not before the manager's; with luck promoted once since then."""
        chance, quarters = self._company.chance, self.almanac.quarters
        earliest = self.almanac.quarter_of(manager.onboarding) or 0
        quarter = chance.between(earliest, len(quarters) - 2)
        started = later(quarters[quarter], chance.between(0, LONGEST_START))
        promoted = quarter + chance.between(4, 10)
        far = chance.happens(0.03)
        return self.person(
            department_id,
            manager,
            max(started, manager.onboarding),
            dotted=self.heads[self._organisation.divisions[-1]] if chance.happens(0.25) else None,
            promoted=promoted if promoted < len(quarters) and chance.happens(0.7) else None,
            place=3 if far else chance.between(0, 2),
        )


def signed(onboarding: IsoDate, today: IsoDate) -> list[Terms]:
    """The contracts of somebody who stays: three years, then five, then without an end."""
    contracts, start = [], onboarding
    for years in (3, 5):
        end = later(years_later(start, years), -1)
        contracts.append(Terms(start, end))
        start = later(end, 1)
        if start > today:
            return contracts
    return [*contracts, Terms(start, None)]
