"""Revoking offboardings, and the approvals about them: every event that an app receives, in order."""

from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Checklist
from corehr.hr.processes import records as processes
from tests.hr.event_sequences.event_bodies import (
    approval,
    checklist,
    employment_updated,
    offboarding_approved,
    offboarding_revoked,
    offboarding_status,
    offboarding_updated,
)
from tests.hr.event_sequences.event_trace import MONDAY_10, MONDAY_11, MONDAY_12
from tests.hr.offboardings.offboarding_calls import fact_of, revoke, revoke_ok

EMPLOYMENT_NAMES = {"Approving": "leaving_Approving", "Approved": "leaver", "Offboarded": "left"}


def named_offboarding(world, name):
    """Return a named offboarding of the demo company: its id, its employment and the id of its process."""
    employment = world.employment(EMPLOYMENT_NAMES.get(name, f"leaving_{name}"))
    return fact_of(world, name), employment, fact_of(world, name, "process_id")


def approval_of(world, process_id, business="offboarding_info", properties=1):
    flow = world.named["flows"]["offboarding"]["id"]
    return approval(world, process_id, flow, business, properties)


def answer_task(world, task, status):
    world.answer_task(task["process_id"], task["approver_id"], status).assert_ok()


def test_approving(trace):
    world = trace.world
    id, employment, process_id = named_offboarding(world, "Approving")
    process, (node, _), (task, _) = approval_of(world, process_id)
    row, update = (
        offboarding_status(id, employment, process_id),
        offboarding_updated(id, employment, MONDAY_10, process=process_id),
    )
    revoke_ok(world, id)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_10)),
        ("process.status.update_v2", process | {"status": 4}),
        ("process.node.updated_v2", node | {"node_status": 4}),
        ("process.approver.updated_v2", task | {"status": 4}),
        ("process.updated_v2", process | {"status": 4}),
    ]

    # an offboarding that is withdrawn, one that is unknown, and one that is rejected
    assert revoke(world, id).code == 1160202
    assert revoke(world, "7999999999999999999").code == 1160201
    assert revoke(world, fact_of(world, "Rejected")).code == 1160102
    assert trace.new_events() == []


def test_approving_approved_by_both(trace):
    world = trace.world
    id, employment, process_id = named_offboarding(world, "Approving")
    process, (node_1, node_2), (task_1, task_2) = approval_of(world, process_id)
    row = offboarding_status(id, employment, process_id)
    answer_task(world, task_1, 3)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task_1 | {"status": 3}),
        ("process.node.updated_v2", node_1 | {"node_status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 1}),
        ("process.approver.updated_v2", task_2 | {"status": 1}),
        ("process.updated_v2", process | {"status": 1}),
    ]

    trace.at(MONDAY_11)
    answer_task(world, task_2, 3)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task_2 | {"status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 3}),
        ("process.status.update_v2", process | {"status": 9}),
        ("process.updated_v2", process | {"status": 9}),
        ("offboarding.status_updated_v2", row | {"status": 2}),
        ("offboarding.updated_v1", row | {"status": 4}),
        ("employee.domain_event_v2", offboarding_approved(id, employment, MONDAY_11)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
    ]

    trace.at(MONDAY_12)
    revoke_ok(world, id)
    update = offboarding_updated(id, employment, MONDAY_12, process=process_id)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_12)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
    ]


