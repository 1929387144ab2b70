"""What can be done with a job change. Every function is one command's worth."""

from collections.abc import Mapping
from typing import Any

from corehr.engines import versions
from corehr.engines.approvals import ProcessStatus
from corehr.hr.contracts import records as contracts
from corehr.hr.job_changes import records
from corehr.hr.job_changes.records import Status
from corehr.hr.job_changes.rules.case import Case, Request
from corehr.hr.job_changes.rules.create import CREATE
from corehr.hr.job_changes.rules.revoke import REFUSALS, REVOKE, RevokeCase
from corehr.hr.job_datas import records as job_datas
from corehr.hr.locations import records as locations
from corehr.hr.people import records as people
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.clock import local_date
from corehr.kernel.db import Row, Tx
from corehr.kernel.feature import DataRange

SUBJECT = "job_change"
"""How approvals know us."""


def create(tx: Tx, asked: Request, data_range: DataRange) -> Row:
    """A job change is asked for: it waits for its approvers, for its day, or takes effect at once."""
    case = _held(tx, asked, data_range)
    CREATE.check(case)
    row = _draft(case)
    status = ProcessStatus.FINISHED
    if asked.mode == records.WITH_APPROVAL:
        assert case.flow is not None
        row["process_id"], status = processes.start(
            tx,
            row["flow_id"],
            case.flow,
            (SUBJECT, row["id"]),
            case.employment.id,
            case.current.get(people.DIRECT),
            asked.initiator_id,
        )
    row = records.ask(tx, row)
    if row["status"] == Status.APPROVING and status is ProcessStatus.FINISHED:
        row = records.move(tx, row, Status.APPROVED)
    return _settled(tx, row, case.employment)


def decided(tx: Tx, id: str, approved: bool) -> None:
    """The approval about this job change ended; who ended it holds the person."""
    row = records.known(tx, id)
    row = records.move(tx, row, Status.APPROVED if approved else Status.REJECTED)
    _settled(tx, row, people.known(tx, row["employment_id"]))


def come_due(tx: Tx, id: str) -> None:
    """The day that this job change waited for has begun."""
    person = people.hold(tx, records.known(tx, id)["employment_id"])
    assert person is not None
    row = records.known(tx, id)  # as it is now that nobody else can change it
    _settled(tx, row, person)


def revoke(tx: Tx, id: str, operator_id: Any, data_range: DataRange) -> str | None:
    """A job change is taken back, whatever came before or after it; why not, where that is refused."""
    row = records.get(tx, id)
    person = people.hold(tx, row["employment_id"]) if row else None
    row = records.get(tx, id) if row else None
    above = _above_again(tx, row, person) if row and person and row["status"] == Status.TRANSFORMED else frozenset()
    case = RevokeCase(tx, row, person, data_range, operator_id, above)
    REVOKE.check(case)
    for why, violation in REFUSALS:
        if violation(case):
            return why
    _withdraw(tx, case.change, case.change["employment_id"])
    if case.change["process_id"]:
        processes.end(tx, case.change["process_id"])
    records.revoke(tx, case.change, operator_id)
    return None


def _above_again(tx: Tx, row: Row, person: people.Employment) -> frozenset[str]:
    """Who would stand above the person again without this change, wherever they do not now."""
    above: frozenset[str] = frozenset()
    for line in job_datas.lines_without(tx, person.job_data_id, person.id, records.cause(row["id"])):
        days = (line["valid_from"], line["valid_to"])
        above |= people.hold_line(tx, line["line"], person.id, line["manager_id"], *days)
    return above


def _held(tx: Tx, asked: Request, data_range: DataRange) -> Case:
    """The case, with everything locked that the command may depend on: the person, their lines, the plans."""
    person = people.hold(tx, asked.employment_id) if isinstance(asked.employment_id, str) else None
    if person is None:
        return Case(tx, asked, None, data_range, {}, ())
    above = {
        line: people.hold_line(tx, line, person.id, manager, asked.effective_date)
        for line in people.LINES
        if (manager := asked.targets.get(line))
    }
    department = asked.targets.get("department_id")
    plans = workforce_plans.hold(tx, department, asked.effective_date) if department else ()
    return Case(tx, asked, person, data_range, above, plans)


