"""Commands on job changes. Each public function runs in the transaction of one command."""

from dataclasses import replace
from typing import Any

from corehr.apps.scopes import DataRange
from corehr.engines import versions
from corehr.engines.approvals import ProcessStatus
from corehr.hr.contracts import records as contracts
from corehr.hr.employees.employments import records as employments
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.job_changes import records
from corehr.hr.job_changes.records import Status
from corehr.hr.job_changes.row import JobChange
from corehr.hr.job_changes.rules.case import Case
from corehr.hr.job_changes.rules.create import CREATE
from corehr.hr.job_changes.rules.fit import still_fits
from corehr.hr.job_changes.rules.request import CreateJobChange
from corehr.hr.job_changes.rules.revoke import REVOKE, RevokeCase
from corehr.hr.probation import records as probation
from corehr.hr.processes import records as processes
from corehr.kernel.clock import local_date
from corehr.kernel.db import Tx

APPROVAL_SUBJECT = "job_change"
"""The subject kind of approval processes about job changes."""


def create(tx: Tx, request: CreateJobChange, data_range: DataRange) -> JobChange:
    """Create a job change: it waits for its approvers or its effective date, or takes effect at once.

    A repeated request, with the transfer key of a job change of the same app, returns that job change as it is now.
    """
    key_holder = None
    if request.app_id and request.transfer_key:
        key_holder = records.lock_and_find_by_key(tx, request.app_id, request.transfer_key)
        if key_holder is not None and key_holder.employment_id == request.employment_id:
            return key_holder
    case = replace(_lock_and_load(tx, request, data_range), key_holder=key_holder)
    CREATE.check(case)
    job_change = _new_job_change(case)
    records.insert(tx, job_change)
    if job_change.process_id and _start_approval(case, job_change, job_change.process_id) is ProcessStatus.FINISHED:
        job_change = records.set_status(tx, job_change, Status.APPROVED)
    return _apply_if_due(tx, job_change, case.employment)


def on_decided(tx: Tx, id: str, approved: bool) -> None:
    """Set the status that the approval decided and apply the change if due. The caller has locked the employment."""
    job_change = records.get_existing(tx, id)
    job_change = records.set_status(tx, job_change, Status.APPROVED if approved else Status.REJECTED)
    _apply_if_it_still_fits(tx, job_change, employments.get_existing(tx, job_change.employment_id))


def apply_due(tx: Tx, id: str) -> None:
    """Apply a ready job change whose effective date has begun."""
    employment = employments.lock(tx, records.get_existing(tx, id).employment_id)
    assert employment is not None
    job_change = records.get_existing(tx, id)  # read again under the lock
    _apply_if_it_still_fits(tx, job_change, employment)


def revoke(tx: Tx, id: str, operator_id: Any, data_range: DataRange) -> None:
    """Revoke a job change, whatever changes came before or after it."""
    job_change = records.get(tx, id)
    employment = employments.lock(tx, job_change.employment_id) if job_change else None
    job_change = records.get(tx, id) if job_change else None
    managers_above = (
        _managers_above_without(tx, job_change, employment)
        if job_change and employment and job_change.status == Status.TRANSFORMED
        else frozenset()
    )
    case = RevokeCase(tx, job_change, employment, data_range, operator_id, managers_above)
    REVOKE.check(case)
    _withdraw(tx, case.job_change, operator_id)
    _retract(tx, case.job_change, case.job_change.employment_id)
    _find_zones_again(tx, case.employment)


def _managers_above_without(tx: Tx, job_change: JobChange, employment: employments.Employment) -> frozenset[str]:
    """Lock the reporting lines that revoking this change would restore, and return all managers above on them."""
    restored = job_datas.reporting_lines_without(
        tx, employment.job_data_id, employment.id, records.cause_of(job_change.id)
    )
    links = [
        employments.ReportingLink(line["line"], line["manager_id"], line["valid_from"], line["valid_to"])
        for line in restored
    ]
    return frozenset[str]().union(*employments.lock_managers_above(tx, employment.id, links))


def _lock_and_load(tx: Tx, request: CreateJobChange, data_range: DataRange) -> Case:
    """Lock the employment and its reporting lines, on which the command depends, and return the case."""
    employment = employments.lock(tx, request.employment_id) if isinstance(request.employment_id, str) else None
    if employment is None:
        return Case(tx, request, None, data_range, {})
    links = [
        employments.ReportingLink(line, manager, request.effective_date)
        for line in employments.REPORTING_LINES
        if (manager := request.targets.get(line))
    ]
    managers_above = employments.lock_managers_above(tx, employment.id, links)
    by_line = {link.line: managers for link, managers in zip(links, managers_above, strict=True)}
    return Case(tx, request, employment, data_range, by_line)


def _new_job_change(case: Case) -> JobChange:
    tx, request = case.tx, case.request
    is_direct = request.mode == records.MODE_DIRECT
    originals = {**request.originals, **{f: v for f in case.targets if (v := case.current.get(f)) is not None}}
    return JobChange(
        tenant=tx.tenant,
        id=tx.new_id(),
        employment_id=case.employment.id,
        status=(Status.NO_NEED_APPROVAL if is_direct else Status.APPROVING).value,
        mode=request.mode,
        transfer_type=request.transfer_type,
        transfer_reason=None,
        flow_id=None if is_direct else request.flow_id,
        process_id=None if is_direct else tx.new_id(),
        effective_date=request.effective_date,
        zone=case.zone,
        app_id=request.app_id,
        transfer_key=request.transfer_key,
        transfer_key_hash=records.hash_of_key(request.transfer_key) if request.transfer_key else None,
        initiator_id=request.initiator_id,
        remark=request.remark,
        offer_info=request.offer_info,
        dotted_manager_clean=_to_int(request.dotted_manager_clean),
        probation_exist=_to_int(request.probation_exist),
        targets=dict(case.targets),
        originals=originals,
        target_department_id=case.targets.get("department_id"),
        created_at=tx.recorded_at,
        updated_at=tx.recorded_at,
        revoked_by=None,
        revoked_at=None,
    )


