"""Offboardings and pre-hires to measure on: one for every request, since each can be revoked or withdrawn once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from corehr.app.features import APPROVAL_CALLBACKS
from corehr.demo import pre_hires as demo_pre_hires
from corehr.demo.demo_build import NamedRecords, get_named_records
from corehr.demo.offboardings import DEFAULT_INFO
from corehr.demo.people import ALL_EMPLOYEES
from corehr.engines import versions
from corehr.engines.approvals import TaskStatus
from corehr.engines.timeline import version_as_of
from corehr.hr.employees.employments import records as employments
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.records import APPROVAL_SUBJECT, OFFBOARDING_DATE, Status, offboarding
from corehr.hr.offboardings.row import Offboarding
from corehr.hr.offboardings.rules.case import EditCase
from corehr.hr.offboardings.rules.edit import EDIT
from corehr.hr.pre_hires import records as pre_hires
from corehr.hr.pre_hires.records import pre_hire
from corehr.hr.processes import records as processes
from corehr.hr.processes.commands import answer_task
from corehr.hr.processes.rules import APPROVE, ApproverAnswer
from corehr.kernel import tenants
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.errors import BusinessError
from corehr.kernel.statements import bind, in_tenant, statement

BATCH_SIZE = 100
"""Maximum number of employees in one command."""


@dataclass(frozen=True)
class OffboardingDates:
    """The offboarding date the leavers have, and the one that the measured edit sets."""

    planned: IsoDate
    edited: IsoDate


def can_change_date(tx: Tx, employment_id: str, dates: OffboardingDates) -> bool:
    """Return whether no rule of the edit refuses the edited date for this employee."""
    employment = employments.get(tx, employment_id)
    unsaved = Offboarding(
        tenant=tx.tenant,
        id="0",
        employment_id=employment_id,
        status=Status.APPROVED,
        type=offboardings.TYPE_BY_OTHERS,
        offboarding_date=dates.planned,
        previous_end_date=None,
        info=DEFAULT_INFO,
        proposal=None,
        process_id=None,
        checklist_status=offboardings.Checklist.NOT_STARTED,
        checklist_process_id=None,
        created_at=tx.recorded_at,
        updated_at=tx.recorded_at,
        updated_by=None,
        revoked_at=None,
        revoked_by=None,
    )
    case = EditCase(
        tx, "0", None, unsaved, employment, ALL_EMPLOYEES, [{"field_name": OFFBOARDING_DATE, "value": dates.edited}]
    )
    try:
        EDIT.check(case)
    except BusinessError:
        return False
    return True


def create_offboardings(leavers: Sequence[str], dates: OffboardingDates, tx: Tx) -> None:
    """Create an offboarding for each leaver, approved by the manager and the HR partner, in effect after `planned`."""
    flow_id = get_named_records(tx)["flows"]["offboarding"]["id"]
    nodes = processes.flow_nodes(tx, flow_id)
    assert nodes is not None
    for employment in employments.get_many(tx, leavers).values():
        id, job_data = (
            tx.new_id(),
            version_as_of(versions.timeline(tx, "job_data", employment.job_data_id), tenants.today(tx)),
        )
        manager = job_data.body[employments.DIRECT_MANAGER] if job_data else None
        process_id, _ = processes.start(
            tx, flow_id, nodes, (APPROVAL_SUBJECT, id), employment.id, manager, employment.id
        )
        offboardings.insert(tx, id, employment.id, dates.planned, DEFAULT_INFO, process_id=process_id)
        while task := next((t for t in processes.list_tasks(tx, process_id) if t.status is TaskStatus.PENDING), None):
            answer = ApproverAnswer(process_id, task.id, APPROVE, task.approver, by_system=False, reason="")
            answer_task(tx, answer, ALL_EMPLOYEES, APPROVAL_CALLBACKS)


def create_pre_hires(count: int, first_day: IsoDate, tx: Tx) -> None:
    """Create pre-hires whose onboarding has begun: of six tasks one is completed, one skipped, four are open."""
    named_records = get_named_records(tx)
    plan = next(p for p in demo_pre_hires.PRE_HIRE_PLANS if p.name == "preboarding")
    task_names = {**pre_hires.SYSTEM_TASKS, demo_pre_hires.COMPANY_TASK[0]: demo_pre_hires.COMPANY_TASK[1]}
    tasks = [(code, task_names[code], plan.tasks[code]) for code in demo_pre_hires.TASK_ORDER]
    for _ in range(count):
        pre_hires.create(
            tx,
            id=tx.new_id(),
            name="Wen Bo",
            status=plan.status,
            onboarding_date=first_day,
            department_id=named_records["departments"]["active"]["id"],
            offer=_offer(named_records),
            flow_id=named_records["onboarding_flows"]["standard"]["id"],
            flow_status=plan.flow_status,
            tasks=tasks,
        )


def _offer(named_records: NamedRecords) -> dict[str, Any]:
    kinds = {"job_id": "jobs", "job_family_id": "job_families", "job_level_id": "job_levels"}
    return {field: named_records[kind]["active"]["id"] for field, kind in kinds.items()}


def prepare(
    run_command: Callable[[Callable[[Tx], None]], Any], leavers: Sequence[str], per_leaver: int, dates: OffboardingDates
) -> None:
    """Create `per_leaver` offboardings for every leaver, round robin, and as many pre-hires, with `run_command`."""
    for _ in range(per_leaver):
        for start in range(0, len(leavers), BATCH_SIZE):
            batch = leavers[start : start + BATCH_SIZE]
            run_command(partial(create_offboardings, batch, dates))
            run_command(partial(create_pre_hires, len(batch), dates.planned))


_SELECT_OFFBOARDINGS = statement(
    sa.select(offboarding.c.id)
    .where(in_tenant(offboarding), offboarding.c.created_at >= bind("since"), offboarding.c.status == "Approved")
    .order_by(offboarding.c.id)
)
_SELECT_PRE_HIRES = statement(
    sa.select(pre_hire.c.id).where(in_tenant(pre_hire), pre_hire.c.created_at >= bind("since")).order_by(pre_hire.c.id)
)


def list_seeded(tx: Tx, since: str) -> dict[str, list[str]]:
    """Return the ids of the records created here, by kind, in the order of creation."""
    queries = {"offboarding": _SELECT_OFFBOARDINGS, "pre_hire": _SELECT_PRE_HIRES}
    return {kind: [row["id"] for row in tx.fetch_all(query, since=since)] for kind, query in queries.items()}
