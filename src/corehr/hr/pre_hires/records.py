"""The records of pre-hires and their onboarding flows: tables, statuses and the only functions that change them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from msgspec.structs import replace

from corehr.hr.pre_hires import events
from corehr.hr.pre_hires.row import PreHire
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Row, Tx, to_row
from corehr.kernel.statements import (
    insert_into,
    integer_column,
    json_column,
    matches,
    select_by,
    statement,
    tenant_table,
    text_column,
    update_columns,
)


class Status(StrEnum):
    """The onboarding stage of a pre-hire; the values are those of the search operation."""

    PREBOARDING = "preboarding"
    DAY_ONE = "day_one"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    DELETED = "deleted"


class FlowStatus(StrEnum):
    """The status of an onboarding flow, as in its event. OTHERS is a broken flow, EXPIRED one set back to the offer."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    OTHERS = "others"
    EXPIRED = "expired"


class TaskStatus(StrEnum):
    """The status of one task of an onboarding flow; the values are those of its event."""

    UNINITIALIZED = "uninitialized"
    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    REJECTED = "rejected"
    FAILED = "failed"
    SKIPPED = "skipped"
    COMPLETED = "completed"
    TERMINATED = "terminated"
    INITIATING = "initiating"
    EXCEPTION = "exception"
    MANUAL_SKIPPED = "manual_skipped"


FINAL_TASK_STATUSES: Final = frozenset(
    {TaskStatus.FAILED, TaskStatus.SKIPPED, TaskStatus.COMPLETED, TaskStatus.TERMINATED, TaskStatus.MANUAL_SKIPPED}
)
"""The statuses that never change again; a task in any other status is open."""

SYSTEM_TASKS: Final = {"1": "职位信息", "2": "个人信息", "3": "创建账户SSO", "4": "签到", "9": "签署入职文件"}
"""The names of the tasks that every flow may have, by code; a company's own tasks have codes of their own."""

onboarding_flow = tenant_table(
    "onboarding_flow", text_column("id", key=True), text_column("name_zh"), text_column("name_en")
)
pre_hire = tenant_table(
    "pre_hire",
    text_column("id", key=True),
    text_column("name"),
    text_column("onboarding_status"),
    text_column("onboarding_date", optional=True),
    text_column("department_id", optional=True),
    json_column("offer"),
    text_column("flow_id"),
    text_column("flow_instance_id"),
    text_column("flow_status"),
    text_column("withdrawn_reason", optional=True),
    text_column("withdrawn_by", optional=True),
    text_column("withdrawn_at", optional=True),
    text_column("created_at"),
    text_column("updated_at"),
)
onboarding_task = tenant_table(
    "onboarding_task",
    text_column("pre_hire_id", key=True),
    text_column("code", key=True),
    integer_column("position"),
    text_column("name"),
    text_column("status"),
)

_INSERT_FLOW = insert_into(onboarding_flow)
_SELECT_FLOW = select_by(onboarding_flow, "id")
_INSERT = insert_into(pre_hire)
_SELECT = select_by(pre_hire, "id")
_SELECT_FOR_UPDATE = statement(sa.select(pre_hire).where(*matches(pre_hire, "id")).with_for_update())
_WITHDRAWAL_COLUMNS = (
    "onboarding_status",
    "flow_status",
    "withdrawn_reason",
    "withdrawn_by",
    "withdrawn_at",
    "updated_at",
)
_UPDATE_WITHDRAWAL = update_columns(pre_hire, *_WITHDRAWAL_COLUMNS)
_INSERT_TASK = insert_into(onboarding_task)
_SELECT_TASKS = statement(
    sa.select(onboarding_task).where(*matches(onboarding_task, "pre_hire_id")).order_by(onboarding_task.c.position)
)
_UPDATE_TASK_STATUS = update_columns(onboarding_task, "status", by=("pre_hire_id", "code"))


def create_flow(tx: Tx, id: str, name_zh: str, name_en: str) -> None:
    """Insert the definition of an onboarding flow."""
    tx.execute(_INSERT_FLOW, id=id, name_zh=name_zh, name_en=name_en)


