"""A job change as asked for, and the facts its rules may look at."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from corehr.engines import versions
from corehr.engines.entity import EntityStatus, status_as_of
from corehr.engines.timeline import Timeline, version_as_of
from corehr.hr.companies.records import COMPANY
from corehr.hr.contracts import records as contracts
from corehr.hr.departments.records import DEPARTMENT
from corehr.hr.employee_types.records import EMPLOYEE_TYPE
from corehr.hr.employments import records as people
from corehr.hr.job_changes import records
from corehr.hr.job_datas import records as job_datas
from corehr.hr.job_families.records import JOB_FAMILY
from corehr.hr.job_grades.records import JOB_GRADE
from corehr.hr.job_levels.records import JOB_LEVEL
from corehr.hr.jobs.records import JOB
from corehr.hr.locations.records import LOCATION
from corehr.hr.offboardings import records as offboardings
from corehr.hr.positions.records import POSITION
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.hr.transfer_types import records as transfer_types
from corehr.hr.working_hours_types.records import WORKING_HOURS_TYPE
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row as StoredRow
from corehr.kernel.db import Tx
from corehr.kernel.feature import DataRange

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
}
"""Which kind of thing a target names."""


COMPARED_FIELDS: Final = ("job_id", "job_family_id", "job_level_id", "employee_type_id", "work_location_id")
"""Whose present values matter beside the targets."""


@dataclass(frozen=True)
class CreateJobChange:
    """A job change as asked for. `targets` and `originals` are keyed by our own field names, ids are CoreHR's.

    Of what the rules own, values are as they came: `employment_id` and `transfer_type` may be no text,
    `targets["weekly_working_hours"]` and `targets["cost_center_rates"]` may be anything.
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


@dataclass(frozen=True)
class Case:
    """What the rules may know about one request; the first rule that looks at a fact pays for it.

    `above` are, by line, those who would stand above the person; `plans` are the target department's workforce plans.
    All of them are locked.
    """

    tx: Tx
    request: CreateJobChange
    employment_or_none: people.Employment | None
    data_range: DataRange
    managers_above: Mapping[str, frozenset[str]]
    workforce_plans: Sequence[StoredRow]

    @property
    def employment(self) -> people.Employment:
        assert self.employment_or_none is not None, "the rulebook asks for the person first"
        return self.employment_or_none

    @cached_property
    def transfer_type(self) -> transfer_types.TransferType | None:
        name = self.request.transfer_type
        return transfer_types.get(self.tx, name) if isinstance(name, str) and name else None

    @cached_property
    def flow(self) -> Sequence[processes.Node] | None:
        return processes.flow_nodes(self.tx, self.request.flow_id or "")

    @cached_property
    def offboardings(self) -> Sequence[StoredRow]:
        return offboardings.list_by_employment(self.tx, self.employment.id)

    @cached_property
    def job_changes(self) -> Sequence[StoredRow]:
        return [
            r for r in records.list_by_employment(self.tx, self.employment.id) if r["status"] in records.ACTIVE_STATUSES
        ]

    @cached_property
    def contract_ids(self) -> Sequence[str]:
        return contracts.list_ids(self.tx, self.employment.id)

    @cached_property
    def timelines(self) -> Mapping[tuple[str, str], Timeline]:
        """Everything dated that the request touches, in one reading: the person's own facts and what targets name."""
        ids = {self.employment.job_data_id, self.employment.id, *self.contract_ids}
        ids.update(v for f in REFERENCES if isinstance(v := self.request.targets.get(f), str))
        # as a rule the originals given are the present values, which are then known without another reading
        ids.update(v for f in COMPARED_FIELDS if isinstance(v := self.request.originals.get(f), str))
        ids.update(
            share["cost_center_id"] for share in self.cost_center_shares if is_corehr_id(share.get("cost_center_id"))
        )
        return versions.timelines(self.tx, ids)

    def timeline_of(self, kind: str, id: str) -> Timeline:
        return self.timelines.get((kind, id), ())

    @cached_property
    def job_data(self) -> Timeline:
        return self.timeline_of(job_datas.KIND, self.employment.job_data_id)

    @cached_property
    def contract(self) -> contracts.Contract | None:
        return contracts.contract_in_force(self.timelines, self.contract_ids, self.request.effective_date)

    @cached_property
    def current(self) -> Mapping[str, Any]:
        """The person's values in force on the effective date, without this change."""
        day = self.request.effective_date
        versions_in_force = (
            version_as_of(self.job_data, day),
            version_as_of(self.timeline_of(people.KIND, self.employment.id), day),
            version_as_of(self.timeline_of(probation.KIND, self.employment.id), day),
        )
        merged: dict[str, Any] = dict(self.contract.body) if self.contract else {}
        for version in versions_in_force:
            merged.update(version.body if version else {})
        return merged

    @cached_property
    def values_after(self) -> Mapping[str, Any]:
        """The person's values as they would be with the change."""
        return {**self.current, **self.request.targets}

    @cached_property
    def changed_fields(self) -> frozenset[str]:
        """The fields that the change would really change."""
        fields = {f for f, v in self.request.targets.items() if not is_same_value(f, v, self.current.get(f))}
        if self.request.dotted_manager_clean and self.current.get(people.DOTTED_MANAGER):
            fields.add(people.DOTTED_MANAGER)
        end = self.current.get("probation_end_date")
        if self.request.probation_exist is not None and self.request.probation_exist != bool(
            end and end >= self.request.effective_date
        ):
            fields.add("probation_end_date")
        return frozenset(fields)

    @cached_property
    def managers(self) -> Mapping[str, people.Employment]:
        ids = [self.request.targets[line] for line in people.REPORTING_LINES if self.request.targets.get(line)]
        return people.get_many(self.tx, ids) if ids else {}

    @cached_property
    def cost_center_shares(self) -> Sequence[Mapping[str, Any]]:
        """The target cost centres, as far as they look like any."""
        value = self.request.targets.get("cost_center_rates")
        return [share for share in value if isinstance(share, dict)] if isinstance(value, list) else []

    @cached_property
    def cost_center_ids(self) -> Sequence[str]:
        return [share["cost_center_id"] for share in self.cost_center_shares]

    def status_of(self, field: str) -> EntityStatus | None:
        """How what the field's target names stands on the effective date; None when it names nothing."""
        id = self.request.targets.get(field)
        if not id:
            return None
        return status_as_of(self.timeline_of(REFERENCES[field], id), self.request.effective_date)

    def referenced_body(self, field: str, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What a field of `of` names, as it looks on the effective date."""
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
        """What the person's present values name, as far as targets are held against it, in one reading."""
        references = [(REFERENCES[f], id) for f in COMPARED_FIELDS if (id := self.current.get(f))]
        unread_ids = [id for kind, id in references if (kind, id) not in self.timelines]
        return versions.timelines(self.tx, unread_ids) if unread_ids else {}


def is_corehr_id(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdecimal()


def is_same_value(field: str, a: Any, b: Any) -> bool:
    """Do two values of a field say the same? Hours by their number, cost centres in any order, "" is nothing."""
    if field == "weekly_working_hours" and a and b:
        return parse_hours(a) == parse_hours(b)
    if field in ("cost_center_rates", "custom_fields") and isinstance(a, list) and isinstance(b, list):
        return sorted(map(repr, a)) == sorted(map(repr, b))
    return a == b or (a in (None, "") and b in (None, ""))


def parse_hours(value: Any) -> Decimal | None:
    return Decimal(value) if isinstance(value, str) and re.fullmatch(r"\d{1,4}(\.\d{1,2})?", value) else None