def test_approving_rejected_by_the_second(trace):
    world = trace.world
    id, employment, process_id = named_offboarding(world, "Approving")
    process, (node_1, node_2), (task_1, task_2) = approval_of(world, process_id)
    row = offboarding_status(id, employment, process_id)
    answer_task(world, task_1, 3)
    answer_task(world, task_2, 2)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task_1 | {"status": 3}),
        ("process.node.updated_v2", node_1 | {"node_status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 1}),
        ("process.approver.updated_v2", task_2 | {"status": 1}),
        ("process.updated_v2", process | {"status": 1}),
        ("process.approver.updated_v2", task_2 | {"status": 2}),
        ("process.node.updated_v2", node_2 | {"node_status": 2}),
        ("process.status.update_v2", process | {"status": 2}),
        ("process.updated_v2", process | {"status": 2}),
        ("offboarding.status_updated_v2", row | {"status": 4}),
        ("offboarding.updated_v1", row | {"status": 3}),
    ]


def test_direct_and_already_offboarded(trace):
    """A direct offboarding, and one whose last day was in December."""
    world, admin = trace.world, trace.world.employment("process_admin")["id"]
    id, employment, _ = named_offboarding(world, "NoNeedApproval")
    row, update = offboarding_status(id, employment), offboarding_updated(id, employment, MONDAY_10, by=admin)
    revoke_ok(world, id, operator=admin)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_10, by=admin)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
    ]

    trace.at(MONDAY_11)
    id, employment, process_id = named_offboarding(world, "Offboarded")
    process, _, _ = approval_of(world, process_id)
    row, update = (
        offboarding_status(id, employment, process_id),
        offboarding_updated(id, employment, MONDAY_11, process=process_id),
    )
    revoke_ok(world, id)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_11)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
        ("employment.updated_v1", employment_updated(employment, "employment_status")),
    ]


def start_hand_over(world, id, employment):
    """Start the hand-over of an offboarding, which no operation does yet, and return the id of its process."""
    flow = world.named["flows"]["offboarding"]["id"]

    def begin(tx):
        nodes = processes.flow_nodes(tx, flow)
        assert nodes is not None
        subject = (records.CHECKLIST, id)
        process, _ = processes.start(tx, flow, nodes, subject, employment["id"], employment["direct_manager"], None)
        records.set_checklist_status(tx, records.get_existing(tx, id), Checklist.RUNNING, process)
        return process

    return world.in_transaction(begin)


def test_approved_with_a_hand_over_that_runs(trace):
    world = trace.world
    id, employment, process_id = named_offboarding(world, "Approved")
    other = start_hand_over(world, id, employment)
    process, _, _ = approval_of(world, process_id)
    transfer, (node, _), (task, _) = approval_of(world, other, "offboarding_transfer")
    hand_over_body, row = checklist(id, employment, other), offboarding_status(id, employment, process_id)
    assert trace.new_events() == [
        ("process.status.update_v2", transfer | {"status": 1}),
        ("process.node.updated_v2", node | {"node_status": 1}),
        ("process.approver.updated_v2", task | {"status": 1}),
        ("process.updated_v2", transfer | {"status": 1}),
        ("offboarding.checklist_updated_v2", hand_over_body | {"checklist_status": 2}),
    ]

    trace.at(MONDAY_11)
    revoke_ok(world, id)
    update = offboarding_updated(id, employment, MONDAY_11, process=process_id, hand_over=other)
    assert trace.new_events() == [
        (
            "offboarding.updated_v2",
            update | {"status": 5, "checklist_status": 5, "updated_fields": ["checklist_status", "status"]},
        ),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_11)),
        ("offboarding.checklist_updated_v2", hand_over_body | {"checklist_status": 5}),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("process.status.update_v2", transfer | {"status": 4}),
        ("process.node.updated_v2", node | {"node_status": 4}),
        ("process.approver.updated_v2", task | {"status": 4}),
        ("process.updated_v2", transfer | {"status": 4}),
    ]


def test_approved_after_its_hand_over(trace):
    """A finished hand-over stays finished when the offboarding is revoked."""
    world = trace.world
    id, employment, process_id = named_offboarding(world, "Approved")
    other = start_hand_over(world, id, employment)
    process, _, _ = approval_of(world, process_id)
    transfer, (_, node), (task_1, task_2) = approval_of(world, other, "offboarding_transfer")
    hand_over_body, row = checklist(id, employment, other), offboarding_status(id, employment, process_id)
    answer_task(world, task_1, 3)
    trace.new_events()
    answer_task(world, task_2, 3)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task_2 | {"status": 3}),
        ("process.node.updated_v2", node | {"node_status": 3}),
        ("process.status.update_v2", transfer | {"status": 9}),
        ("process.updated_v2", transfer | {"status": 9}),
        ("offboarding.checklist_updated_v2", hand_over_body | {"checklist_status": 3}),
    ]

    trace.at(MONDAY_11)
    revoke_ok(world, id)
    update = offboarding_updated(id, employment, MONDAY_11, process=process_id, hand_over=other)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 3, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_11)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
    ]