def create(
    tx: Tx,
    *,
    id: str,
    name: str,
    status: Status,
    onboarding_date: IsoDate,
    department_id: str | None,
    offer: Mapping[str, Any],
    flow_id: str,
    flow_status: FlowStatus,
    tasks: Sequence[tuple[str, str, TaskStatus]],
) -> None:
    """Insert a pre-hire in any stage; `tasks` are code, name and status of each, in their order."""
    pre_hire = PreHire(
        tenant=tx.tenant,
        id=id,
        name=name,
        onboarding_status=status.value,
        onboarding_date=onboarding_date,
        department_id=department_id,
        offer=offer,
        flow_id=flow_id,
        flow_instance_id=tx.new_id(),
        flow_status=flow_status.value,
        withdrawn_reason=None,
        withdrawn_by=None,
        withdrawn_at=None,
        created_at=tx.recorded_at,
        updated_at=tx.recorded_at,
    )
    rows = [
        {"pre_hire_id": pre_hire.id, "code": code, "position": position, "name": task_name, "status": task_status.value}
        for position, (code, task_name, task_status) in enumerate(tasks)
    ]
    tx.execute(_INSERT, **to_row(pre_hire))
    tx.execute_many(_INSERT_TASK, rows)
    reported_fields = ("onboarding_status", "onboarding_date", "department_id")
    tx.emit(events.updated(pre_hire, sorted([*(f for f in reported_fields if getattr(pre_hire, f)), *offer])))
    tx.emit(events.onboarding_flow_changed(pre_hire, _get_flow(tx, pre_hire.flow_id), rows))


def get(tx: Tx, id: str) -> PreHire | None:
    """Return the pre-hire, or None."""
    found = tx.fetch_one(_SELECT, id=id)
    return PreHire(**found) if found else None


def lock(tx: Tx, id: str) -> PreHire | None:
    """Lock the pre-hire until the command ends and return it, or None; every command on it begins with this."""
    found = tx.fetch_one(_SELECT_FOR_UPDATE, id=id)
    tx.take_instant()
    return PreHire(**found) if found else None


def list_tasks(tx: Tx, id: str) -> Sequence[Row]:
    """Return the tasks of the pre-hire's flow in their order, as rows `{code, name, status, …}`."""
    return tx.fetch_all(_SELECT_TASKS, pre_hire_id=id)


def withdraw(tx: Tx, pre_hire: PreHire, tasks: Sequence[Row], reason: str, app_id: str) -> PreHire:
    """Withdraw the onboarding and its flow, and terminate the open ones of `tasks`; other fields stay as they are."""
    pre_hire = replace(
        pre_hire,
        onboarding_status=Status.WITHDRAWN.value,
        flow_status=FlowStatus.WITHDRAWN.value,
        withdrawn_reason=reason,
        withdrawn_by=app_id,
        withdrawn_at=tx.recorded_at,
        updated_at=tx.recorded_at,
    )
    tx.execute(_UPDATE_WITHDRAWAL, id=pre_hire.id, **{name: getattr(pre_hire, name) for name in _WITHDRAWAL_COLUMNS})
    ended = [{**t, "status": TaskStatus.TERMINATED.value} for t in tasks if t["status"] not in FINAL_TASK_STATUSES]
    tx.execute_many(_UPDATE_TASK_STATUS, [{name: t[name] for name in ("pre_hire_id", "code", "status")} for t in ended])
    tx.emit(events.updated(pre_hire, ["onboarding_status", "withdrawn_reason"]))
    tx.emit(events.onboarding_flow_changed(pre_hire, _get_flow(tx, pre_hire.flow_id), ended))
    return pre_hire


def _get_flow(tx: Tx, id: str) -> Row:
    flow = tx.fetch_one(_SELECT_FLOW, id=id)
    assert flow is not None
    return flow


_STAGE_EVENTS: Final = ("corehr.pre_hire.onboarding_task_changed_v2", "corehr.pre_hire.updated_v1")

EVENTS_BY_PRIMITIVE: Final[Mapping[str, Sequence[str]]] = {"create": _STAGE_EVENTS, "withdraw": _STAGE_EVENTS}
"""The events that each function above emits when it changes rows; the other functions emit none."""
