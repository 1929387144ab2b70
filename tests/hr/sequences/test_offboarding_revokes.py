"""Offboardings that are taken back, and the approvals about them: everything that an app is told, in order."""

from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Checklist
from corehr.hr.processes import records as processes
from tests.hr.offboardings.leavers import named, revoke, revoked
from tests.hr.sequences.bodies import agreed, approval, checklist, employment, facts, leaving, withdrawn
from tests.hr.sequences.story import MONDAY_10, MONDAY_11, MONDAY_12

CALLED = {"Approving": "leaving_Approving", "Approved": "leaver", "Offboarded": "left"}


def known(world, name):
    """An offboarding of the demo company: its id, who leaves, and the id of its process."""
    him = world.person(CALLED.get(name, f"leaving_{name}"))
    return named(world, name), him, named(world, name, "process_id")


def about(world, process_id, business="offboarding_info", properties=1):
    flow = world.names["flows"]["offboarding"]["id"]
    return approval(world, process_id, flow, business, properties)


def answer(world, task, status):
    world.answer(task["process_id"], task["approver_id"], status).passes()


def test_approving(story):
    world = story.world
    id, him, process_id = known(world, "Approving")
    process, (node, _), (task, _) = about(world, process_id)
    row, told = leaving(id, him, process_id), facts(id, him, MONDAY_10, process=process_id)
    revoked(world, id)
    assert story.told() == [
        ("process.status.update_v2", process | {"status": 4}),
        ("process.approver.updated_v2", task | {"status": 4}),
        ("process.node.updated_v2", node | {"node_status": 4}),
        ("process.updated_v2", process | {"status": 4}),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, him, MONDAY_10)),
    ]

    # it is over, there is none of this id, and one that was rejected
    assert revoke(world, id).code == 1160202
    assert revoke(world, "7999999999999999999").code == 1160201
    assert revoke(world, named(world, "Rejected")).code == 1160102
    assert story.told() == []


