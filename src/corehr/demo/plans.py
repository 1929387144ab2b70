"""The plan of a demo company's people, made before any of them is hired."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from corehr.demo import names
from corehr.demo.dates import DemoDates, add_days, add_years
from corehr.demo.demo_build import DemoBuild
from corehr.demo.organisation_ids import OrganisationIds
from corehr.kernel.clock import IsoDate

MAX_REPORTING_DEPTH: Final = 8
"""Levels in the longest reporting line."""

MAX_START_OFFSET_DAYS: Final = 75
"""Days after the first day of a quarter within which its people start."""


class ContractTerms(NamedTuple):
    """The dates of a contract: `end` is its agreed last day, `actual_end` the day on which it was closed."""

    start: IsoDate
    end: IsoDate | None
    actual_end: IsoDate | None = None


@dataclass(eq=False, slots=True)
class PersonSeed:
    """A planned person. `job_data` overrides the default; `level` is 1 at the top of the reporting line.

    `id` and `job_data_id` are set when the person is hired.
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
    """Plans all people: the heads of departments, the named people, and the other members of teams."""

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
        **details: Any,
    ) -> PersonSeed:
        """Plan one more person and return them; contracts default to those since the onboarding date until today."""
        name, user_id = names.generate_name_and_id(self._build.random, len(self.plans) + 1)
        plan = PersonSeed(
            name=name,
            user_id=user_id,
            onboarding=onboarding,
            department_id=department_id,
            manager=manager,
            dotted_manager=details.pop("dotted_manager", None),
            contracts=contract_terms(onboarding, self.dates.today) if contracts is None else contracts,
            record_name=record_name,
            **details,
        )
        self.plans.append(plan)
        return plan

    def named_plans(self) -> dict[str, PersonSeed]:
        """Return the planned named people by name."""
        return {plan.record_name: plan for plan in self.plans if plan.record_name}

    def plan_heads(self) -> None:
        """Plan a head for every department of the tree, but not for named ones, and fill `heads` by department id."""
        org, founded = self._organisation, self.dates.founded
        top = self.heads[org.root] = self.plan_person(org.root, None, founded, "top")
        for index, department in enumerate((*org.divisions, *org.sections, *org.teams)):
            manager = self.heads[org.parent[department]]
            record_name = "manager" if department == org.teams[0] else None
            started = add_days(founded, self._build.random.randint(0, MAX_START_OFFSET_DAYS) if index else 0)
            head = self.plan_person(
                department, manager, started, record_name, dotted_manager=top, location_index=index % 3
            )
            self.heads[department] = head

    def plan_teams(self, employee_count: int) -> None:
        """Plan members for all teams but the first, until there are `employee_count` people.

        The second team is a reporting line of `MAX_REPORTING_DEPTH` levels; in the others each manager has two reports.
        """
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
        """Plan a member hired in a random quarter, not before the manager, and perhaps promoted once since then."""
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
            dotted_manager=self.heads[self._organisation.divisions[-1]] if random.chance(0.25) else None,
            promotion_quarter=promotion_quarter if promotion_quarter < len(quarters) and random.chance(0.7) else None,
            location_index=3 if is_abroad else random.randint(0, 2),
        )


def contract_terms(onboarding: IsoDate, today: IsoDate) -> list[ContractTerms]:
    """Return the contracts since the onboarding date until today: three years, then five, then without an end."""
    contracts, start = [], onboarding
    for years in (3, 5):
        end = add_days(add_years(start, years), -1)
        contracts.append(ContractTerms(start, end))
        start = add_days(end, 1)
        if start > today:
            return contracts
    return [*contracts, ContractTerms(start, None)]
