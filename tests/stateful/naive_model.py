"""A naive model of the operations: facts in the order in which they were recorded, replayed for each question.

It is written from ADR 0038 and the rulebook, and has none of the product's ideas of how to do it: no timeline, no
version, no overlay, no stored time zone, no SQL. It imports nothing of `corehr`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

Body = dict[str, Any]

COMPANY_ZONE: Final = "Asia/Shanghai"
CUSTOM_FIELD: Final = "custom"
"""The model's name of the one custom field that it knows."""

JOB_DATA: Final = (
    "department_id",
    "work_location_id",
    "weekly_working_hours",
    "job_id",
    "job_family_id",
    "job_level_id",
    "pathway_id",
)
EMPLOYMENT: Final = ("employee_number", CUSTOM_FIELD, "employment_status")
PROBATION: Final = ("probation_start_date", "probation_end_date")
KINDS: Final = (JOB_DATA, EMPLOYMENT, PROBATION)
"""The fields that the model knows, by what they are recorded of."""

READY: Final = ("Approved", "NoNeedApproval")
PENDING: Final = ("Approving", *READY)
ACTIVE: Final = (*PENDING, "Transformed")


class Entry(NamedTuple):
    """A recorded fact: from `day` on, the values of `patch`."""

    cause: str
    day: str
    patch: Body


def replay(entries: Sequence[Entry], day: str) -> Body:
    """Return the values on a day; an entry ends where one begins that was recorded before it."""
    values: Body = {}
    for n, entry in enumerate(entries):
        ended = any(entry.day < earlier.day <= day for earlier in entries[:n])
        if entry.day <= day and not ended:
            values |= entry.patch
    return values


def later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days)).isoformat()


def each_day(first: str, last: str) -> Iterator[str]:
    while first <= last:
        yield first
        first = later(first, 1)


def is_same(name: str, a: Any, b: Any) -> bool:
    if name == "weekly_working_hours" and a and b:
        return Decimal(a) == Decimal(b)
    return (a or None) == (b or None)


@dataclass
class Person:
    """One employment; `end_date` is the last day that no offboarding has set."""

    id: str
    first_day: str
    end_date: str | None
    entries: Mapping[tuple[str, ...], list[Entry]] = field(repr=False)
    contract_ends: Sequence[tuple[str, str | None]] = field(repr=False)


@dataclass
class JobChange:
    id: str
    person: Person
    day: str
    status: str
    targets: Body
    process_id: str
    tasks_left: int

    @property
    def order(self) -> tuple[str, int]:
        return self.day, int(self.id)


@dataclass
class Offboarding:
    id: str
    person: Person
    last_day: str
    status: str
    process_id: str = ""
    tasks_left: int = 0
    explanation: str | None = None


class Request(NamedTuple):
    """A request to create a job change, with our names of fields; its key may be that of another person's change."""

    person: Person
    day: str
    targets: Body
    originals: Body
    probation_exist: bool | None
    key_of_another: bool = False


class Plan(NamedTuple):
    """A workforce plan: how many may have these values."""

    dimensions: Body
    places: int

    def counts(self, values: Body) -> bool:
        return all(values.get(name) == value for name, value in self.dimensions.items())