def test_under_withdrawal_approved(trace):
    """While the approval runs, revoking is refused; approved, it has the effect of revoking."""
    world = trace.world
    id, employment, process_id = named_offboarding(world, "under_withdrawal")
    approval_id = fact_of(world, "under_withdrawal", "approval_process_id")
    process, _, _ = approval_of(world, process_id)
    staying, (node_1, node_2), (task_1, task_2) = approval_of(world, approval_id, properties=2)
    row = offboarding_status(id, employment, process_id)
    assert revoke(world, id).code == 1160206
    assert trace.new_events() == []

    answer_task(world, task_1, 3)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task_1 | {"status": 3}),
        ("process.node.updated_v2", node_1 | {"node_status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 1}),
        ("process.approver.updated_v2", task_2 | {"status": 1}),
        ("process.updated_v2", staying | {"status": 1}),
    ]

    trace.at(MONDAY_11)
    answer_task(world, task_2, 3)
    update = offboarding_updated(id, employment, MONDAY_11, process=process_id)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task_2 | {"status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 3}),
        ("process.status.update_v2", staying | {"status": 9}),
        ("process.updated_v2", staying | {"status": 9}),
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_11)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
    ]


def test_under_withdrawal_rejected_and_revoked_all_the_same(trace):
    world = trace.world
    id, employment, process_id = named_offboarding(world, "under_withdrawal")
    approval_id = fact_of(world, "under_withdrawal", "approval_process_id")
    process, _, _ = approval_of(world, process_id)
    staying, (node, _), (task, _) = approval_of(world, approval_id, properties=2)
    row = offboarding_status(id, employment, process_id)
    answer_task(world, task, 2)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task | {"status": 2}),
        ("process.node.updated_v2", node | {"node_status": 2}),
        ("process.status.update_v2", staying | {"status": 2}),
        ("process.updated_v2", staying | {"status": 2}),
    ]

    trace.at(MONDAY_11)
    revoke_ok(world, id)
    update = offboarding_updated(id, employment, MONDAY_11, process=process_id)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_11)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
    ]


def test_under_modification_approved_and_then_revoked(trace):
    world = trace.world
    id, employment, process_id = named_offboarding(world, "under_modification")
    approval_id = fact_of(world, "under_modification", "approval_process_id")
    process, _, _ = approval_of(world, process_id)
    correction, (node_1, node_2), (task_1, task_2) = approval_of(world, approval_id, properties=3)
    row = offboarding_status(id, employment, process_id)
    assert revoke(world, id).code == 1160205
    assert trace.new_events() == []

    answer_task(world, task_1, 3)
    answer_task(world, task_2, 3)
    update = offboarding_updated(id, employment, MONDAY_10, process=process_id)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task_1 | {"status": 3}),
        ("process.node.updated_v2", node_1 | {"node_status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 1}),
        ("process.approver.updated_v2", task_2 | {"status": 1}),
        ("process.updated_v2", correction | {"status": 1}),
        ("process.approver.updated_v2", task_2 | {"status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 3}),
        ("process.status.update_v2", correction | {"status": 9}),
        ("process.updated_v2", correction | {"status": 9}),
        ("offboarding.updated_v2", update | {"status": 2, "checklist_status": 1, "updated_fields": ["reason"]}),
    ]

    trace.at(MONDAY_11)
    revoke_ok(world, id)
    update = offboarding_updated(id, employment, MONDAY_11, process=process_id)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, MONDAY_11)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
    ]


def test_under_modification_rejected(trace):
    """The offboarding does not change and has no event."""
    world = trace.world
    correction, (node, _), (task, _) = approval_of(
        world, fact_of(world, "under_modification", "approval_process_id"), properties=3
    )
    answer_task(world, task, 2)
    assert trace.new_events() == [
        ("process.approver.updated_v2", task | {"status": 2}),
        ("process.node.updated_v2", node | {"node_status": 2}),
        ("process.status.update_v2", correction | {"status": 2}),
        ("process.updated_v2", correction | {"status": 2}),
    ]