def test_approving_agreed_to_by_both(story):
    world = story.world
    id, him, process_id = known(world, "Approving")
    process, (node_1, node_2), (task_1, task_2) = about(world, process_id)
    row = leaving(id, him, process_id)
    answer(world, task_1, 3)
    assert story.told() == [
        ("process.approver.updated_v2", task_1 | {"status": 3}),
        ("process.approver.updated_v2", task_2 | {"status": 1}),
        ("process.node.updated_v2", node_1 | {"node_status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 1}),
        ("process.updated_v2", process | {"status": 1}),
    ]

    story.at(MONDAY_11)
    answer(world, task_2, 3)
    assert story.told() == [
        ("process.status.update_v2", process | {"status": 9}),
        ("process.approver.updated_v2", task_2 | {"status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 3}),
        ("process.updated_v2", process | {"status": 9}),
        ("employment.updated_v1", employment(him, "expiration_time")),
        ("employee.domain_event_v2", agreed(id, him, MONDAY_11)),
        ("offboarding.status_updated_v2", row | {"status": 2}),
        ("offboarding.updated_v1", row | {"status": 4}),
    ]

    story.at(MONDAY_12)
    revoked(world, id)
    told = facts(id, him, MONDAY_12, process=process_id)
    assert story.told() == [
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("employment.updated_v1", employment(him, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, him, MONDAY_12)),
    ]


def test_approving_rejected_by_the_second(story):
    world = story.world
    id, him, process_id = known(world, "Approving")
    process, (node_1, node_2), (task_1, task_2) = about(world, process_id)
    row = leaving(id, him, process_id)
    answer(world, task_1, 3)
    answer(world, task_2, 2)
    assert story.told() == [
        ("process.approver.updated_v2", task_1 | {"status": 3}),
        ("process.approver.updated_v2", task_2 | {"status": 1}),
        ("process.node.updated_v2", node_1 | {"node_status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 1}),
        ("process.updated_v2", process | {"status": 1}),
        ("process.status.update_v2", process | {"status": 2}),
        ("process.approver.updated_v2", task_2 | {"status": 2}),
        ("process.node.updated_v2", node_2 | {"node_status": 2}),
        ("process.updated_v2", process | {"status": 2}),
        ("offboarding.status_updated_v2", row | {"status": 4}),
        ("offboarding.updated_v1", row | {"status": 3}),
    ]


def test_direct_and_long_ago(story):
    """One whom nobody had to agree to, and one who left in December."""
    world, admin = story.world, story.world.person("process_admin")["id"]
    id, him, _ = known(world, "NoNeedApproval")
    row, told = leaving(id, him), facts(id, him, MONDAY_10, by=admin)
    revoked(world, id, operator=admin)
    assert story.told() == [
        ("employment.updated_v1", employment(him, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("employee.domain_event_v2", withdrawn(id, him, MONDAY_10, by=admin)),
    ]

    story.at(MONDAY_11)
    id, him, process_id = known(world, "Offboarded")
    process, _, _ = about(world, process_id)
    row, told = leaving(id, him, process_id), facts(id, him, MONDAY_11, process=process_id)
    revoked(world, id)
    assert story.told() == [
        ("contract.updated_v1", {"contract_id": him["contract_id"]}),
        ("employment.updated_v1", employment(him, "employment_status")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("employment.updated_v1", employment(him, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, him, MONDAY_11)),
    ]


def hand_over(world, id, him):
    """The hand-over of an offboarding begins, which no operation does yet; its process."""
    flow = world.names["flows"]["offboarding"]["id"]

    def begin(tx):
        nodes = processes.flow_nodes(tx, flow)
        assert nodes is not None
        subject = (records.CHECKLIST, id)
        process, _ = processes.start(tx, flow, nodes, subject, him["id"], him["direct_manager"], None)
        records.hand_over(tx, records.known(tx, id), Checklist.RUNNING, process)
        return process

    return world.tell(begin)


def test_approved_with_a_hand_over_that_runs(story):
    world = story.world
    id, her, process_id = known(world, "Approved")
    other = hand_over(world, id, her)
    process, _, _ = about(world, process_id)
    transfer, (node, _), (task, _) = about(world, other, "offboarding_transfer")
    handing, row = checklist(id, her, other), leaving(id, her, process_id)
    assert story.told() == [
        ("process.status.update_v2", transfer | {"status": 1}),
        ("process.approver.updated_v2", task | {"status": 1}),
        ("process.node.updated_v2", node | {"node_status": 1}),
        ("process.updated_v2", transfer | {"status": 1}),
        ("offboarding.checklist_updated_v2", handing | {"checklist_status": 2}),
    ]

    story.at(MONDAY_11)
    revoked(world, id)
    told = facts(id, her, MONDAY_11, process=process_id, hand_over=other)
    assert story.told() == [
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("process.status.update_v2", transfer | {"status": 4}),
        ("process.approver.updated_v2", task | {"status": 4}),
        ("process.node.updated_v2", node | {"node_status": 4}),
        ("process.updated_v2", transfer | {"status": 4}),
        ("offboarding.checklist_updated_v2", handing | {"checklist_status": 5}),
        ("employment.updated_v1", employment(her, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 5, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, her, MONDAY_11)),
    ]


def test_approved_after_its_hand_over(story):
    """What is finished stays finished, whatever becomes of the offboarding."""
    world = story.world
    id, her, process_id = known(world, "Approved")
    other = hand_over(world, id, her)
    process, _, _ = about(world, process_id)
    transfer, (_, node), (task_1, task_2) = about(world, other, "offboarding_transfer")
    handing, row = checklist(id, her, other), leaving(id, her, process_id)
    answer(world, task_1, 3)
    story.told()
    answer(world, task_2, 3)
    assert story.told() == [
        ("process.status.update_v2", transfer | {"status": 9}),
        ("process.approver.updated_v2", task_2 | {"status": 3}),
        ("process.node.updated_v2", node | {"node_status": 3}),
        ("process.updated_v2", transfer | {"status": 9}),
        ("offboarding.checklist_updated_v2", handing | {"checklist_status": 3}),
    ]

    story.at(MONDAY_11)
    revoked(world, id)
    told = facts(id, her, MONDAY_11, process=process_id, hand_over=other)
    assert story.told() == [
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("employment.updated_v1", employment(her, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 3, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, her, MONDAY_11)),
    ]


def test_under_withdrawal_approved(story):
    """While it is asked whether he stays nobody can revoke; agreed to, it is as if somebody had."""
    world = story.world
    id, him, process_id = known(world, "under_withdrawal")
    asked_in = named(world, "under_withdrawal", "approval_process_id")
    process, _, _ = about(world, process_id)
    staying, (node_1, node_2), (task_1, task_2) = about(world, asked_in, properties=2)
    row = leaving(id, him, process_id)
    assert revoke(world, id).code == 1160206
    assert story.told() == []

    answer(world, task_1, 3)
    assert story.told() == [
        ("process.approver.updated_v2", task_1 | {"status": 3}),
        ("process.approver.updated_v2", task_2 | {"status": 1}),
        ("process.node.updated_v2", node_1 | {"node_status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 1}),
        ("process.updated_v2", staying | {"status": 1}),
    ]

    story.at(MONDAY_11)
    answer(world, task_2, 3)
    told = facts(id, him, MONDAY_11, process=process_id)
    assert story.told() == [
        ("process.status.update_v2", staying | {"status": 9}),
        ("process.approver.updated_v2", task_2 | {"status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 3}),
        ("process.updated_v2", staying | {"status": 9}),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("employment.updated_v1", employment(him, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, him, MONDAY_11)),
    ]


def test_under_withdrawal_rejected_and_revoked_all_the_same(story):
    world = story.world
    id, him, process_id = known(world, "under_withdrawal")
    asked_in = named(world, "under_withdrawal", "approval_process_id")
    process, _, _ = about(world, process_id)
    staying, (node, _), (task, _) = about(world, asked_in, properties=2)
    row = leaving(id, him, process_id)
    answer(world, task, 2)
    assert story.told() == [
        ("process.status.update_v2", staying | {"status": 2}),
        ("process.approver.updated_v2", task | {"status": 2}),
        ("process.node.updated_v2", node | {"node_status": 2}),
        ("process.updated_v2", staying | {"status": 2}),
    ]

    story.at(MONDAY_11)
    revoked(world, id)
    told = facts(id, him, MONDAY_11, process=process_id)
    assert story.told() == [
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("employment.updated_v1", employment(him, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, him, MONDAY_11)),
    ]


def test_under_modification_approved_and_then_revoked(story):
    world = story.world
    id, him, process_id = known(world, "under_modification")
    asked_in = named(world, "under_modification", "approval_process_id")
    process, _, _ = about(world, process_id)
    correction, (node_1, node_2), (task_1, task_2) = about(world, asked_in, properties=3)
    row = leaving(id, him, process_id)
    assert revoke(world, id).code == 1160205
    assert story.told() == []

    answer(world, task_1, 3)
    answer(world, task_2, 3)
    told = facts(id, him, MONDAY_10, process=process_id)
    assert story.told() == [
        ("process.approver.updated_v2", task_1 | {"status": 3}),
        ("process.approver.updated_v2", task_2 | {"status": 1}),
        ("process.node.updated_v2", node_1 | {"node_status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 1}),
        ("process.updated_v2", correction | {"status": 1}),
        ("process.status.update_v2", correction | {"status": 9}),
        ("process.approver.updated_v2", task_2 | {"status": 3}),
        ("process.node.updated_v2", node_2 | {"node_status": 3}),
        ("process.updated_v2", correction | {"status": 9}),
        ("offboarding.updated_v2", told | {"status": 2, "checklist_status": 1, "updated_fields": ["reason"]}),
    ]

    story.at(MONDAY_11)
    revoked(world, id)
    told = facts(id, him, MONDAY_11, process=process_id)
    assert story.told() == [
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("employment.updated_v1", employment(him, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, him, MONDAY_11)),
    ]


def test_under_modification_rejected(story):
    """Nothing is said of the offboarding itself: it is as it was."""
    world = story.world
    correction, (node, _), (task, _) = about(
        world, named(world, "under_modification", "approval_process_id"), properties=3
    )
    answer(world, task, 2)
    assert story.told() == [
        ("process.status.update_v2", correction | {"status": 2}),
        ("process.approver.updated_v2", task | {"status": 2}),
        ("process.node.updated_v2", node | {"node_status": 2}),
        ("process.updated_v2", correction | {"status": 2}),
    ]
