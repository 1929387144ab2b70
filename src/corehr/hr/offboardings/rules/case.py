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

MOST: Final = 10_000
"""Fields in one edit."""


@dataclass(frozen=True)
class Case:
    """One request about one offboarding; `offboarding_id` and `operator_id` are as they came and may be anything.

    `row` is None when there is no such offboarding, `person` when its employment does not exist.
    """

    tx: Tx
    offboarding_id: Any
    operator_id: Any
    row: StoredRow | None
    person: people.Employment | None
    data_range: DataRange

    @property
    def offboarding(self) -> StoredRow:
        assert self.row is not None, "the rulebook asks for the offboarding first"
        return self.row

    @cached_property
    def running(self) -> frozenset[str]:
        """The approvals about this offboarding that are not over."""
        return processes.running_about(self.tx, self.offboarding["id"])


@dataclass(frozen=True)
class EditCase(Case):
    """Other facts are to hold; `update_data` is as it came and may be anything."""

    update_data: Any

    @cached_property
    def pairs(self) -> Sequence[tuple[str, str]] | None:
        """Names of fields and texts for them; None when that is not what was sent."""
        sent = self.update_data
        if not isinstance(sent, list) or not 0 < len(sent) <= MOST:
            return None
        found = [(one.get("field_name"), one.get("value")) for one in sent if isinstance(one, dict)]
        pairs = [(name, text) for name, text in found if isinstance(name, str) and name and isinstance(text, str)]
        return [(records.ALIASES.get(n, n), text) for n, text in pairs] if len(pairs) == len(sent) else None

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """By field, what is to hold."""
        return dict(self.pairs or ())

    @cached_property
    def definitions(self) -> Mapping[str, FieldDefinition]:
        return records.definitions(self.tx)

    @cached_property
    def decoded(self) -> Mapping[str, Value | InvalidValue]:
        """By field, the value that is to hold, or why the text says none."""
        return {name: decode(self.definitions[name], text) for name, text in self.texts.items()}

    @cached_property
    def values(self) -> Mapping[str, Value]:
        """The same once the rulebook has found nothing to refuse."""
        return {name: value for name, value in self.decoded.items() if not isinstance(value, InvalidValue)}

    def resulting(self, name: str) -> Value | None:
        """What a field would hold with this edit."""
        stored: Value | None = self.offboarding["info"].get(name)
        return self.values.get(name, stored)

    @property
    def moves(self) -> bool:
        """Is another last day asked for?"""
        return records.LAST_DAY in self.texts

    @property
    def last_day(self) -> IsoDate:
        return str(self.values.get(records.LAST_DAY, self.offboarding[records.LAST_DAY]))

    @property
    def employment(self) -> people.Employment:
        assert self.person is not None, "the rulebook asks for the person first"
        return self.person

    @cached_property
    def job_changes(self) -> Sequence[StoredRow]:
        return job_changes.list_by_employment(self.tx, self.employment.id)

    @cached_property
    def lives(self) -> Mapping[tuple[str, str], Timeline]:
        """The person's contracts and probation."""
        return versions.timelines(self.tx, [self.employment.id, *contracts.list_ids(self.tx, self.employment.id)])

    @property
    def probation_start(self) -> IsoDate | None:
        life = self.lives.get((probation.KIND, self.employment.id))
        return life[-1].body.get("probation_start_date") if life else None

    @cached_property
    def contracts(self) -> Sequence[Mapping[str, Any]]:
        """The person's contracts as they finally look, in order of their start."""
        bodies = [life[-1].body for (kind, _), life in self.lives.items() if kind == contracts.KIND]
        return sorted(bodies, key=start_of)

    @property
    def contract(self) -> Mapping[str, Any] | None:
        """Of those begun by the last day, the one begun last."""
        begun = [body for body in self.contracts if start_of(body) <= self.last_day]
        return begun[-1] if begun else None


def start_of(contract: Mapping[str, Any]) -> IsoDate:
    return contract.get("contract_start_date") or ""


def offboarding_is_unknown(c: Case) -> bool:
    return c.row is None


def somebody_is_out_of_range(c: Case) -> bool:
    if c.data_range.everyone:
        return False
    today = tenants.today(c.tx)
    department = job_datas.department_on(c.tx, c.offboarding["employment_id"], today)
    return not departments.is_in_data_range(c.tx, c.data_range, department, today)


def is_under_modification(c: Case) -> bool:
    return records.MODIFICATION in c.running


def is_under_withdrawal(c: Case) -> bool:
    return records.WITHDRAWAL in c.running


def operator_is_unknown(c: Case) -> bool:
    id = c.operator_id
    if id is None or id == "":
        return False
    return not isinstance(id, str) or id == UNKNOWN_ID or people.get(c.tx, id) is None