def _draft(case: Case) -> Row:
    asked = case.asked
    direct = asked.mode == records.DIRECT
    told = {**asked.originals, **{f: v for f in asked.targets if (v := case.current.get(f)) is not None}}
    return {
        "id": case.tx.new_id(),
        "employment_id": case.employment.id,
        "status": (Status.NO_NEED_APPROVAL if direct else Status.APPROVING).value,
        "mode": asked.mode,
        "transfer_type": asked.transfer_type,
        "transfer_reason": None,
        "flow_id": None if direct else asked.flow_id,
        "process_id": None,
        "effective_date": asked.effective_date,
        # days begin for a person where they work before the change
        "zone": locations.zone_of(case.tx, case.body_of("work_location_id", case.current)),
        "transfer_key": asked.transfer_key,
        "initiator_id": asked.initiator_id,
        "remark": asked.remark,
        "offer_info": asked.offer_info,
        "dotted_manager_clean": _flag(asked.dotted_manager_clean),
        "probation_exist": _flag(asked.probation_exist),
        "targets": dict(asked.targets),
        "originals": told,
    }


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _settled(tx: Tx, row: Row, person: people.Employment) -> Row:
    """If its day has come and nobody has still to agree, the change becomes the person's job."""
    if row["status"] not in records.WAITING or row["effective_date"] > local_date(tx.now, row["zone"]):
        return row
    _apply(tx, row, person)
    return records.take_effect(tx, row, person.job_data_id)


def _apply(tx: Tx, row: Row, person: people.Employment) -> None:
    """Say of job data, contract, probation and employment what the targets say, all for one cause."""
    day, cause = row["effective_date"], records.cause(row["id"])
    patches = _patches(row)
    contract_ids = contracts.ids_of(tx, person.id) if patches["contract"] else ()
    lives = versions.timelines(tx, [person.job_data_id, person.id, *contract_ids])
    reason = {"assignment_start_reason": "job_change"}
    job_data = lives.get((job_datas.KIND, person.job_data_id), ())
    job_datas.write(tx, person.job_data_id, person.id, job_data, day, patches["job_data"] | reason, cause)
    if patches["employment"]:
        people.amend(tx, person.id, lives.get((people.KIND, person.id), ()), day, patches["employment"], cause)
    if patches["probation"]:
        life = lives.get((probation.KIND, person.id), ())
        probation.amend(tx, person.id, life, day, patches["probation"], cause)
    if patches["contract"]:
        contracts.agree(tx, person.id, lives, contract_ids, day, patches["contract"], cause)


def _patches(row: Row) -> Mapping[str, dict[str, Any]]:
    targets = records.values(row)
    owned = {
        "contract": records.CONTRACT_FIELDS,
        "employment": records.EMPLOYMENT_FIELDS,
        "probation": records.PROBATION_FIELDS,
    }
    taken = frozenset().union(*owned.values())
    parts = {part: {f: v for f, v in targets.items() if f in fields} for part, fields in owned.items()}
    return {**parts, "job_data": {f: v for f, v in targets.items() if f not in taken}}


def _withdraw(tx: Tx, row: Row, employment_id: str) -> None:
    """Take back, wherever it was said, what this change said."""
    cause = records.cause(row["id"])
    for kind, thing in versions.list_entities_of_cause(tx, cause):
        if kind == job_datas.KIND:
            job_datas.take_back(tx, thing, employment_id, cause)
        elif kind == people.KIND:
            people.take_back(tx, thing, cause)
        elif kind == probation.KIND:
            probation.take_back(tx, thing, cause)
        else:
            contracts.take_back(tx, thing, cause)
