"""Commands on job changes. Each public function runs in the transaction of one command."""

from collections.abc import Mapping
from typing import Any

from corehr.apps.scopes import DataRange
from corehr.engines import versions
from corehr.engines.approvals import ProcessStatus
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import records
from corehr.hr.job_changes.records import Status
from corehr.hr.job_changes.rules.case import Case, CreateJobChange
from corehr.hr.job_changes.rules.create import CREATE
from corehr.hr.job_changes.rules.revoke import REVOKE, RevokeCase
from corehr.hr.organization import locations
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.clock import local_date
from corehr.kernel.db import Row, Tx

APPROVAL_SUBJECT = "job_change"
"""The subject kind of approval processes about job changes."""


def create(tx: Tx, request: CreateJobChange, data_range: DataRange) -> Row:
    """Create a job change: it waits for its approvers or its effective date, or takes effect at once."""
    case = _lock_and_load(tx, request, data_range)
    CREATE.check(case)
    row = _new_row(case)
    status = ProcessStatus.FINISHED
    if request.mode == records.MODE_APPROVAL:
        assert case.flow is not None
        row["process_id"], status = processes.start(
            tx,
            row["flow_id"],
            case.flow,
            (APPROVAL_SUBJECT, row["id"]),
            case.employment.id,
            case.current.get(employments.DIRECT_MANAGER),
            request.initiator_id,
        )
    row = records.insert(tx, row)
    if row["status"] == Status.APPROVING and status is ProcessStatus.FINISHED:
        row = records.set_status(tx, row, Status.APPROVED)
    return _apply_if_due(tx, row, case.employment)


def on_decided(tx: Tx, id: str, approved: bool) -> None:
    """Set the status that the approval decided and apply the change if due. The caller has locked the employment."""
    row = records.get_existing(tx, id)
    row = records.set_status(tx, row, Status.APPROVED if approved else Status.REJECTED)
    _apply_if_due(tx, row, employments.get_existing(tx, row["employment_id"]))


def apply_due(tx: Tx, id: str) -> None:
    """Apply a ready job change whose effective date has begun."""
    employment = employments.lock(tx, records.get_existing(tx, id)["employment_id"])
    assert employment is not None
    row = records.get_existing(tx, id)  # read again under the lock
    _apply_if_due(tx, row, employment)


def revoke(tx: Tx, id: str, operator_id: Any, data_range: DataRange) -> None:
    """Revoke a job change, whatever changes came before or after it."""
    row = records.get(tx, id)
    employment = employments.lock(tx, row["employment_id"]) if row else None
    row = records.get(tx, id) if row else None
    managers_above = (
        _managers_above_without(tx, row, employment)
        if row and employment and row["status"] == Status.TRANSFORMED
        else frozenset()
    )
    case = RevokeCase(tx, row, employment, data_range, operator_id, managers_above)
    REVOKE.check(case)
    _retract(tx, case.job_change, case.job_change["employment_id"])
    if case.job_change["process_id"]:
        processes.cancel(tx, case.job_change["process_id"])
    records.mark_revoked(tx, case.job_change, operator_id)


def _managers_above_without(tx: Tx, row: Row, employment: employments.Employment) -> frozenset[str]:
    """Lock the reporting lines that revoking this change would restore, and return all managers above on them."""
    managers: frozenset[str] = frozenset()
    for line in job_datas.reporting_lines_without(
        tx, employment.job_data_id, employment.id, records.cause_of(row["id"])
    ):
        days = (line["valid_from"], line["valid_to"])
        managers |= employments.lock_manager_chain(tx, line["line"], employment.id, line["manager_id"], *days)
    return managers


