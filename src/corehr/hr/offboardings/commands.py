"""The commands on offboardings: editing, revoking, and what an approval or the last day triggers."""

from typing import Any

from corehr.apps.scopes import DataRange
from corehr.engines import versions
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Checklist, Status
from corehr.hr.offboardings.row import Offboarding
from corehr.hr.offboardings.rules.case import Case, EditCase
from corehr.hr.offboardings.rules.edit import EDIT
from corehr.hr.offboardings.rules.revoke import REVOKE
from corehr.hr.processes import records as processes
from corehr.kernel.clock import local_date
from corehr.kernel.db import Tx


def edit(tx: Tx, id: Any, operator_id: Any, update_data: Any, data_range: DataRange) -> Offboarding:
    """Edit fields of an offboarding, all or none, and return it. EDIT checks the arguments, which may be anything."""
    record_or_none, employment = _lock_and_load(tx, id)
    case = EditCase(tx, id, operator_id, record_or_none, employment, data_range, update_data)
    EDIT.check(case)
    offboarding = records.edit(tx, case.offboarding, case.valid_values, operator_id or None)
    _apply_if_due(tx, offboarding)
    return offboarding


def revoke(tx: Tx, id: Any, operator_id: Any, data_range: DataRange) -> None:
    """Revoke an offboarding and retract its effects. REVOKE checks the arguments, which may be anything."""
    offboarding, employment = _lock_and_load(tx, id)
    case = Case(tx, id, operator_id, offboarding, employment, data_range)
    REVOKE.check(case)
    _withdraw(tx, case.offboarding, operator_id or None)


def on_decided(tx: Tx, id: str, approved: bool) -> None:
    """Approve or reject the offboarding: its approval has ended. The caller has locked the employment."""
    _apply_if_due(
        tx, records.set_decision(tx, records.get_existing(tx, id), Status.APPROVED if approved else Status.REJECTED)
    )


def on_modification_decided(tx: Tx, id: str, approved: bool) -> None:
    """Apply the proposed fields if they were approved, and remove the proposal.

    A new last day is dropped when the employee has left, every field when the offboarding is no longer approved.
    """
    offboarding = records.get_existing(tx, id)
    proposed = dict(records.with_emptied_dependants(offboarding.proposal or {}))
    offboarding = records.clear_proposal(tx, offboarding)
    if offboarding.status == Status.OFFBOARDED:
        proposed.pop(records.OFFBOARDING_DATE, None)
    if approved and offboarding.status in records.APPROVED_STATUSES:
        _apply_if_due(tx, records.edit(tx, offboarding, proposed, None))


def on_withdrawal_decided(tx: Tx, id: str, approved: bool) -> None:
    """Withdraw the offboarding if its withdrawal was approved."""
    if approved:
        _withdraw(tx, records.get_existing(tx, id), None)


def on_checklist_decided(tx: Tx, id: str, approved: bool) -> None:
    """Finish or reject the hand-over: its approval has ended."""
    records.set_checklist_status(
        tx, records.get_existing(tx, id), Checklist.FINISHED if approved else Checklist.REJECTED
    )


def apply_due(tx: Tx, id: str) -> None:
    """Apply an offboarding whose last day is over, if it is still approved."""
    employments.lock(tx, records.get_existing(tx, id).employment_id)
    _apply_if_due(tx, records.get_existing(tx, id))  # read again under the lock


def _lock_and_load(tx: Tx, id: Any) -> tuple[Offboarding | None, employments.Employment | None]:
    """Lock the employment and return the offboarding, read again under the lock, with it; (None, None) if unknown."""
    offboarding = records.get(tx, id) if isinstance(id, str) else None
    if offboarding is None:
        return None, None
    employment = employments.lock(tx, offboarding.employment_id)
    return records.get(tx, id), employment


def _apply_if_due(tx: Tx, offboarding: Offboarding) -> None:
    """Terminate the employment and close its contract if the offboarding is approved and its last day is over."""
    if offboarding.status not in records.READY_STATUSES:
        return
    employment_id, day = offboarding.employment_id, offboarding.offboarding_date
    [time_zone] = records.time_zones(tx, [(employment_id, day)])
    if day >= local_date(tx.now, time_zone):
        return
    cause = records.cause_of(offboarding.id)
    records.mark_offboarded(tx, offboarding)
    employments.terminate(tx, employment_id, day, cause)
    contract = contracts.contract_in_force(tx, contracts.list_ids(tx, employment_id), day)
    if contract and not contract.body.get(contracts.ACTUAL_END_DATE):
        contracts.close(tx, contract, day, cause)


def _withdraw(tx: Tx, offboarding: Offboarding, operator_id: str | None) -> None:
    """Mark the offboarding withdrawn, cancel its processes and retract what it changed of employment and contract."""
    records.mark_withdrawn(tx, offboarding, operator_id)
    if offboarding.process_id:
        processes.cancel(tx, offboarding.process_id)
    if offboarding.checklist_status == Checklist.RUNNING and offboarding.checklist_process_id:
        processes.cancel(tx, offboarding.checklist_process_id)
    cause = records.cause_of(offboarding.id)
    for kind, entity_id in versions.list_entities_of_cause(tx, cause):
        if kind == employments.KIND:
            employments.retract(tx, entity_id, cause)
        else:
            contracts.retract(tx, entity_id, cause)
