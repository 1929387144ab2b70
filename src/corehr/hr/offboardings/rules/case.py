"""What is asked of an offboarding, the facts its rules may look at, and what every operation refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from corehr.engines import versions
from corehr.engines.custom_fields import FieldDefinition, InvalidValue, Value, decode
from corehr.engines.timeline import Timeline
from corehr.hr.contracts import records as contracts
from corehr.hr.departments import records as departments
from corehr.hr.employments import records as people
from corehr.hr.job_changes import records as job_changes
from corehr.hr.job_datas import records as job_datas
from corehr.hr.offboardings import records
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.kernel import tenants
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row as StoredRow
from corehr.kernel.db import Tx
from corehr.kernel.feature import DataRange
from corehr.kernel.ids import UNKNOWN_ID

MAX_FIELDS_PER_EDIT: Final = 10_000
"""Fields in one edit."""


@dataclass(frozen=True)
class Case:
    """One request about one offboarding; `offboarding_id` and `operator_id` are as they came and may be anything.

    `row` is None when there is no such offboarding, `person` when its employment does not exist.
    """

    tx: Tx
    offboarding_id: Any
    operator_id: Any
    row_or_none: StoredRow | None
    employment_or_none: people.Employment | None
    data_range: DataRange

    @property
    def offboarding(self) -> StoredRow:
        assert self.row_or_none is not None, "the rulebook asks for the offboarding first"
        return self.row_or_none

    @cached_property
    def running_approvals(self) -> frozenset[str]:
        """The approvals about this offboarding that are not over."""
        return processes.running_subject_kinds(self.tx, self.offboarding["id"])


@dataclass(frozen=True)
class EditCase(Case):
    """Other facts are to hold; `update_data` is as it came and may be anything."""

    update_data: Any

    @cached_property
    def updates(self) -> Sequence[tuple[str, str]] | None:
        """Names of fields and texts for them; None when that is not what was sent."""
        update_data = self.update_data
        if not isinstance(update_data, list) or not 0 < len(update_data) <= MAX_FIELDS_PER_EDIT:
            return None
        found = [(item.get("field_name"), item.get("value")) for item in update_data if isinstance(item, dict)]
        updates = [(name, text) for name, text in found if isinstance(name, str) and name and isinstance(text, str)]
        return (
            [(records.FIELD_ALIASES.get(n, n), text) for n, text in updates]
            if len(updates) == len(update_data)
            else None
        )

    @cached_property
    def text_by_field(self) -> Mapping[str, str]:
        """By field, what is to hold."""
        return dict(self.updates or ())

    @cached_property
    def definitions(self) -> Mapping[str, FieldDefinition]:
        return records.get_definitions(self.tx)

    @cached_property
    def value_by_field(self) -> Mapping[str, Value | InvalidValue]:
        """By field, the value that is to hold, or why the text says none."""
        return {name: decode(self.definitions[name], text) for name, text in self.text_by_field.items()}

    @cached_property
    def valid_values(self) -> Mapping[str, Value]:
        """The same once the rulebook has found nothing to refuse."""
        return {name: value for name, value in self.value_by_field.items() if not isinstance(value, InvalidValue)}

    def value_after(self, name: str) -> Value | None:
        """What a field would hold with this edit."""
        stored: Value | None = self.offboarding["info"].get(name)
        return self.valid_values.get(name, stored)

    @property
    def changes_offboarding_date(self) -> bool:
        """Is another last day asked for?"""
        return records.OFFBOARDING_DATE in self.text_by_field

    @property
    def last_day(self) -> IsoDate:
        return str(self.valid_values.get(records.OFFBOARDING_DATE, self.offboarding[records.OFFBOARDING_DATE]))

    @property
    def employment(self) -> people.Employment:
        assert self.employment_or_none is not None, "the rulebook asks for the person first"
        return self.employment_or_none

    @cached_property
    def job_changes(self) -> Sequence[StoredRow]:
        return job_changes.list_by_employment(self.tx, self.employment.id)

    @cached_property
    def timelines(self) -> Mapping[tuple[str, str], Timeline]:
        """The person's contracts and probation."""
        return versions.timelines(self.tx, [self.employment.id, *contracts.list_ids(self.tx, self.employment.id)])

    @property
    def probation_start(self) -> IsoDate | None:
        timeline = self.timelines.get((probation.KIND, self.employment.id))
        return timeline[-1].body.get("probation_start_date") if timeline else None

    @cached_property
    def contracts(self) -> Sequence[Mapping[str, Any]]:
        """The person's contracts as they finally look, in order of their start."""
        bodies = [timeline[-1].body for (kind, _), timeline in self.timelines.items() if kind == contracts.KIND]
        return sorted(bodies, key=start_date)

    @property
    def contract(self) -> Mapping[str, Any] | None:
        """Of those begun by the last day, the one begun last."""
        started = [body for body in self.contracts if start_date(body) <= self.last_day]
        return started[-1] if started else None


def start_date(contract: Mapping[str, Any]) -> IsoDate:
    return contract.get("contract_start_date") or ""


def offboarding_is_unknown(c: Case) -> bool:
    return c.row_or_none is None


def employment_is_outside_data_range(c: Case) -> bool:
    if c.data_range.everyone:
        return False
    today = tenants.today(c.tx)
    department = job_datas.department_as_of(c.tx, c.offboarding["employment_id"], today)
    return not departments.is_in_data_range(c.tx, c.data_range, department, today)


def is_under_modification(c: Case) -> bool:
    return records.MODIFICATION in c.running_approvals


def is_under_withdrawal(c: Case) -> bool:
    return records.WITHDRAWAL in c.running_approvals


def operator_is_unknown(c: Case) -> bool:
    id = c.operator_id
    if id is None or id == "":
        return False
    return not isinstance(id, str) or id == UNKNOWN_ID or people.get(c.tx, id) is None
