"""Job changes of a demo company in every status, made by the commands that the API uses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from corehr.engines.approvals import TaskStatus
from corehr.entrypoints.demo.apps import FIRST
from corehr.entrypoints.demo.company import Company
from corehr.entrypoints.demo.people import EVERYONE, asked
from corehr.entrypoints.demo.plans import Plan
from corehr.gateway import opaque_ids
from corehr.hr.job_changes import commands, records
from corehr.hr.processes import records as processes
from corehr.hr.processes.commands import make_answer_task
from corehr.hr.processes.rules import APPROVE, REJECT, ApproverAnswer
from corehr.hr.transfer_types import records as transfer_types
from corehr.hr.transfer_types.records import TransferType
from corehr.kernel.db import Tx

TYPES: Final = (
    ("internal_transfer", "内部调动", "Internal transfer"),
    ("promotion", "晋升", "Promotion"),
    ("organization_adjustment", "组织调整", "Organisation adjustment"),
)
"""Transfer types by unique identifier; the last one cannot be asked for and is called `system_only`."""

ANSWER: Final = make_answer_task({commands.APPROVAL_SUBJECT: commands.on_decided})


@dataclass(frozen=True)
class Wanted:
    """One job change: how many days ago it was asked for, when it takes effect, and who said what to it since."""

    status: str
    asked: int
    effective: int
    answers: tuple[bool, ...] | None
    """None without approval; else what the first approvers said, a day after each other."""


WANTED: Final = (
    Wanted("Transformed", 24, -24, None),
    Wanted("Cancelled", 20, 30, ()),
    Wanted("Rejected", 16, 30, (False,)),
    Wanted("Approved", 12, 20, (True, True)),
    Wanted("NoNeedApproval", 6, 25, None),
    Wanted("Approving", 4, 30, ()),
)


def add_types(tx: Tx, company: Company) -> None:
    """Transfer types and the flows they name; the flows themselves need people."""
    for type_id, zh, en in TYPES:
        system_only = type_id == TYPES[-1][0]
        flow_id = None if system_only else new_flow_id(tx)
        transfer_types.create(tx, TransferType(tx.tenant, type_id, zh, en, flow_id, 1, int(system_only)))
        company.name("transfer_types", "system_only" if system_only else type_id, type_id, flow_id=flow_id)


def new_flow_id(tx: Tx) -> str:
    """An id of a flow definition, in the form the platform gives them."""
    return f"people_{tx.new_id()}_{tx.new_id()}"


def add_flows(company: Company, people: Mapping[str, Plan], tx: Tx) -> None:
    """Both flows ask the direct manager, then the HR partner."""
    nodes = [processes.Node([processes.DIRECT_MANAGER], True), processes.Node([people["hr_partner"].id], True)]
    for type_id, zh, en in TYPES[:-1]:
        flow_id = company.world["transfer_types"][type_id]["flow_id"]
        processes.create_flow(tx, flow_id, f"{zh}审批", f"{en} approval", nodes)
    processes.grant_role(tx, people["process_admin"].id, processes.PROCESS_ADMINISTRATOR)


def schedule(company: Company, people: Mapping[str, Plan]) -> None:
    """One job change per status, the oldest first."""
    flow = company.world["transfer_types"]["internal_transfer"]["flow_id"]
    for wanted in WANTED:
        plan = people[f"job_change_{wanted.status}"]
        with_flow = None if wanted.answers is None else flow
        day = company.almanac.day(wanted.effective)
        _on(company, wanted.asked, partial(_ask, company, plan, wanted.status, day, with_flow))
        for at, approve in enumerate(wanted.answers or ()):
            _on(company, wanted.asked - 1 - at, partial(_answer, company, wanted.status, approve))
        if wanted.status == records.Status.CANCELLED:
            _on(company, wanted.asked - 1, partial(_revoke, company, people["process_admin"]))
    for name, effective, with_flow in (("after_job_change", 45, None), ("approving_change", 50, flow)):
        plan, day = people[f"leaving_{name}"], company.almanac.day(effective)
        _on(company, 26, partial(_ask, company, plan, name, day, with_flow))


def describe(tx: Tx, company: Company, server_key: str) -> None:
    """Processes by the state they are in, with their tasks; what waits for whom."""
    for name, status in (
        ("waiting", "Approving"),
        ("approved", "Approved"),
        ("rejected", "Rejected"),
        ("recalled", "Cancelled"),
    ):
        process_id = company.world["job_changes"][status]["process_id"]
        tasks = processes.list_tasks(tx, process_id)
        first = next((t for t in tasks if t.status is TaskStatus.PENDING), tasks[0])
        said = [{"approver_id": t.id, "employment_id": t.approver, "status": int(t.status)} for t in tasks]
        about = company.named("job_changes", status)
        company.name(
            "processes",
            name,
            process_id,
            approver_id=first.id,
            approver_employment_id=first.approver,
            approver_open_id=opaque_ids.encode_open_id(server_key, FIRST, first.approver),
            job_change_id=about,
            tasks=said,
        )


def _on(company: Company, days_ago: int, work: Callable[[Tx], None]) -> None:
    company.at(company.almanac.morning(company.almanac.day(-days_ago)), work)


def _ask(company: Company, plan: Plan, name: str, day: str, flow_id: str | None, tx: Tx) -> None:
    targets: dict[str, Any] = {"department_id": company.named("departments", "active")}
    row = commands.create(tx, asked(plan.id, "internal_transfer", day, targets, flow_id), EVERYONE)
    company.name(
        "job_changes",
        name,
        row["id"],
        employment_id=plan.id,
        process_id=row["process_id"] or "",
        effective_date=day,
        transfer_mode=row["mode"],
    )


def _answer(company: Company, status: str, approve: bool, tx: Tx) -> None:
    """Whoever's turn it is says yes or no."""
    process_id = company.world["job_changes"][status]["process_id"]
    task = next(t for t in processes.list_tasks(tx, process_id) if t.status is TaskStatus.PENDING)
    verdict, reason = (APPROVE, "") if approve else (REJECT, "暂不同意")
    ANSWER(tx, ApproverAnswer(process_id, task.id, verdict, task.approver, by_system=False, reason=reason))


def _revoke(company: Company, administrator: Plan, tx: Tx) -> None:
    refused = commands.revoke(tx, company.named("job_changes", "Cancelled"), administrator.id, EVERYONE)
    assert refused is None, refused
