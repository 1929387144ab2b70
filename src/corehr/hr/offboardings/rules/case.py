"""The cases that the offboarding rules check, and the rules that editing and revoking share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from corehr.apps.scopes import DataRange
from corehr.engines import versions
from corehr.engines.custom_fields import FieldDefinition, InvalidValue, Value, decode, keeping, stands_for
from corehr.engines.entity import EntityStatus, status_as_of
from corehr.engines.timeline import Timeline, version_as_of
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import records as job_changes
from corehr.hr.job_changes.agreed import apply_agreed
from corehr.hr.offboardings import records
from corehr.hr.offboardings.row import Offboarding
from corehr.hr.organization.departments import DEPARTMENT
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.hr.violations import is_employed_today
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx

MAX_FIELDS_PER_EDIT: Final = 10_000
"""The largest number of fields in one edit."""


@dataclass(frozen=True)
class Case:
    """A request about one offboarding; `offboarding_id` and `operator_id` are unchecked and may be anything.

    `record_or_none` is None when there is no such offboarding, `employment_or_none` when its employment does not exist.
    """

    tx: Tx
    offboarding_id: Any
    operator_id: Any
    record_or_none: Offboarding | None
    employment_or_none: employments.Employment | None
    data_range: DataRange

    @property
    def offboarding(self) -> Offboarding:
        assert self.record_or_none is not None, "the rulebook checks the offboarding first"
        return self.record_or_none

    @cached_property
    def operator(self) -> employments.Employment | None:
        return employments.find(self.tx, self.operator_id)

    @property
    def employment_ids(self) -> Sequence[str]:
        return [self.offboarding.employment_id]

    @property
    def employment(self) -> employments.Employment:
        assert self.employment_or_none is not None, "the rulebook checks the employment first"
        return self.employment_or_none

    @cached_property
    def job_changes(self) -> Sequence[Row]:
        return job_changes.list_by_employment(self.tx, self.employment.id)

    @cached_property
    def timelines(self) -> Mapping[tuple[str, str], Timeline]:
        """The timelines of the employment, its job data, probation and contracts, as agreed."""
        employment, contract_ids = self.employment, contracts.list_ids(self.tx, self.employment.id)
        timelines = versions.timelines(self.tx, [employment.id, employment.job_data_id, *contract_ids])
        waiting = job_changes.list_agreed_of(self.tx, self.job_changes)
        return apply_agreed(employment, timelines, contract_ids, waiting).timelines

    def department_as_of(self, day: IsoDate) -> str | None:
        """Return the department of the employment on a day, as agreed; before its first day, the first one."""
        timeline = self.timelines.get((job_datas.KIND, self.employment.job_data_id), ())
        version = version_as_of(timeline, day) or next(iter(timeline), None)
        return version.body.get("department_id") if version else None

    @cached_property
    def running_approvals(self) -> frozenset[str]:
        """The subject kinds of the running approvals about this offboarding."""
        return processes.running_subject_kinds(self.tx, self.offboarding.id)


@dataclass(frozen=True)
class EditCase(Case):
    """A request to edit an offboarding; `update_data` is unchecked and may be anything."""

    update_data: Any

    @cached_property
    def updates(self) -> Sequence[tuple[str, str]] | None:
        """The field names and texts of `update_data`, aliases resolved; None when it is malformed."""
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
        """The requested texts by field name."""
        return dict(self.updates or ())

    @cached_property
    def definitions(self) -> Mapping[str, FieldDefinition]:
        return records.get_definitions(self.tx)

    @cached_property
    def value_by_field(self) -> Mapping[str, Value | InvalidValue | None]:
        """The requested values by field name, or why a text is invalid; a text that says the present value is valid."""
        return {name: self._value_of_text(name, text) for name, text in self.text_by_field.items()}

    def _value_of_text(self, name: str, text: str) -> Value | InvalidValue | None:
        definition, present_value = self.definitions[name], records.value_of(self.offboarding, name)
        if stands_for(definition, text, present_value):
            return present_value
        return decode(keeping(definition, present_value), text)

    @cached_property
    def changes(self) -> Mapping[str, Value | InvalidValue | None]:
        """The requested values that differ from the present ones, by field name, and why a text is invalid."""
        return {n: value for n, value in self.value_by_field.items() if value != records.value_of(self.offboarding, n)}

    @cached_property
    def valid_values(self) -> Mapping[str, Value | None]:
        """The valid requested values by field name, and what they empty."""
        valid = {name: value for name, value in self.value_by_field.items() if not isinstance(value, InvalidValue)}
        return records.with_emptied_dependants(valid)

    def value_after(self, name: str) -> Value | None:
        """Return the value of a field after this edit."""
        return self.valid_values.get(name, records.value_of(self.offboarding, name))

    @property
    def changes_offboarding_date(self) -> bool:
        """Whether another last day is requested than the present one."""
        return records.OFFBOARDING_DATE in self.changes

    @property
    def last_day(self) -> IsoDate:
        """The last day after this edit."""
        return str(self.value_after(records.OFFBOARDING_DATE))

    @property
    def probation_start(self) -> IsoDate | None:
        timeline = probation.with_starts(self.timelines.get((probation.KIND, self.employment.id), ()))
        return timeline[-1].body.get("probation_start_date") if timeline else None

    @cached_property
    def contracts(self) -> Sequence[Mapping[str, Any]]:
        """The contracts of the employment in their final versions, in order of their start."""
        bodies = [timeline[-1].body for (kind, _), timeline in self.timelines.items() if kind == contracts.KIND]
        return sorted(bodies, key=start_date)

    @property
    def contract(self) -> Mapping[str, Any] | None:
        """The latest contract that starts by the last day, or None."""
        started = [body for body in self.contracts if start_date(body) <= self.last_day]
        return started[-1] if started else None


def start_date(contract: Mapping[str, Any]) -> IsoDate:
    return contract.get("contract_start_date") or ""


def offboarding_is_unknown(c: Case) -> bool:
    return c.record_or_none is None


def is_under_modification(c: Case) -> bool:
    return records.MODIFICATION in c.running_approvals


def is_under_withdrawal(c: Case) -> bool:
    return records.WITHDRAWAL in c.running_approvals


def operator_is_unknown(c: Case) -> bool:
    return bool(c.operator_id) and c.operator is None


def operator_is_not_employed(c: Case) -> bool:
    """The operator has left, or has not begun yet."""
    return c.operator is not None and not is_employed_today(c.tx, c.operator)


def is_department_in_force(c: Case, last_day: IsoDate, as_of: IsoDate) -> bool:
    """Return whether the department that the employment has on its last day is in force as of a day."""
    id = c.department_as_of(last_day)
    timeline = versions.timeline(c.tx, DEPARTMENT.kind, id) if id else ()
    return status_as_of(timeline, as_of) not in (EntityStatus.MISSING, EntityStatus.INACTIVE)
