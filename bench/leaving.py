"""Offboardings and pre-hires to measure on: as many as there are requests, since each can be taken back only once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from corehr.engines import versions
from corehr.engines.approvals import TaskStatus
from corehr.engines.timeline import version_as_of
from corehr.entrypoints.demo import pre_hires as newcomers
from corehr.entrypoints.demo.company import World, read_names
from corehr.entrypoints.demo.offboardings import DECIDE, INFO
from corehr.entrypoints.demo.people import EVERYONE
from corehr.hr.employments import records as people
from corehr.hr.offboardings import records as offboardings
from corehr.hr.offboardings.records import APPROVAL_SUBJECT, OFFBOARDING_DATE, Status, offboarding
from corehr.hr.offboardings.rules.case import EditCase
from corehr.hr.offboardings.rules.edit import EDIT
from corehr.hr.pre_hires import records as pre_hires
from corehr.hr.pre_hires.records import pre_hire
from corehr.hr.processes import records as processes
from corehr.hr.processes.rules import APPROVE, ApproverAnswer
from corehr.kernel import tenants
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.errors import BusinessError
from corehr.kernel.statements import bind, of_tenant, statement

AT_ONCE = 100
"""Records at most in one command."""


@dataclass(frozen=True)
class Days:
    """`last`: the people leave after it; `moved`: the last day that the measured edits give them."""

    last: IsoDate
    moved: IsoDate


def could_move(tx: Tx, id: str, days: Days) -> bool:
    """Whether no rule of the edit would keep this person from leaving on the other day."""
    person = people.get(tx, id)
    row = {"id": "0", "employment_id": id, "status": Status.APPROVED, OFFBOARDING_DATE: days.last, "info": INFO}
    case = EditCase(tx, "0", None, row, person, EVERYONE, [{"field_name": OFFBOARDING_DATE, "value": days.moved}])
    try:
        EDIT.check(case)
    except BusinessError:
        return False
    return True


def add_offboardings(leavers: Sequence[str], days: Days, tx: Tx) -> None:
    """One for each, asked for, approved by their manager and the HR partner, and waiting for the last day."""
    flow_id = read_names(tx)["flows"]["offboarding"]["id"]
    nodes = processes.flow_nodes(tx, flow_id)
    assert nodes is not None
    for person in people.get_many(tx, leavers).values():
        id, now = tx.new_id(), version_as_of(versions.timeline(tx, "job_data", person.job_data_id), tenants.today(tx))
        manager = now.body[people.DIRECT_MANAGER] if now else None
        process_id, _ = processes.start(tx, flow_id, nodes, (APPROVAL_SUBJECT, id), person.id, manager, person.id)
        offboardings.insert(tx, id, person.id, days.last, INFO, process_id=process_id)
        while task := next((t for t in processes.list_tasks(tx, process_id) if t.status is TaskStatus.PENDING), None):
            DECIDE(tx, ApproverAnswer(process_id, task.id, APPROVE, task.approver, by_system=False, reason=""))


def add_pre_hires(wanted: int, first_day: IsoDate, tx: Tx) -> None:
    """Expected people whose onboarding has begun: of six tasks one is done, one skipped, four are open."""
    world = read_names(tx)
    it = next(w for w in newcomers.WANTED if w.name == "preboarding")
    called = {**pre_hires.SYSTEM_TASKS, newcomers.OWN_TASK[0]: newcomers.OWN_TASK[1]}
    tasks = [(code, called[code], it.tasks[code]) for code in newcomers.ORDER]
    for _ in range(wanted):
        row = {
            "id": tx.new_id(),
            "name": "Wen Bo",
            "onboarding_status": it.status.value,
            "onboarding_date": first_day,
            "department_id": world["departments"]["active"]["id"],
            "offer": _offer(world),
            "flow_id": world["onboarding_flows"]["standard"]["id"],
            "flow_status": it.flow.value,
        }
        pre_hires.create(tx, row, tasks)


def _offer(world: World) -> dict[str, Any]:
    kinds = {"job_id": "jobs", "job_family_id": "job_families", "job_level_id": "job_levels"}
    return {field: world[kind]["active"]["id"] for field, kind in kinds.items()}


def prepare(tell: Callable[[Callable[[Tx], None]], Any], leavers: Sequence[str], each: int, days: Days) -> None:
    """`each` records of both kinds for every leaver, turn by turn; `tell` runs one command."""
    for _ in range(each):
        for start in range(0, len(leavers), AT_ONCE):
            some = leavers[start : start + AT_ONCE]
            tell(partial(add_offboardings, some, days))
            tell(partial(add_pre_hires, len(some), days.last))


_OFFBOARDINGS = statement(
    sa.select(offboarding.c.id)
    .where(of_tenant(offboarding), offboarding.c.created_at >= bind("since"), offboarding.c.status == "Approved")
    .order_by(offboarding.c.id)
)
_PRE_HIRES = statement(
    sa.select(pre_hire.c.id).where(of_tenant(pre_hire), pre_hire.c.created_at >= bind("since")).order_by(pre_hire.c.id)
)


def made(tx: Tx, since: str) -> dict[str, list[str]]:
    """The ids of the records that were made here, by kind, in the order in which they were made."""
    found = {"offboarding": _OFFBOARDINGS, "pre_hire": _PRE_HIRES}
    return {kind: [row["id"] for row in tx.fetch_all(query, since=since)] for kind, query in found.items()}
