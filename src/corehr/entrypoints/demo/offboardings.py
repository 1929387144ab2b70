"""Offboardings of a demo company in every status, made by what the API does and by the approvals it runs."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from corehr.engines.approvals import TaskStatus
from corehr.engines.custom_fields import FieldDefinition, FieldType, Value
from corehr.entrypoints.demo.changes import new_flow_id
from corehr.entrypoints.demo.characters import LEAVES, NEW_DATE
from corehr.entrypoints.demo.company import Company
from corehr.entrypoints.demo.plans import Plan
from corehr.hr.custom_fields import records as custom_fields
from corehr.hr.offboardings import commands, records
from corehr.hr.offboardings.records import APPROVAL_SUBJECT, MODIFICATION, WITHDRAWAL, Status
from corehr.hr.processes import records as processes
from corehr.hr.processes.commands import make_answer_task
from corehr.hr.processes.rules import APPROVE, REJECT, ApproverAnswer
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

STATUSES: Final = {
    "Offboarded": ("left", 45, -35),
    "Rejected": ("leaving_Rejected", 10, 30),
    "Withdrawn": ("leaving_Withdrawn", 10, 30),
    "Approved": ("leaver", 10, 30),
    "NoNeedApproval": ("leaving_NoNeedApproval", 10, 30),
    "Approving": ("leaving_Approving", 10, 30),
}
"""Who leaves, how many days ago that was asked for, and how many days from today they do."""

ASKED: Final = 8
"""Days ago on which the offboardings of LEAVES were asked for."""

INFO: Final[Mapping[str, Value]] = {
    "reason": "career_change_saas",
    "reason_explanation": "家庭原因，回老家发展",
    "retain_account": False,
}

FIELDS: Final[tuple[tuple[str, str, str, FieldType, dict[str, Any]], ...]] = (
    ("text", "去向", "Where to", FieldType.TEXT, {}),
    ("multi_line", "交接说明", "Hand-over notes", FieldType.TEXT, {"multi_line": True}),
    ("bool", "已归还电脑", "Computer returned", FieldType.BOOL, {}),
    ("number", "未休年假天数", "Days of leave left", FieldType.NUMBER, {"decimals": 2, "digits": 8}),
    ("enum", "离职面谈", "Exit interview", FieldType.OPTION, {"options": ("option_1", "option_2")}),
    (
        "multi_enum",
        "待归还物品",
        "To be returned",
        FieldType.OPTION,
        {"options": ("option_1", "option_2"), "several": True},
    ),
    ("date", "交接完成日期", "Hand-over finished on", FieldType.DATE, {}),
    ("date_time", "面谈时间", "Time of the interview", FieldType.DATE, {"with_time": True}),
    ("person", "接替人", "Successor", FieldType.LOOKUP, {"of": "employment"}),
    ("people", "交接人", "Taken over by", FieldType.LOOKUP, {"of": "employment", "several": True}),
    ("company", "新雇主", "New employer", FieldType.LOOKUP, {"of": "company"}),
    ("url", "交接文档", "Hand-over document", FieldType.TEXT, {"link": True}),
    ("attachment", "离职证明", "Certificate", FieldType.ATTACHMENT, {}),
    ("auto_number", "离职编号", "Number", FieldType.AUTO_NUMBER, {}),
)
"""What the company adds to the form, by name."""

DECIDE: Final = make_answer_task({APPROVAL_SUBJECT: commands.on_decided})


def schedule(company: Company, cast: Mapping[str, Plan]) -> None:
    """The form and the flow from the first day on; who leaves, in order of time."""
    founded = company.almanac.founded
    company.at(company.almanac.morning(founded), partial(_prepare, company, cast))
    for name, (called, asked, days) in STATUSES.items():
        _on(company, asked, partial(_offboard, company, cast, name, cast[called], company.almanac.day(days)))
    _on(company, 34, partial(_leave, company))
    for name, days in LEAVES.items():
        plan, day = cast[f"leaving_{name}"], company.almanac.day(days)
        _on(company, ASKED, partial(_offboard, company, cast, name, plan, day))
    _on(company, ASKED - 1, partial(_reconsider, company, cast))


def _on(company: Company, days_ago: int, work: Any) -> None:
    company.at(company.almanac.morning(company.almanac.day(-days_ago)), work)


def _prepare(company: Company, cast: Mapping[str, Plan], tx: Tx) -> None:
    """The direct manager is asked, then the HR partner."""
    nodes = [processes.Node([processes.DIRECT_MANAGER], True), processes.Node([cast["hr_partner"].id], True)]
    flow_id = company.name("flows", "offboarding", new_flow_id(tx))
    processes.create_flow(tx, flow_id, "离职审批", "Offboarding approval", nodes)
    for number, (name, zh, en, kind, more) in enumerate(FIELDS, 1):
        called, options = f"custom_field_{number}__c", more.get("options", ())
        custom_fields.create(
            tx, records.FORM, FieldDefinition(called, kind, **{**more, "options": frozenset(options)}), zh, en
        )
        company.name("offboarding_fields", name, called, field_name=called, options=list(options))


def _offboard(company: Company, cast: Mapping[str, Plan], name: str, plan: Plan, day: IsoDate, tx: Tx) -> None:
    """An offboarding, as far as its name says; those that are only names of states are agreed to."""
    id, status = tx.new_id(), Status(name) if name in STATUSES else Status.APPROVED
    directly = status is Status.NO_NEED_APPROVAL
    process_id = None if directly else _ask(company, (APPROVAL_SUBJECT, id), plan, tx)
    records.insert(tx, id, plan.id, day, INFO, process_id=process_id, is_direct=directly)
    company.name("offboardings", name, id, employment_id=plan.id, offboarding_date=day, process_id=process_id or "")
    if name in LEAVES:
        company.world["offboardings"][name]["edit_date"] = company.almanac.day(NEW_DATE)
    if process_id and status in (Status.APPROVED, Status.OFFBOARDED, Status.REJECTED):
        _answer(tx, process_id, approve=status is not Status.REJECTED)
    elif process_id and status is Status.WITHDRAWN:
        processes.cancel(tx, process_id)
        records.mark_withdrawn(tx, records.get_existing(tx, id), cast["process_admin"].id)


def _ask(company: Company, about: tuple[str, str], plan: Plan, tx: Tx, properties: int = processes.NORMAL) -> str:
    flow_id = company.named("flows", "offboarding")
    nodes = processes.flow_nodes(tx, flow_id)
    assert nodes is not None
    manager = plan.manager.id if plan.manager else None
    return processes.start(tx, flow_id, nodes, about, plan.id, manager, plan.id, properties=properties)[0]


def _answer(tx: Tx, process_id: str, *, approve: bool) -> None:
    """Everybody who is asked says yes, or the first one no."""
    while task := next((t for t in processes.list_tasks(tx, process_id) if t.status is TaskStatus.PENDING), None):
        verdict, reason = (APPROVE, "") if approve else (REJECT, "暂不同意")
        DECIDE(tx, ApproverAnswer(process_id, task.id, verdict, task.approver, by_system=False, reason=reason))


def _leave(company: Company, tx: Tx) -> None:
    """The last day of the one who has left is over."""
    commands.apply_due(tx, company.named("offboardings", "Offboarded"))


def _reconsider(company: Company, cast: Mapping[str, Plan], tx: Tx) -> None:
    """One asks for other facts, one asks to stay; both are still waiting for an answer."""
    for name, kind, properties in (
        ("under_modification", MODIFICATION, processes.CORRECTION),
        ("under_withdrawal", WITHDRAWAL, processes.REVOCATION),
    ):
        facts, plan = company.world["offboardings"][name], cast[f"leaving_{name}"]
        facts["approval_process_id"] = _ask(company, (kind, facts["id"]), plan, tx, properties)
    changed = records.get_existing(tx, company.named("offboardings", "under_modification"))
    records.propose(tx, changed, {"reason": "family_related_reason_saas"})
