"""Each kind of command: its events begin with the record that it acts on, and each follows its cause."""

from collections.abc import Sequence
from typing import Any

import pytest

from corehr.hr.job_changes import transfer_types
from corehr.hr.job_changes.transfer_types import TransferType
from corehr.hr.processes import records as processes
from corehr.hr.processes.records import Node
from corehr.kernel.db import Tx
from tests.hr.event_sequences.event_trace import THURSDAY_0, THURSDAY_10, EventTrace
from tests.hr.offboardings.offboarding_calls import create_offboarding, edit_ok, fact_of, revoke_ok
from tests.hr.pre_hires.pre_hire_calls import id_of, withdraw_ok
from tests.world import World

STATUS_FIELDS = ("status", "node_status", "checklist_status", "sub_event_type")


def summarize(events: Sequence[tuple[str, Any]]) -> list[str]:
    """Return the subject of each event in order, with its new status where it has one; version 1 is left out."""
    lines = []
    for type, body in events:
        if type in ("job_change.updated_v1", "offboarding.updated_v1"):
            continue
        status = next((body[name] for name in STATUS_FIELDS if name in body), None)
        fields = body.get("field_changes") or body.get("updated_fields")
        lines.append(f"{type.rpartition('_v')[0]} {fields or status or ''}".strip())
    return lines


def create_approval(world: World, *approvers_by_node: Sequence[str]) -> dict[str, Any]:
    """Create a transfer type with a flow, and return what a request for it needs; one approver of a node is enough."""
    nodes = [Node([world.employment(name)["id"] for name in names], all_of=False) for names in approvers_by_node]

    def create(tx: Tx) -> str:
        flow_id = tx.new_id()
        processes.create_flow(tx, flow_id, "审批", "Approval", nodes)
        transfer_types.create(tx, TransferType(tx.tenant, "relocation", "搬迁", "Relocation", flow_id, 1, 0))
        return flow_id

    flow_id = str(world.in_transaction(create))
    return {"transfer_mode": 2, "transfer_type_unique_identifier": "relocation", "flow_id": flow_id}


@pytest.fixture
def target(world: World) -> dict[str, Any]:
    return {
        "target_department": world.named["departments"]["other"]["id"],
        "target_contract_number": "C-2026-7",
        "target_employment_change": {"seniority_date": "2020-01-01"},
    }


TAKES_EFFECT = [
    "job_change.status_updated 5",
    "job_data.created",
    "job_data.updated",
    "employment.updated ['seniority_date']",
    "contract.updated",
    "job_data.changed",
]


def test_a_direct_change_is_reported_then_its_effect_then_its_completion(trace: EventTrace, target):
    trace.world.create_job_change(trace.world.employment("active")["id"], target).assert_ok()
    assert summarize(trace.new_events()) == ["job_change.status_updated 6", "employee.domain_event 5001", *TAKES_EFFECT]


def test_a_change_is_reported_before_the_approval_that_it_starts_from_the_process_down(trace: EventTrace, target):
    flow = create_approval(trace.world, ["hr_partner"])
    employment_id = trace.world.employment("active")["id"]
    created = trace.world.create_job_change(employment_id, target, effective_date="2026-01-08", **flow).data
    assert summarize(trace.new_events()) == [
        "job_change.status_updated 1",
        "employee.domain_event 5001",
        "process.status.update 1",
        "process.node.updated 1",
        "process.approver.updated 1",
        "process.updated 1",
    ]

    trace.world.revoke(created["job_change_id"]).assert_ok()
    assert summarize(trace.new_events()) == [
        "job_change.status_updated 2",
        "employee.domain_event 5003",
        "process.status.update 4",
        "process.node.updated 4",
        "process.approver.updated 4",
        "process.updated 4",
    ]


def test_a_change_without_approvers_is_reported_before_its_process_and_approved_after_it(trace: EventTrace, target):
    flow, employment_id = create_approval(trace.world), trace.world.employment("active")["id"]
    trace.world.create_job_change(employment_id, target, effective_date="2026-01-08", **flow).assert_ok()
    assert summarize(trace.new_events()) == [
        "job_change.status_updated 1",
        "employee.domain_event 5001",
        "process.status.update 1",
        "process.status.update 9",
        "process.updated 9",
        "job_change.status_updated 4",
    ]


