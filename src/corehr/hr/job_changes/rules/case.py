"""The request to create a job change, and the facts that its rules read."""

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
from corehr.hr.job_changes.rules.custom_values import CustomValue
from corehr.hr.job_management.job_families import JOB_FAMILY
from corehr.hr.job_management.job_grades import JOB_GRADE
from corehr.hr.job_management.job_levels import JOB_LEVEL
from corehr.hr.job_management.jobs import JOB
from corehr.hr.job_management.positions import POSITION
from corehr.hr.leave.work_calendars import WORK_CALENDAR
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.row import Offboarding
from corehr.hr.organization.companies import COMPANY
from corehr.hr.organization.departments import DEPARTMENT
from corehr.hr.organization.locations import LOCATION
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.kernel.clock import IsoDate
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
class CreateJobChange:
    """A request to create a job change. `targets` and `originals` have our own field names as keys; ids are CoreHR ids.

    Values that the rules check are as received: `employment_id`, `transfer_type`, `targets["weekly_working_hours"]`
    and `targets["cost_center_rates"]` may be of any JSON type. `custom_values` are the custom fields as received.
    """

    mode: int
    employment_id: Any
    transfer_type: Any
    effective_date: IsoDate
    flow_id: str | None
    targets: Mapping[str, Any]
    originals: Mapping[str, Any]
    remark: str | None
    offer_info: str | None
    dotted_manager_clean: bool | None
    probation_exist: bool | None
    transfer_key: str | None
    initiator_id: str | None
    custom_values: Sequence[CustomValue] = ()


@dataclass(frozen=True)
class Case:
    """What the rules may read about one request; a fact is loaded when the first rule reads it.

    `managers_above` are, by reporting line, the ids of all managers who would be above the employee;
    `workforce_plans` are those of the target department. All of them are locked.
    """

    tx: Tx
    request: CreateJobChange
    employment_or_none: employments.Employment | None
    data_range: DataRange
    managers_above: Mapping[str, frozenset[str]]
    workforce_plans: Sequence[Row]

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
        ids.update(
            share["cost_center_id"] for share in self.cost_center_shares if is_digits(share.get("cost_center_id"))
        )
        return versions.timelines(self.tx, ids)

    def timeline_of(self, kind: str, id: str) -> Timeline:
        return self.timelines.get((kind, id), ())

    @cached_property
    def job_data(self) -> Timeline:
        return self.timeline_of(job_datas.KIND, self.employment.job_data_id)

    @cached_property
    def contract(self) -> contracts.Contract | None:
        return contracts.contract_in_force(self.tx, self.contract_ids, self.request.effective_date)

    @cached_property
    def current(self) -> Mapping[str, Any]:
        """The employment's values in force on the effective date, without this change."""
        day = self.request.effective_date
        versions_in_force = (
            version_as_of(self.job_data, day),
            version_as_of(self.timeline_of(employments.KIND, self.employment.id), day),
            version_as_of(self.timeline_of(probation.KIND, self.employment.id), day),
        )
        merged: dict[str, Any] = dict(self.contract.body) if self.contract else {}
        for version in versions_in_force:
            merged.update(version.body if version else {})
        return merged

    @cached_property
    def values_after(self) -> Mapping[str, Any]:
        """The employment's values as they would be with the change."""
        return {**self.current, **self.request.targets}

    @cached_property
    def changed_fields(self) -> frozenset[str]:
        """The fields whose value would differ from the current one."""
        fields = {f for f, v in self.request.targets.items() if not is_same_value(f, v, self.current.get(f))}
        if self.request.dotted_manager_clean and self.current.get(employments.DOTTED_MANAGER):
            fields.add(employments.DOTTED_MANAGER)
        end = self.current.get("probation_end_date")
        if self.request.probation_exist is not None and self.request.probation_exist != bool(
            end and end >= self.request.effective_date
        ):
            fields.add("probation_end_date")
        return frozenset(fields)

    @cached_property
    def managers(self) -> Mapping[str, employments.Employment]:
        ids = [self.request.targets[line] for line in employments.REPORTING_LINES if self.request.targets.get(line)]
        return employments.get_many(self.tx, ids) if ids else {}

    @cached_property
    def cost_center_shares(self) -> Sequence[Mapping[str, Any]]:
        """The objects in the list of target cost centres; empty when the target is not a list."""
        value = self.request.targets.get("cost_center_rates")
        return [share for share in value if isinstance(share, dict)] if isinstance(value, list) else []

    @cached_property
    def cost_center_ids(self) -> Sequence[str]:
        return [share["cost_center_id"] for share in self.cost_center_shares]

    def status_of(self, field: str) -> EntityStatus | None:
        """Return the status, on the effective date, of the entity that the target refers to; None without a target."""
        id = self.request.targets.get(field)
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
