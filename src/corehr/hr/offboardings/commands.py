"""What can be done with an offboarding. Every function is one command's worth."""

from typing import Any

from corehr.engines import versions
from corehr.engines.custom_fields import Value
from corehr.hr.contracts import records as contracts
from corehr.hr.employments import records as people
from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Checklist, Status
from corehr.hr.offboardings.rules.case import Case, EditCase
from corehr.hr.offboardings.rules.edit import EDIT
from corehr.hr.offboardings.rules.revoke import REVOKE
from corehr.hr.processes import records as processes
from corehr.kernel.clock import local_date
from corehr.kernel.db import Row, Tx
from corehr.kernel.feature import DataRange


def edit(tx: Tx, id: Any, operator_id: Any, update_data: Any, data_range: DataRange) -> None:
    """Other facts hold of an offboarding, all of those asked for or none; arguments may be anything."""
    row, employment = _lock_and_load(tx, id)
    case = EditCase(tx, id, operator_id, row, employment, data_range, update_data)
    EDIT.check(case)
    _apply_if_due(tx, records.edit(tx, case.offboarding, case.valid_values, operator_id or None))


def revoke(tx: Tx, id: Any, operator_id: Any, data_range: DataRange) -> None:
    """An offboarding is taken back, and the person is as they were; arguments may be anything."""
    row, employment = _lock_and_load(tx, id)
    case = Case(tx, id, operator_id, row, employment, data_range)
    REVOKE.check(case)
    _withdraw(tx, case.offboarding, operator_id or None)


def on_decided(tx: Tx, id: str, approved: bool) -> None:
    """The approval of this offboarding ended; who ended it holds the person."""
    _apply_if_due(
        tx, records.set_decision(tx, records.get_existing(tx, id), Status.APPROVED if approved else Status.REJECTED)
    )


def on_modification_decided(tx: Tx, id: str, approved: bool) -> None:
    """Other facts were proposed, and are agreed to or not: too late for a last day that is over, or one who stays."""
    row = records.get_existing(tx, id)
    proposed: dict[str, Value] = dict(row["proposal"] or {})
    row = records.clear_proposal(tx, row)
    if row["status"] == Status.OFFBOARDED:
        proposed.pop(records.OFFBOARDING_DATE, None)
    if approved and row["status"] in records.APPROVED_STATUSES:
        _apply_if_due(tx, records.edit(tx, row, proposed, None))


def on_withdrawal_decided(tx: Tx, id: str, approved: bool) -> None:
    """The person was proposed to stay after all."""
    if approved:
        _withdraw(tx, records.get_existing(tx, id), None)


def on_checklist_decided(tx: Tx, id: str, approved: bool) -> None:
    """The approval of the hand-over ended."""
    records.set_checklist_status(
        tx, records.get_existing(tx, id), Checklist.FINISHED if approved else Checklist.REJECTED
    )


def apply_due(tx: Tx, id: str) -> None:
    """The last day of this offboarding is over."""
    people.lock(tx, records.get_existing(tx, id)["employment_id"])
    _apply_if_due(tx, records.get_existing(tx, id))  # as it is now that nobody else can change it


def _lock_and_load(tx: Tx, id: Any) -> tuple[Row | None, people.Employment | None]:
    """The offboarding and its person, locked before anything about them is believed."""
    row = records.get(tx, id) if isinstance(id, str) else None
    if row is None:
        return None, None
    employment = people.lock(tx, row["employment_id"])
    return records.get(tx, id), employment


def _apply_if_due(tx: Tx, row: Row) -> None:
    """If it is agreed to and the last day is over where the person works, they have left."""
    if row["status"] not in records.READY_STATUSES or row["offboarding_date"] >= local_date(
        tx.now, records.time_zone(tx, row)
    ):
        return
    employment_id, day, cause = row["employment_id"], row["offboarding_date"], records.cause_of(row["id"])
    people.terminate(tx, employment_id, day, cause)
    ids = contracts.list_ids(tx, employment_id)
    contract = contracts.contract_in_force(versions.timelines(tx, ids), ids, day)
    if contract and not contract.body.get(contracts.ACTUAL_END_DATE):
        contracts.close(tx, contract, day, cause)
    records.mark_offboarded(tx, row)


def _withdraw(tx: Tx, row: Row, operator_id: str | None) -> None:
    """Take back what leaving said of the person and their contract, end its processes, and say that it is over."""
    cause = records.cause_of(row["id"])
    for kind, entity_id in versions.list_entities_of_cause(tx, cause):
        if kind == people.KIND:
            people.retract(tx, entity_id, cause)
        else:
            contracts.retract(tx, entity_id, cause)
    if row["process_id"]:
        processes.cancel(tx, row["process_id"])
    if row["checklist_status"] == Checklist.RUNNING:
        if row["checklist_process_id"]:
            processes.cancel(tx, row["checklist_process_id"])
        row = records.set_checklist_status(tx, row, Checklist.WITHDRAWN)
    records.mark_withdrawn(tx, row, operator_id)