def _start_approval(case: Case, job_change: JobChange, process_id: str) -> ProcessStatus:
    """Start the approval of a new job change; return its status, FINISHED if nobody needs to approve it."""
    assert case.flow is not None
    _, status = processes.start(
        case.tx,
        case.request.flow_id or "",
        case.flow,
        (APPROVAL_SUBJECT, job_change.id),
        case.employment.id,
        case.current.get(employments.DIRECT_MANAGER),
        case.request.initiator_id,
        id=process_id,
    )
    return status


def _to_int(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _apply_if_it_still_fits(tx: Tx, job_change: JobChange, employment: employments.Employment) -> None:
    """Apply the change if it is due, with what follows from it by now; withdraw it instead if it does not fit any more.

    Both happen when a change was revoked on which this one was built (ADR 0038).
    """
    if not _is_due(tx, job_change):
        return
    case = _case_of(tx, job_change, employment)
    if still_fits(case):
        _apply_if_due(tx, records.set_targets(tx, job_change, case.targets), employment)
    else:
        _withdraw(tx, job_change, None)
        _find_zones_again(tx, employment)


def _find_zones_again(tx: Tx, employment: employments.Employment) -> None:
    """Let the days of waiting changes begin where the employee works now that a change is revoked, and apply the due.

    The revoked change may have moved the employee into another time zone.
    """
    rows = [r for r in records.list_by_employment(tx, employment.id) if r["status"] in records.PENDING_STATUSES]
    for row in sorted(rows, key=lambda r: (r["effective_date"], r["id"])):
        job_change = records.get_existing(tx, row["id"])
        zone = _case_of(tx, job_change, employment).zone
        if zone != job_change.zone:
            _apply_if_it_still_fits(tx, records.set_zone(tx, job_change, zone), employment)


def _is_due(tx: Tx, job_change: JobChange) -> bool:
    """Return whether the change is ready and its effective date has begun in its time zone."""
    return job_change.status in records.READY_STATUSES and job_change.effective_date <= local_date(
        tx.now, job_change.zone
    )


def _case_of(tx: Tx, job_change: JobChange, employment: employments.Employment) -> Case:
    """Return the case of a waiting change, judged again."""
    request = CreateJobChange(
        mode=job_change.mode,
        employment_id=job_change.employment_id,
        transfer_type=job_change.transfer_type,
        effective_date=job_change.effective_date,
        flow_id=job_change.flow_id,
        targets=job_change.targets,
        originals={},
        remark=job_change.remark,
        offer_info=job_change.offer_info,
        dotted_manager_clean=None,
        probation_exist=None,
        app_id=job_change.app_id,
        transfer_key=job_change.transfer_key,
        initiator_id=job_change.initiator_id,
    )
    return Case(tx, request, employment, DataRange(everyone=True), {}, waiting_id=job_change.id)


def _withdraw(tx: Tx, job_change: JobChange, operator_id: str | None) -> None:
    """Cancel the change and its process; `operator_id` is None if nobody asked for it."""
    records.mark_revoked(tx, job_change, operator_id)
    if job_change.process_id:
        processes.cancel(tx, job_change.process_id)


def _apply_if_due(tx: Tx, job_change: JobChange, employment: employments.Employment) -> JobChange:
    """Apply the change if it is ready and its effective date has begun in its time zone; return the job change."""
    if not _is_due(tx, job_change):
        return job_change
    job_change = records.set_status(tx, job_change, Status.TRANSFORMED)
    _apply(tx, job_change, employment)
    records.complete(tx, job_change, employment.job_data_id)
    return job_change


def _apply(tx: Tx, job_change: JobChange, employment: employments.Employment) -> None:
    """Append the target values to job data, employment, probation and contract, all under one cause."""
    day, cause = job_change.effective_date, records.cause_of(job_change.id)
    patches = records.patches_by_kind(job_change)
    job_data = {**patches.get(job_datas.KIND, {}), "assignment_start_reason": "job_change"}
    job_datas.append(tx, employment.job_data_id, employment.id, day, job_data, cause)
    if patch := patches.get(employments.KIND):
        employments.amend(tx, employment.id, day, patch, cause)
    if patch := patches.get(probation.KIND):
        probation.amend(tx, employment.id, day, patch, cause)
    if patch := patches.get(contracts.KIND):
        contracts.apply_terms(tx, employment.id, day, patch, cause)


def _retract(tx: Tx, job_change: JobChange, employment_id: str) -> None:
    """Retract the entries of this change on every entity that has any."""
    cause = records.cause_of(job_change.id)
    for kind, entity_id in versions.list_entities_of_cause(tx, cause):
        if kind == job_datas.KIND:
            job_datas.retract(tx, entity_id, employment_id, cause)
        elif kind == employments.KIND:
            employments.retract(tx, entity_id, cause)
        elif kind == probation.KIND:
            probation.retract(tx, entity_id, cause)
        else:
            contracts.retract(tx, entity_id, cause)