def test_an_answer_is_reported_from_the_task_up_and_the_next_node_from_the_node_down(trace: EventTrace, target):
    """Of the first two approvers one is enough: the second answers, and the first has nothing to do any more."""
    world = trace.world
    flow = create_approval(world, ["hr_partner", "process_admin"], ["leaver"])
    process_id = world.create_job_change(world.employment("active")["id"], target, **flow).data["process_id"]
    trace.new_events()
    first, second, third = world.sandbox("GET", f"records/processes/{process_id}")["tasks"]
    world.answer_task(process_id, second["approver_id"], 3).assert_ok()
    events = trace.new_events()
    assert summarize(events) == [
        "process.approver.updated 3",
        "process.approver.updated 4",
        "process.node.updated 3",
        "process.node.updated 1",
        "process.approver.updated 1",
        "process.updated 1",
    ]
    tasks = [body["approver_id"] for type, body in events if type == "process.approver.updated_v2"]
    assert tasks == [second["approver_id"], first["approver_id"], third["approver_id"]]

    world.answer_task(process_id, third["approver_id"], 3).assert_ok()
    assert summarize(trace.new_events()) == [
        "process.approver.updated 3",
        "process.node.updated 3",
        "process.status.update 9",
        "process.updated 9",
        "job_change.status_updated 4",
        *TAKES_EFFECT,
    ]


def test_a_rejection_is_reported_before_the_tasks_that_it_ends_and_the_status_that_follows(trace: EventTrace, target):
    world = trace.world
    flow = create_approval(world, ["hr_partner", "process_admin"])
    process_id = world.create_job_change(world.employment("active")["id"], target, **flow).data["process_id"]
    trace.new_events()
    _, second = world.sandbox("GET", f"records/processes/{process_id}")["tasks"]
    world.answer_task(process_id, second["approver_id"], 2).assert_ok()
    assert summarize(trace.new_events()) == [
        "process.approver.updated 2",
        "process.approver.updated 4",
        "process.node.updated 2",
        "process.status.update 2",
        "process.updated 2",
        "job_change.status_updated 3",
    ]


def test_a_revoked_change_is_reported_before_what_is_retracted(trace: EventTrace, target):
    world = trace.world
    id = world.create_job_change(world.employment("active")["id"], target).data["job_change_id"]
    trace.new_events()
    world.revoke(id).assert_ok()
    assert summarize(trace.new_events()) == [
        "job_change.status_updated 2",
        "employee.domain_event 5003",
        "contract.updated",
        "employment.updated ['seniority_date']",
        "job_data.updated",
    ]


def test_an_offboarding_is_reported_before_the_end_date_and_its_effect_before_the_contract(trace: EventTrace):
    world = trace.world
    id = create_offboarding(world, world.employment("active")["id"], "2026-01-08")
    assert summarize(trace.new_events()) == [
        "offboarding.status_updated 1",
        "offboarding.updated ['offboarding_date']",
        "offboarding.status_updated 6",
        "employee.domain_event 7001",
        "employment.updated ['expiration_time']",
    ]

    edit_ok(world, id, {"offboarding_date": "2026-01-07"})
    assert summarize(trace.new_events()) == [
        "offboarding.updated ['offboarding_date']",
        "employment.updated ['expiration_time']",
    ]

    trace.at(THURSDAY_10)
    assert summarize(trace.new_events(at=THURSDAY_0)) == [
        "offboarding.status_updated 3",
        "employment.updated ['employment_status']",
        "employment.resigned",
        "contract.updated",
    ]

    revoke_ok(world, id)
    assert summarize(trace.new_events()) == [
        "offboarding.updated ['status']",
        "offboarding.status_updated 5",
        "employee.domain_event 7002",
        "employment.updated ['expiration_time']",
        "contract.updated",
        "employment.updated ['employment_status']",
    ]


def test_an_approved_withdrawal_is_reported_before_the_approval_that_it_revokes(trace: EventTrace):
    world = trace.world
    world.approve(fact_of(world, "under_withdrawal", "approval_process_id"))
    assert summarize(trace.new_events())[-8:] == [
        "process.status.update 9",
        "process.updated 9",
        "offboarding.updated ['status']",
        "offboarding.status_updated 5",
        "employee.domain_event 7002",
        "employment.updated ['expiration_time']",
        "process.status.update 8",
        "process.updated 8",
    ]


def test_a_withdrawn_onboarding_is_reported_before_its_flow(trace: EventTrace):
    withdraw_ok(trace.world, id_of(trace.world, "preboarding"))
    assert summarize(trace.new_events()) == [
        "pre_hire.updated ['onboarding_status', 'withdrawn_reason']",
        "pre_hire.onboarding_task_changed",
    ]