def _lock_and_load(tx: Tx, request: CreateJobChange, data_range: DataRange) -> Case:
    """Lock what the command depends on and return the case: employment, reporting lines, workforce plans."""
    employment = employments.lock(tx, request.employment_id) if isinstance(request.employment_id, str) else None
    if employment is None:
        return Case(tx, request, None, data_range, {}, ())
    managers_above = {
        line: employments.lock_manager_chain(tx, line, employment.id, manager, request.effective_date)
        for line in employments.REPORTING_LINES
        if (manager := request.targets.get(line))
    }
    department = request.targets.get("department_id")
    plans = workforce_plans.lock_in_force(tx, department, request.effective_date) if department else ()
    return Case(tx, request, employment, data_range, managers_above, plans)


def _new_row(case: Case) -> Row:
    request = case.request
    is_direct = request.mode == records.MODE_DIRECT
    originals = {**request.originals, **{f: v for f in request.targets if (v := case.current.get(f)) is not None}}
    return {
        "id": case.tx.new_id(),
        "employment_id": case.employment.id,
        "status": (Status.NO_NEED_APPROVAL if is_direct else Status.APPROVING).value,
        "mode": request.mode,
        "transfer_type": request.transfer_type,
        "transfer_reason": None,
        "flow_id": None if is_direct else request.flow_id,
        "process_id": None,
        "effective_date": request.effective_date,
        # the effective date begins in the time zone of the work location before the change
        "zone": locations.time_zone_of(case.tx, case.referenced_body("work_location_id", case.current)),
        "transfer_key": request.transfer_key,
        "initiator_id": request.initiator_id,
        "remark": request.remark,
        "offer_info": request.offer_info,
        "dotted_manager_clean": _to_int(request.dotted_manager_clean),
        "probation_exist": _to_int(request.probation_exist),
        "targets": dict(request.targets),
        "originals": originals,
    }


def _to_int(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _apply_if_due(tx: Tx, row: Row, employment: employments.Employment) -> Row:
    """Apply the change if it is ready and its effective date has begun in its time zone; return the row."""
    if row["status"] not in records.READY_STATUSES or row["effective_date"] > local_date(tx.now, row["zone"]):
        return row
    _apply(tx, row, employment)
    return records.mark_effective(tx, row, employment.job_data_id)


def _apply(tx: Tx, row: Row, employment: employments.Employment) -> None:
    """Append the target values to job data, employment, probation and contract, all under one cause."""
    day, cause = row["effective_date"], records.cause_of(row["id"])
    patches = _patches_by_entity(row)
    reason = {"assignment_start_reason": "job_change"}
    job_datas.append(tx, employment.job_data_id, employment.id, day, patches["job_data"] | reason, cause)
    if patches["employment"]:
        employments.amend(tx, employment.id, day, patches["employment"], cause)
    if patches["probation"]:
        probation.amend(tx, employment.id, day, patches["probation"], cause)
    if patches["contract"]:
        contracts.apply_terms(tx, employment.id, day, patches["contract"], cause)


def _patches_by_entity(row: Row) -> Mapping[str, dict[str, Any]]:
    targets = records.target_values(row)
    fields_by_entity = {
        "contract": records.CONTRACT_FIELDS,
        "employment": records.EMPLOYMENT_FIELDS,
        "probation": records.PROBATION_FIELDS,
    }
    not_job_data = frozenset().union(*fields_by_entity.values())
    patches = {entity: {f: v for f, v in targets.items() if f in fields} for entity, fields in fields_by_entity.items()}
    return {**patches, "job_data": {f: v for f, v in targets.items() if f not in not_job_data}}


def _retract(tx: Tx, row: Row, employment_id: str) -> None:
    """Retract the entries of this change on every entity that has any."""
    cause = records.cause_of(row["id"])
    for kind, entity_id in versions.list_entities_of_cause(tx, cause):
        if kind == job_datas.KIND:
            job_datas.retract(tx, entity_id, employment_id, cause)
        elif kind == employments.KIND:
            employments.retract(tx, entity_id, cause)
        elif kind == probation.KIND:
            probation.retract(tx, entity_id, cause)
        else:
            contracts.retract(tx, entity_id, cause)
