"""The facts that the rules of a new job change read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from corehr.apps.scopes import DataRange
from corehr.engines import versions
from corehr.engines.entity import EntityStatus, status_as_of
from corehr.engines.timeline import Timeline, version_as_of
from corehr.hr.basic_data.employee_types import EMPLOYEE_TYPE
from corehr.hr.basic_data.working_hours_types import WORKING_HOURS_TYPE
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import records, transfer_types
from corehr.hr.job_changes.agreed import AgreedTimelines, apply_agreed
from corehr.hr.job_changes.row import JobChange
from corehr.hr.job_changes.rules.dependants import find_dependants
from corehr.hr.job_changes.rules.request import CreateJobChange
from corehr.hr.job_management.job_families import JOB_FAMILY
from corehr.hr.job_management.job_grades import JOB_GRADE
from corehr.hr.job_management.job_levels import JOB_LEVEL
from corehr.hr.job_management.jobs import JOB
from corehr.hr.job_management.positions import POSITION
from corehr.hr.leave.work_calendars import WORK_CALENDAR
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.row import Offboarding
from corehr.hr.organization import locations
from corehr.hr.organization.companies import COMPANY
from corehr.hr.organization.departments import DEPARTMENT
from corehr.hr.organization.locations import LOCATION
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.clock import IsoDate, local_date, previous_day
from corehr.kernel.db import Row, Tx
from corehr.kernel.ids import is_digits

REFERENCES: Final[Mapping[str, str]] = {
    "department_id": DEPARTMENT.kind,
    "work_location_id": LOCATION.kind,
    "social_security_city_id": LOCATION.kind,
    "job_id": JOB.kind,
    "job_family_id": JOB_FAMILY.kind,
    "job_level_id": JOB_LEVEL.kind,
    "job_grade_id": JOB_GRADE.kind,
    "employee_type_id": EMPLOYEE_TYPE.kind,
    "working_hours_type_id": WORKING_HOURS_TYPE.kind,
    "company_id": COMPANY.kind,
    "service_company_id": COMPANY.kind,
    "position_id": POSITION.kind,
    "working_calendar_id": WORK_CALENDAR.kind,
}
"""The entity kind that each reference field refers to."""

COMPARED_FIELDS: Final = ("job_id", "job_family_id", "job_level_id", "employee_type_id", "work_location_id")
"""Reference fields whose current values the rules read beside the targets."""


@dataclass(frozen=True)
class Case:
    """What the rules may read about one request; a fact is loaded when the first rule reads it.

    `managers_above` are, by reporting line, the ids of all managers who would be above the employee; all are locked.
    """

    tx: Tx
    request: CreateJobChange
    employment_or_none: employments.Employment | None
    data_range: DataRange
    managers_above: Mapping[str, frozenset[str]]
    key_holder: JobChange | None = None
    """The job change, of another employee, that the app gave this transfer key to."""
    waiting_id: str | None = None
    """The id of the change, if it is among the waiting ones already and is judged again."""

    @property
    def employment(self) -> employments.Employment:
        assert self.employment_or_none is not None, "an earlier rule checks that the employment exists"
        return self.employment_or_none

    @property
    def employment_ids(self) -> Sequence[str]:
        return [self.employment.id]

    @cached_property
    def transfer_type(self) -> transfer_types.TransferType | None:
        name = self.request.transfer_type
        return transfer_types.get(self.tx, name) if isinstance(name, str) and name else None

    @cached_property
    def flow(self) -> Sequence[processes.Node] | None:
        return processes.flow_nodes(self.tx, self.request.flow_id or "")

    @cached_property
    def offboardings(self) -> Sequence[Offboarding]:
        return offboardings.list_by_employment(self.tx, self.employment.id)

    @cached_property
    def job_changes(self) -> Sequence[Row]:
        return [
            r for r in records.list_by_employment(self.tx, self.employment.id) if r["status"] in records.ACTIVE_STATUSES
        ]

    @cached_property
    def contract_ids(self) -> Sequence[str]:
        return contracts.list_ids(self.tx, self.employment.id)

    @cached_property
    def timelines(self) -> Mapping[tuple[str, str], Timeline]:
        """Timelines of the employment and of all entities that the targets refer to, in one query."""
        ids = {self.employment.job_data_id, self.employment.id, *self.contract_ids}
        ids.update(v for f in REFERENCES if isinstance(v := self.request.targets.get(f), str))
        # the originals are usually the current values, which then need no second query
        ids.update(v for f in COMPARED_FIELDS if isinstance(v := self.request.originals.get(f), str))
        shares = self._shares_of(self.request.targets.get("cost_center_rates"))
        ids.update(share["cost_center_id"] for share in shares if is_digits(share.get("cost_center_id")))
        return versions.timelines(self.tx, ids)

    def timeline_of(self, kind: str, id: str) -> Timeline:
        return self.timelines.get((kind, id), ())

    @cached_property
    def agreed(self) -> AgreedTimelines:
        """The timelines, with every agreed change that takes effect before this one."""
        agreed = records.list_agreed_of(self.tx, self.job_changes)
        if self.waiting_id:
            order = (self.request.effective_date, self.waiting_id)
            agreed = [c for c in agreed if (c.effective_date, c.id) < order]
        return apply_agreed(self.employment, self.timelines, self.contract_ids, agreed)

    @cached_property
    def job_data(self) -> Timeline:
        return self.agreed.timelines.get((job_datas.KIND, self.employment.job_data_id), ())

    @cached_property
    def current(self) -> Mapping[str, Any]:
        """The employment's values on the effective date, as agreed, without this change."""
        day, (timelines, contract_ids) = self.request.effective_date, self.agreed
        contract = contracts.find_in_force(timelines, contract_ids, day)
        merged: dict[str, Any] = dict(contract.body) if contract else {}
        for timeline in (
            self.job_data,
            timelines.get((employments.KIND, self.employment.id), ()),
            probation.with_starts(timelines.get((probation.KIND, self.employment.id), ())),
        ):
            version = version_as_of(timeline, day)
            merged.update(version.body if version else {})
        return merged

    @cached_property
    def zone(self) -> str:
        """The time zone in which the effective date begins: that of the work location on the day before, as agreed.

        So changes of one day, which may move the employee, all begin in one time zone and take effect in their order.
        """
        day = self.request.effective_date
        recorded = self.timeline_of(job_datas.KIND, self.employment.job_data_id)
        version = version_as_of(self.job_data, previous_day(day)) or version_as_of(recorded, day)
        location = version.body.get("work_location_id") if version else None
        [zone] = locations.time_zones_as_of(self.tx, [(location, day)])
        return zone

    @cached_property
    def targets(self) -> Mapping[str, Any]:
        """What the change sets: the targets of the request, and what follows from them and from its flags."""
        values = {**self.current, **self.request.targets}
        employee_type, level = (self.referenced_body(f, values) for f in ("employee_type_id", "job_level_id"))
        return {**self.request.targets, **find_dependants(self.request, self.current, employee_type, level)}

    @cached_property
    def new_values(self) -> Mapping[str, Any]:
        """The targets that differ from the current values; a value that is given but not different is no change."""
        return {f: v for f, v in self.targets.items() if not is_same_value(f, v, self.current.get(f))}

    @cached_property
    def values_after(self) -> Mapping[str, Any]:
        """The employment's values as they would be with the change."""
        return {**self.current, **self.targets}

    @cached_property
    def managers(self) -> Mapping[str, employments.Employment]:
        ids = [id for line in employments.REPORTING_LINES if (id := self.new_values.get(line))]
        return employments.get_many(self.tx, ids) if ids else {}

    @cached_property
    def workforce_plans(self) -> Sequence[Row]:
        """The plans, locked, of the department in which the employee would be; none if the change is not about it."""
        department = self.values_after.get("department_id")
        if not department or self.new_values.keys().isdisjoint(job_datas.HEADCOUNT_FIELDS):
            return ()
        return workforce_plans.lock_in_force(self.tx, department, self.headcount_day)

    @property
    def headcount_day(self) -> IsoDate:
        """The day from which on the change takes a place: its effective date, or today if that is past."""
        return max(self.request.effective_date, local_date(self.tx.now, self.zone))

    @cached_property
    def cost_center_shares(self) -> Sequence[Mapping[str, Any]]:
        """The objects in the list of new cost centres; empty when it is not a list."""
        return self._shares_of(self.new_values.get("cost_center_rates"))

    @staticmethod
    def _shares_of(value: Any) -> Sequence[Mapping[str, Any]]:
        return [share for share in value if isinstance(share, dict)] if isinstance(value, list) else []

    @cached_property
    def cost_center_ids(self) -> Sequence[str]:
        return [share["cost_center_id"] for share in self.cost_center_shares]

    def status_of(self, field: str) -> EntityStatus | None:
        """Return the status, on the effective date, of the entity that a new value refers to; None without one."""
        id = self.new_values.get(field)
        if not id:
            return None
        return status_as_of(self.timeline_of(REFERENCES[field], id), self.request.effective_date)

    def referenced_body(self, field: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the body, on the effective date, of the entity that `values[field]` refers to, or None."""
        id = values.get(field)
        if not id:
            return None
        key = (REFERENCES[field], id)
        version = version_as_of(
            self.timelines.get(key) or self.current_references.get(key, ()), self.request.effective_date
        )
        return version.body if version else None

    @cached_property
    def current_references(self) -> Mapping[tuple[str, str], Timeline]:
        """Timelines that current values of COMPARED_FIELDS refer to."""
        return versions.timelines(self.tx, [id for f in COMPARED_FIELDS if (id := self.current.get(f))])


def is_same_value(field: str, a: Any, b: Any) -> bool:
    """Return whether two values of a field are equal: hours as numbers, lists in any order, "" as None."""
    if field == "weekly_working_hours" and a and b:
        return parse_hours(a) == parse_hours(b)
    if isinstance(a, list) and isinstance(b, list):
        return sorted(map(repr, a)) == sorted(map(repr, b))
    return a == b or (a in (None, "") and b in (None, ""))


def parse_hours(value: Any) -> Decimal | None:
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"\d{1,4}(\.\d{1,2})?", value) else None