@dataclass
class Model:
    """What has been recorded, the world time, and the master data: time zones, pathways, what jobs allow, plans."""

    now: datetime
    zones: Mapping[str, str]
    pathways: Mapping[str, Sequence[str]]
    allowed: Mapping[str, Mapping[str, Sequence[str]]]
    plans: Sequence[Plan]
    people: dict[str, Person] = field(default_factory=dict)
    job_changes: list[JobChange] = field(default_factory=list)
    offboardings: list[Offboarding] = field(default_factory=list)
    pre_hires: dict[str, str] = field(default_factory=dict)

    # -- questions ---------------------------------------------------------------------------------------------

    def today(self, zone: str = COMPANY_ZONE) -> str:
        return self.now.astimezone(ZoneInfo(zone)).date().isoformat()

    def changes_of(self, person: Person, *statuses: str) -> list[JobChange]:
        """Return the job changes of a person in these statuses, in the order in which they take effect."""
        found = [c for c in self.job_changes if c.person is person and c.status in statuses]
        return sorted(found, key=lambda c: c.order)

    def offboardings_of(self, person: Person, *statuses: str) -> list[Offboarding]:
        return [o for o in self.offboardings if o.person is person and o.status in statuses]

    def end_date(self, person: Person) -> str | None:
        approved = self.offboardings_of(person, *READY, "Offboarded")
        return approved[-1].last_day if approved else person.end_date

    def values(self, person: Person, day: str, also: Sequence[JobChange] = ()) -> Body:
        """Return who this person is on a day, as recorded, or as if `also` had taken effect."""
        values: Body = {}
        for kind, entries in person.entries.items():
            more = [Entry(c.id, c.day, patch) for c in also if (patch := part_of(c.targets, kind))]
            values |= replay([*entries, *more], day)
        return values

    def agreed(self, person: Person, day: str) -> Body:
        return self.values(person, day, self.changes_of(person, *READY))

    def zone_of_day(self, person: Person, day: str) -> str:
        """Return the time zone in which a day begins: where the person works, as agreed, the day before."""
        if day <= person.first_day:
            return self.zone(self.values(person, person.first_day))
        return self.zone(self.agreed(person, later(day, -1)))

    def zone(self, values: Body) -> str:
        return self.zones.get(values["work_location_id"], COMPANY_ZONE)

    def probation_start(self, person: Person) -> str | None:
        """Return when the last agreed probation begins: on its given start, or with the change that brought it."""
        more = [Entry(c.id, c.day, part_of(c.targets, PROBATION)) for c in self.changes_of(person, *READY)]
        entries = [*person.entries[PROBATION], *(e for e in more if e.patch)]
        start: str | None = None
        end: str | None = None
        days = sorted(entry.day for entry in entries)
        for day in each_day(days[0], days[-1]) if days else ():
            values = replay(entries, day)
            end_before, end = end, values.get("probation_end_date")
            if end is None:
                start = None
            elif start is None:
                start = values.get("probation_start_date") or day
            elif end_before and end_before < day and end != end_before:
                start = day
        return start

    def numbers_of(self, person: Person) -> set[str]:
        """Return the employee numbers that a person holds: of every day, and of waiting changes."""
        entries = person.entries[EMPLOYMENT]
        of_days = {replay(entries, entry.day).get("employee_number") for entry in entries}
        return {
            n for n in (*of_days, *(c.targets.get("employee_number") for c in self.changes_of(person, *PENDING))) if n
        }

    # -- job changes -------------------------------------------------------------------------------------------

    def with_dependants(self, current: Body, targets: Body, probation_exist: bool | None = None) -> Body:
        """Return the targets with what follows from them: a probation that ends, a pathway of another level."""
        targets = dict(targets)
        if probation_exist is False:
            targets |= {"probation_start_date": None, "probation_end_date": None}
        level, pathway = targets.get("job_level_id") or current["job_level_id"], current.get("pathway_id")
        pathways = self.pathways[level] if level != current["job_level_id"] else []
        if "pathway_id" not in targets and pathway and pathways and pathway not in pathways:
            targets["pathway_id"] = pathways[0] if len(pathways) == 1 else None
        return targets

    def misfit(self, current: Body, targets: Body) -> int:
        """Return the code of what does not fit: job, family and level."""
        after = current | targets
        if all(is_same(f, current[f], after[f]) for f in ("job_id", "job_family_id", "job_level_id")):
            return 0
        allowed = self.allowed.get(after["job_id"], {})
        for name, code in (("job_family_id", 1163004), ("job_level_id", 1163005)):
            if allowed.get(name) and after[name] not in allowed[name]:
                return code
        family, level = self.pathways[after["job_family_id"]], self.pathways[after["job_level_id"]]
        return 1163010 if family and level and not set(family) & set(level) else 0

    def create_error_code(self, request: Request) -> int:
        """Return the code of the first rule, in the order of the rulebook, that refuses a job change, or 0."""
        if request.key_of_another:
            return 99992402
        return self.day_error_code(request.person, request.day) or self.values_error_code(request)

    def day_error_code(self, person: Person, day: str) -> int:
        """Return the code of the rule by which nothing of this person may change on that day, or 0."""
        if self.offboardings_of(person, *PENDING):
            return 1160201
        if self.changes_of(person, "Approving") or any(c.day > day for c in self.changes_of(person, *ACTIVE)):
            return 1160202
        if day < person.first_day:
            return 1160501
        if day > (self.end_date(person) or day):
            return 1160502 if self.offboardings_of(person, "Offboarded") else 1164003
        return 1162002 if any(entry.day > day for entry in person.entries[JOB_DATA]) else 0

    def values_error_code(self, request: Request) -> int:
        """Return the code of the rule that refuses what is given, or 0."""
        person, day, flag = request.person, request.day, request.probation_exist
        if flag is not None and flag != bool(request.targets.get("probation_end_date")):
            return 99992402
        if not request.targets and flag is None:
            return 1160600
        current = self.agreed(person, day)
        if any(not is_same(name, value, current.get(name)) for name, value in request.originals.items()):
            return 1160700
        targets = self.with_dependants(current, request.targets, flag)
        changed = {name: value for name, value in targets.items() if not is_same(name, value, current.get(name))}
        if changed.keys() <= {*PROBATION}:
            return 1160601
        if (changed.get("probation_end_date") or day) < day:
            return 1165002
        others = [other for other in self.people.values() if other is not person]
        if any(changed.get("employee_number") in self.numbers_of(other) for other in others):
            return 99992402
        taken_from = max(day, self.today(self.zone_of_day(person, day)))
        has_place = self.has_place(others, taken_from, current, current | targets)
        return self.misfit(current, targets) or (0 if has_place else 1163012)

    def has_place(self, others: Sequence[Person], day: str, current: Body, after: Body) -> bool:
        """Return whether each plan that would count one more person from a day on has a place left beside others."""
        return all(
            sum(self.holds_place(plan, other, day) for other in others) < plan.places
            for plan in self.plans
            if plan.counts(after) and not plan.counts(current)
        )

    def holds_place(self, plan: Plan, person: Person, day: str) -> bool:
        """Return whether a person is in the plan on that day as agreed, or one of the waiting changes leads into it."""
        if (self.end_date(person) or day) < day:
            return False
        requested = self.changes_of(person, *PENDING)
        return plan.counts(self.agreed(person, day)) or any(
            plan.counts(self.values(person, max(c.day, day), requested[: n + 1]))
            for n, c in enumerate(requested)
            if c.day > day or c.status == "Approving"
        )

    def record(self, request: Request, id: str, process_id: str, tasks: int) -> JobChange:
        """Record an accepted job change, and return it."""
        current = self.agreed(request.person, request.day)
        targets = self.with_dependants(current, request.targets, request.probation_exist)
        status = "Approving" if process_id else "NoNeedApproval"
        job_change = JobChange(id, request.person, request.day, status, targets, process_id, tasks)
        self.job_changes.append(job_change)
        return job_change

    def apply_due(self) -> None:
        """Let every agreed change take effect whose day has begun."""
        for job_change in sorted((c for c in self.job_changes if c.status in READY), key=lambda c: c.order):
            if job_change.day <= self.today(self.zone_of_day(job_change.person, job_change.day)):
                self.take_effect(job_change)

    def take_effect(self, job_change: JobChange) -> None:
        """Record the entries of a change, or cancel it, if it does not fit what the person has become."""
        person, day = job_change.person, job_change.day
        current = self.values(person, day)
        if self.misfit(current, job_change.targets):
            job_change.status = "Cancelled"
            return
        job_change.targets = self.with_dependants(current, job_change.targets)
        job_change.status = "Transformed"
        for kind, entries in person.entries.items():
            patch = part_of(job_change.targets, kind)
            if patch or kind is JOB_DATA:
                entries.append(Entry(job_change.id, day, patch))

    def revoke_job_change(self, job_change: JobChange) -> None:
        self.forget(job_change.person, job_change.id)
        job_change.status = "Cancelled"
        self.apply_due()

    @staticmethod
    def forget(person: Person, cause: str) -> None:
        """Remove every entry of a cause, as if it had never been recorded."""
        for entries in person.entries.values():
            entries[:] = [entry for entry in entries if entry.cause != cause]

    # -- offboardings ------------------------------------------------------------------------------------------

    def edit_error_code(self, offboarding: Offboarding, last_day: str, explanation: str | None) -> int:
        """Return the code of the first rule, in the order of the rulebook, that refuses an edit, or 0."""
        person, moves = offboarding.person, last_day != offboarding.last_day
        if moves and offboarding.status == "Offboarded":
            return 1160631
        if offboarding.status in ("Approving", "Rejected", "Withdrawn"):
            return 1160623
        if (moves or explanation != offboarding.explanation) and self.changes_of(person, "Approving"):
            return 1160200
        if not moves:
            return 0
        if last_day < person.first_day:
            return 1160601
        if last_day < (self.probation_start(person) or ""):
            return 1160602
        if any(last_day < c.day for c in self.changes_of(person, *READY, "Transformed")):
            return 1160603
        started = [end for start, end in sorted(person.contract_ends) if start <= last_day]
        return 1160608 if (started[-1] or last_day) < last_day else 0

    def leave_if_over(self, offboarding: Offboarding) -> None:
        """End the employment if the last day is over where the person works on that day."""
        person, last_day = offboarding.person, offboarding.last_day
        zone = self.zone(self.values(person, max(last_day, person.first_day)))
        if offboarding.status in READY and last_day < self.today(zone):
            offboarding.status = "Offboarded"
            entry = Entry(offboarding.id, later(last_day, 1), {"employment_status": "terminated"})
            person.entries[EMPLOYMENT].append(entry)

    def revoke_offboarding(self, offboarding: Offboarding) -> None:
        self.forget(offboarding.person, offboarding.id)
        offboarding.status = "Withdrawn"

    # -- time --------------------------------------------------------------------------------------------------

    def advance(self, hours: int) -> None:
        """Let the hours pass, one by one; who leaves does so when a day begins in any time zone."""
        for _ in range(hours):
            self.now += timedelta(hours=1)
            self.apply_due()
            if any(self.now.astimezone(ZoneInfo(zone)).hour == 0 for zone in {*self.zones.values(), COMPANY_ZONE}):
                for offboarding in self.offboardings:
                    self.leave_if_over(offboarding)


def part_of(values: Body, kind: tuple[str, ...]) -> Body:
    """Return the values of one kind."""
    return {name: value for name, value in values.items() if name in kind}
