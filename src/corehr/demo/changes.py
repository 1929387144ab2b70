"""Job changes of a demo company in every status, made by the commands that the API uses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from corehr.app.features import APPROVAL_CALLBACKS
from corehr.apps import opaque_ids
from corehr.apps.scopes import DataRange
from corehr.demo.apps import DEFAULT_APP_ID
from corehr.demo.demo_build import DemoBuild
from corehr.demo.people import ALL_EMPLOYEES, job_change_request
from corehr.demo.plans import PersonSeed
from corehr.engines.approvals import TaskStatus
from corehr.hr.job_changes import commands, records, transfer_types
from corehr.hr.job_changes.transfer_types import TransferType
from corehr.hr.processes import records as processes
from corehr.hr.processes.commands import answer_task
from corehr.hr.processes.rules import APPROVE, REJECT, ApproverAnswer
from corehr.kernel.db import Tx

TRANSFER_TYPES: Final = (
    ("internal_transfer", "内部调动", "Internal transfer"),
    ("promotion", "晋升", "Promotion"),
    ("organization_adjustment", "组织调整", "Organisation adjustment"),
)
"""Unique identifier and both names of each transfer type; the last one is registered as `system_only`."""


@dataclass(frozen=True)
class JobChangePlan:
    """One job change in the status that gives it its name.

    It takes effect `effective_in_days` from today, in the past when negative.
    """

    status: str
    requested_days_ago: int
    effective_in_days: int
    approvals: tuple[bool, ...] | None
    """None for a direct change; else the answers of the first approvers, one a day: True approves, False rejects."""


JOB_CHANGE_PLANS: Final = (
    JobChangePlan("Transformed", 24, -24, None),
    JobChangePlan("Cancelled", 20, 30, ()),
    JobChangePlan("Rejected", 16, 30, (False,)),
    JobChangePlan("Approved", 12, 20, (True, True)),
    JobChangePlan("NoNeedApproval", 6, 25, None),
    JobChangePlan("Approving", 4, 30, ()),
)


def create_transfer_types(tx: Tx, build: DemoBuild) -> None:
    """Create the transfer types, with the ids of their flows; the flows are created later because they need people."""
    for type_id, zh, en in TRANSFER_TYPES:
        system_only = type_id == TRANSFER_TYPES[-1][0]
        flow_id = None if system_only else new_flow_id(tx)
        transfer_types.create(tx, TransferType(tx.tenant, type_id, zh, en, flow_id, 1, int(system_only)))
        build.register("transfer_types", "system_only" if system_only else type_id, type_id, flow_id=flow_id)


def new_flow_id(tx: Tx) -> str:
    """Return a new id of a flow definition, in the format of the platform."""
    return f"people_{tx.new_id()}_{tx.new_id()}"


def create_flows(build: DemoBuild, people_by_name: Mapping[str, PersonSeed], tx: Tx) -> None:
    """Create both flows: the direct manager approves first, then the HR partner."""
    nodes = [processes.Node([processes.DIRECT_MANAGER], True), processes.Node([people_by_name["hr_partner"].id], True)]
    for type_id, zh, en in TRANSFER_TYPES[:-1]:
        flow_id = build.named_records["transfer_types"][type_id]["flow_id"]
        processes.create_flow(tx, flow_id, f"{zh}审批", f"{en} approval", nodes)
    processes.grant_role(tx, people_by_name["process_admin"].id, processes.PROCESS_ADMINISTRATOR)


def schedule_job_changes(build: DemoBuild, people_by_name: Mapping[str, PersonSeed]) -> None:
    """Schedule one job change per status, the oldest first, and those that two offboardings need."""
    flow = build.named_records["transfer_types"]["internal_transfer"]["flow_id"]
    for job_change_plan in JOB_CHANGE_PLANS:
        plan = people_by_name[f"job_change_{job_change_plan.status}"]
        with_flow = None if job_change_plan.approvals is None else flow
        day = build.dates.day(job_change_plan.effective_in_days)
        _schedule(
            build,
            job_change_plan.requested_days_ago,
            partial(_create_job_change, build, plan, job_change_plan.status, day, with_flow),
        )
        for index, approve in enumerate(job_change_plan.approvals or ()):
            _schedule(
                build,
                job_change_plan.requested_days_ago - 1 - index,
                partial(_answer_next_task, build, job_change_plan.status, approve),
            )
        if job_change_plan.status == records.Status.CANCELLED:
            _schedule(
                build, job_change_plan.requested_days_ago - 1, partial(_revoke, build, people_by_name["process_admin"])
            )
    for name, effective, with_flow in (("after_job_change", 45, None), ("approving_change", 50, flow)):
        plan, day = people_by_name[f"leaving_{name}"], build.dates.day(effective)
        _schedule(build, 26, partial(_create_job_change, build, plan, name, day, with_flow))


def name_processes(tx: Tx, build: DemoBuild, server_key: str) -> None:
    """Register a process for each state, with its tasks and the approver of its first pending task."""
    for name, status in (
        ("waiting", "Approving"),
        ("approved", "Approved"),
        ("rejected", "Rejected"),
        ("recalled", "Cancelled"),
    ):
        process_id = build.named_records["job_changes"][status]["process_id"]
        tasks = processes.list_tasks(tx, process_id)
        first = next((t for t in tasks if t.status is TaskStatus.PENDING), tasks[0])
        task_facts = [{"approver_id": t.id, "employment_id": t.approver, "status": int(t.status)} for t in tasks]
        job_change_id = build.id_of("job_changes", status)
        build.register(
            "processes",
            name,
            process_id,
            approver_id=first.id,
            approver_employment_id=first.approver,
            approver_open_id=opaque_ids.encode_open_id(server_key, DEFAULT_APP_ID, first.approver),
            job_change_id=job_change_id,
            tasks=task_facts,
        )


def _schedule(build: DemoBuild, days_ago: int, work: Callable[[Tx], None]) -> None:
    build.schedule(build.dates.at_nine(build.dates.day(-days_ago)), work)


def _create_job_change(build: DemoBuild, plan: PersonSeed, name: str, day: str, flow_id: str | None, tx: Tx) -> None:
    targets: dict[str, Any] = {"department_id": build.id_of("departments", "active")}
    job_change = commands.create(
        tx, job_change_request(plan.id, "internal_transfer", day, targets, flow_id), ALL_EMPLOYEES
    )
    build.register(
        "job_changes",
        name,
        job_change.id,
        employment_id=plan.id,
        process_id=job_change.process_id or "",
        effective_date=day,
        transfer_mode=job_change.mode,
    )


def _answer_next_task(build: DemoBuild, status: str, approve: bool, tx: Tx) -> None:
    """Approve or reject the first pending task of the job change's process."""
    process_id = build.named_records["job_changes"][status]["process_id"]
    task = next(t for t in processes.list_tasks(tx, process_id) if t.status is TaskStatus.PENDING)
    status_code, reason = (APPROVE, "") if approve else (REJECT, "暂不同意")
    answer = ApproverAnswer(process_id, task.id, status_code, task.approver, by_system=False, reason=reason)
    answer_task(tx, answer, DataRange(everyone=True), APPROVAL_CALLBACKS)


def _revoke(build: DemoBuild, administrator: PersonSeed, tx: Tx) -> None:
    commands.revoke(tx, build.id_of("job_changes", "Cancelled"), administrator.id, ALL_EMPLOYEES)
