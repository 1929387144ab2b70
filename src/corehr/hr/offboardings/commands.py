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
    row, person = _held(tx, id)
    case = EditCase(tx, id, operator_id, row, person, data_range, update_data)
    EDIT.check(case)
    _settled(tx, records.edit(tx, case.offboarding, case.values, operator_id or None))


def revoke(tx: Tx, id: Any, operator_id: Any, data_range: DataRange) -> None:
    """An offboarding is taken back, and the person is as they were; arguments may be anything."""
    row, person = _held(tx, id)
    case = Case(tx, id, operator_id, row, person, data_range)
    REVOKE.check(case)
    _withdraw(tx, case.offboarding, operator_id or None)


def decided(tx: Tx, id: str, approved: bool) -> None:
    """The approval of this offboarding ended; who ended it holds the person."""
    _settled(tx, records.decide(tx, records.known(tx, id), Status.APPROVED if approved else Status.REJECTED))


def modification_decided(tx: Tx, id: str, approved: bool) -> None:
    """Other facts were proposed, and are agreed to or not: too late for a last day that is over, or one who stays."""
    row = records.known(tx, id)
    proposed: dict[str, Value] = dict(row["proposal"] or {})
    row = records.conclude(tx, row)
    if row["status"] == Status.OFFBOARDED:
        proposed.pop(records.LAST_DAY, None)
    if approved and row["status"] in records.AGREED:
        _settled(tx, records.edit(tx, row, proposed, None))


def withdrawal_decided(tx: Tx, id: str, approved: bool) -> None:
    """The person was proposed to stay after all."""
    if approved:
        _withdraw(tx, records.known(tx, id), None)


def hand_over_decided(tx: Tx, id: str, approved: bool) -> None:
    """The approval of the hand-over ended."""
    records.hand_over(tx, records.known(tx, id), Checklist.FINISHED if approved else Checklist.REJECTED)


def come_due(tx: Tx, id: str) -> None:
    """The last day of this offboarding is over."""
    people.lock(tx, records.known(tx, id)["employment_id"])
    _settled(tx, records.known(tx, id))  # as it is now that nobody else can change it


def _held(tx: Tx, id: Any) -> tuple[Row | None, people.Employment | None]:
    """The offboarding and its person, locked before anything about them is believed."""
    row = records.get(tx, id) if isinstance(id, str) else None
    if row is None:
        return None, None
    person = people.lock(tx, row["employment_id"])
    return records.get(tx, id), person


def _settled(tx: Tx, row: Row) -> None:
    """If it is agreed to and the last day is over where the person works, they have left."""
    if row["status"] not in records.WAITING or row["offboarding_date"] >= local_date(tx.now, records.zone(tx, row)):
        return
    person, day, cause = row["employment_id"], row["offboarding_date"], records.cause(row["id"])
    people.terminate(tx, person, day, cause)
    ids = contracts.list_ids(tx, person)
    contract = contracts.contract_in_force(versions.timelines(tx, ids), ids, day)
    if contract and not contract.body.get(contracts.ACTUAL_END_DATE):
        contracts.close(tx, contract, day, cause)
    records.take_effect(tx, row)


def _withdraw(tx: Tx, row: Row, operator_id: str | None) -> None:
    """Take back what leaving said of the person and their contract, end its processes, and say that it is over."""
    cause = records.cause(row["id"])
    for kind, thing in versions.list_entities_of_cause(tx, cause):
        if kind == people.KIND:
            people.retract(tx, thing, cause)
        else:
            contracts.retract(tx, thing, cause)
    if row["process_id"]:
        processes.end(tx, row["process_id"])
    if row["checklist_status"] == Checklist.RUNNING:
        if row["checklist_process_id"]:
            processes.end(tx, row["checklist_process_id"])
        row = records.hand_over(tx, row, Checklist.WITHDRAWN)
    records.withdraw(tx, row, operator_id)
