"""Offboardings of a demo company in every status, made with the commands and approvals that the API uses."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from corehr.app.features import APPROVAL_CALLBACKS
from corehr.apps.scopes import DataRange
from corehr.demo.changes import new_flow_id
from corehr.demo.demo_build import DemoBuild
from corehr.demo.named_people import EDIT_DATE_OFFSET_DAYS, OFFBOARDING_DAY_OFFSETS
from corehr.demo.plans import PersonSeed
from corehr.engines.approvals import TaskStatus
from corehr.engines.custom_fields import FieldDefinition, FieldType, Value
from corehr.hr.basic_data import custom_fields
from corehr.hr.offboardings import commands, records
from corehr.hr.offboardings.records import APPROVAL_SUBJECT, MODIFICATION, WITHDRAWAL, Status
from corehr.hr.processes import records as processes
from corehr.hr.processes.commands import answer_task
from corehr.hr.processes.rules import APPROVE, REJECT, ApproverAnswer
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx

OFFBOARDING_PLANS: Final = {
    "Offboarded": ("left", 45, -35),
    "Rejected": ("leaving_Rejected", 10, 30),
    "Withdrawn": ("leaving_Withdrawn", 10, 30),
    "Approved": ("leaver", 10, 30),
    "NoNeedApproval": ("leaving_NoNeedApproval", 10, 30),
    "Approving": ("leaving_Approving", 10, 30),
}
"""By status: the person, how many days ago the offboarding was created, and its date in days from today."""

REQUESTED_DAYS_AGO: Final = 8
"""How many days ago the offboardings of `OFFBOARDING_DAY_OFFSETS` were created."""

DEFAULT_INFO: Final[Mapping[str, Value]] = {
    "reason": "career_change_saas",
    "reason_explanation": "家庭原因，回老家发展",
    "retain_account": False,
}

CUSTOM_FIELDS: Final[tuple[tuple[str, str, str, FieldType, dict[str, Any]], ...]] = (
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
        {"options": ("option_1", "option_2"), "is_list": True},
    ),
    ("date", "交接完成日期", "Hand-over finished on", FieldType.DATE, {}),
    ("date_time", "面谈时间", "Time of the interview", FieldType.DATE, {"with_time": True}),
    ("person", "接替人", "Successor", FieldType.LOOKUP, {"target_kind": "employment"}),
    ("people", "交接人", "Taken over by", FieldType.LOOKUP, {"target_kind": "employment", "is_list": True}),
    ("company", "新雇主", "New employer", FieldType.LOOKUP, {"target_kind": "company"}),
    ("url", "交接文档", "Hand-over document", FieldType.TEXT, {"is_url": True}),
    ("attachment", "离职证明", "Certificate", FieldType.ATTACHMENT, {}),
    ("auto_number", "离职编号", "Number", FieldType.AUTO_NUMBER, {}),
)
"""The custom fields of the offboarding form: name, both labels, type and attributes."""


def schedule_offboardings(build: DemoBuild, people_by_name: Mapping[str, PersonSeed]) -> None:
    """Schedule the form and the flow on the first day, then the offboardings in order of time."""
    founded = build.dates.founded
    build.schedule(build.dates.at_nine(founded), partial(_create_form_and_flow, build, people_by_name))
    for name, (record_name, days_ago, days) in OFFBOARDING_PLANS.items():
        _schedule(
            build,
            days_ago,
            partial(
                _create_offboarding, build, people_by_name, name, people_by_name[record_name], build.dates.day(days)
            ),
        )
    _schedule(build, 34, partial(_apply_due, build))
    for name, days in OFFBOARDING_DAY_OFFSETS.items():
        plan, day = people_by_name[f"leaving_{name}"], build.dates.day(days)
        _schedule(build, REQUESTED_DAYS_AGO, partial(_create_offboarding, build, people_by_name, name, plan, day))
    _schedule(build, REQUESTED_DAYS_AGO - 1, partial(_start_modification_and_withdrawal, build, people_by_name))


def _schedule(build: DemoBuild, days_ago: int, work: Any) -> None:
    build.schedule(build.dates.at_nine(build.dates.day(-days_ago)), work)


def _create_form_and_flow(build: DemoBuild, people_by_name: Mapping[str, PersonSeed], tx: Tx) -> None:
    """Create the approval flow, direct manager first, then HR partner, and the custom fields of the form."""
    nodes = [processes.Node([processes.DIRECT_MANAGER], True), processes.Node([people_by_name["hr_partner"].id], True)]
    flow_id = build.register("flows", "offboarding", new_flow_id(tx))
    processes.create_flow(tx, flow_id, "离职审批", "Offboarding approval", nodes)
    for number, (name, zh, en, kind, attributes) in enumerate(CUSTOM_FIELDS, 1):
        field_name, options = f"custom_field_{number}__c", attributes.get("options", ())
        custom_fields.create(tx, records.FORM, FieldDefinition(field_name, kind, **attributes), zh, en)
        build.register("offboarding_fields", name, field_name, field_name=field_name, options=list(options))


def _create_offboarding(
    build: DemoBuild, people_by_name: Mapping[str, PersonSeed], name: str, plan: PersonSeed, day: IsoDate, tx: Tx
) -> None:
    """Create an offboarding in the status of its name; one whose name is not a status is approved."""
    id, status = tx.new_id(), Status(name) if name in OFFBOARDING_PLANS else Status.APPROVED
    is_direct = status is Status.NO_NEED_APPROVAL
    process_id = None if is_direct else start_approval(build, (APPROVAL_SUBJECT, id), plan, tx)
    records.insert(tx, id, plan.id, day, DEFAULT_INFO, process_id=process_id, is_direct=is_direct)
    build.register("offboardings", name, id, employment_id=plan.id, offboarding_date=day, process_id=process_id or "")
    if name in OFFBOARDING_DAY_OFFSETS:
        build.named_records["offboardings"][name]["edit_date"] = build.dates.day(EDIT_DATE_OFFSET_DAYS)
    if process_id and status in (Status.APPROVED, Status.OFFBOARDED, Status.REJECTED):
        answer_all_tasks(tx, process_id, approve=status is not Status.REJECTED)
    elif process_id and status is Status.WITHDRAWN:
        processes.cancel(tx, process_id)
        records.mark_withdrawn(tx, records.get_existing(tx, id), people_by_name["process_admin"].id)


def start_approval(
    build: DemoBuild, subject: tuple[str, str], plan: PersonSeed, tx: Tx, properties: int = processes.NORMAL
) -> str:
    """Start a process about the subject and return its id."""
    flow_id = build.id_of("flows", "offboarding")
    nodes = processes.flow_nodes(tx, flow_id)
    assert nodes is not None
    manager = plan.manager.id if plan.manager else None
    return processes.start(tx, flow_id, nodes, subject, plan.id, manager, plan.id, properties=properties)[0]


def answer_all_tasks(tx: Tx, process_id: str, *, approve: bool) -> None:
    """Approve all tasks of the process in turn, or reject the first one."""
    while task := next((t for t in processes.list_tasks(tx, process_id) if t.status is TaskStatus.PENDING), None):
        status_code, reason = (APPROVE, "") if approve else (REJECT, "暂不同意")
        answer = ApproverAnswer(process_id, task.id, status_code, task.approver, by_system=False, reason=reason)
        answer_task(tx, answer, DataRange(everyone=True), APPROVAL_CALLBACKS)


def _apply_due(build: DemoBuild, tx: Tx) -> None:
    """Mark the offboarding `Offboarded` as effective: its date has passed."""
    commands.apply_due(tx, build.id_of("offboardings", "Offboarded"))


def _start_modification_and_withdrawal(build: DemoBuild, people_by_name: Mapping[str, PersonSeed], tx: Tx) -> None:
    """Start the approvals of a modification and of a withdrawal, which both stay pending."""
    for name, kind, properties in (
        ("under_modification", MODIFICATION, processes.CORRECTION),
        ("under_withdrawal", WITHDRAWAL, processes.REVOCATION),
    ):
        facts, plan = build.named_records["offboardings"][name], people_by_name[f"leaving_{name}"]
        facts["approval_process_id"] = start_approval(build, (kind, facts["id"]), plan, tx, properties)
    offboarding = records.get_existing(tx, build.id_of("offboardings", "under_modification"))
    records.propose(tx, offboarding, {"reason": "family_related_reason_saas"})
