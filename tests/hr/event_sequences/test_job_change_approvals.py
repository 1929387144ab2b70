"""Job changes with two approvers: every event that an app receives, in order."""

from tests.hr.event_sequences.event_bodies import (
    approval,
    employment_updated,
    job_change,
    job_change_added,
    job_change_revoked,
    job_change_statuses,
    job_data_changed,
)
from tests.hr.event_sequences.event_trace import MONDAY_10, MONDAY_11, MONDAY_12, THURSDAY_0, THURSDAY_10, THURSDAY_11

FIELDS = ["seniority_date", "target_contract_number", "target_department"]


class Promotion:
    """A promotion that changes job data, contract and employment, and the bodies of its events."""

    def __init__(self, world, day):
        self.world, self.employment, self.admin = (
            world,
            world.employment("active"),
            world.employment("process_admin")["id"],
        )
        flow = world.named["transfer_types"]["promotion"]
        info = {
            "target_department": world.named["departments"]["other"]["id"],
            "target_contract_number": "C-2026-7",
            "target_employment_change": {"seniority_date": "2020-01-01"},
        }
        body = {
            "transfer_mode": 2,
            "transfer_type_unique_identifier": "promotion",
            "flow_id": flow["flow_id"],
            "effective_date": day,
            "initiator_id": world.employment("hr_partner")["id"],
        }
        created = world.create_job_change(self.employment["id"], info, **body).data
        self.id, process = created["job_change_id"], created["process_id"]
        self.change = job_change(
            self.id, self.employment, day, mode=2, type="promotion", process=process, fields=FIELDS
        )
        self.process, self.nodes, self.tasks = approval(world, process, flow["flow_id"], "job_change")

    def answer(self, number, status):
        task = self.tasks[number - 1]
        self.world.answer_task(task["process_id"], task["approver_id"], status).assert_ok()

    def revoke(self):
        assert self.world.revoke(self.id, operator_id=self.admin).data["result"] is True

    def creation_events(self):
        """Return the events of its creation on Monday at ten."""
        (node, _), (task, _) = self.nodes, self.tasks
        by = self.world.employment("hr_partner")["id"]
        return [
            *job_change_statuses(self.change, 0, 1),
            ("employee.domain_event_v2", job_change_added(self.id, self.employment, MONDAY_10, FIELDS, by=by)),
            ("process.status.update_v2", self.process | {"status": 1}),
            ("process.node.updated_v2", node | {"node_status": 1}),
            ("process.approver.updated_v2", task | {"status": 1}),
            ("process.updated_v2", self.process | {"status": 1}),
        ]

    def first_approval_events(self):
        """Return the events of the first approval."""
        (node_1, node_2), (task_1, task_2) = self.nodes, self.tasks
        return [
            ("process.approver.updated_v2", task_1 | {"status": 3}),
            ("process.node.updated_v2", node_1 | {"node_status": 3}),
            ("process.node.updated_v2", node_2 | {"node_status": 1}),
            ("process.approver.updated_v2", task_2 | {"status": 1}),
            ("process.updated_v2", self.process | {"status": 1}),
        ]


def test_approved_step_by_step_effective_and_revoked(trace):
    promotion = Promotion(trace.world, "2026-01-08")
    id, employment, change, process = promotion.id, promotion.employment, promotion.change, promotion.process
    assert trace.new_events() == promotion.creation_events()

    trace.at(MONDAY_11)
    promotion.answer(1, 3)
    assert trace.new_events() == promotion.first_approval_events()

    trace.at(MONDAY_12)
    promotion.answer(2, 3)
    assert trace.new_events() == [
        ("process.approver.updated_v2", promotion.tasks[1] | {"status": 3}),
        ("process.node.updated_v2", promotion.nodes[1] | {"node_status": 3}),
        ("process.status.update_v2", process | {"status": 9}),
        ("process.updated_v2", process | {"status": 9}),
        *job_change_statuses(change, 1, 4),
    ]

    trace.at(THURSDAY_10)
    assert trace.new_events(at=THURSDAY_0) == [
        *job_change_statuses(change, 4, 5),
        ("job_data.created_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
        ("employment.updated_v1", employment_updated(employment, "seniority_date")),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
        ("job_data.changed_v1", job_data_changed(id, employment)),
    ]

    trace.at(THURSDAY_11)
    assert trace.world.revoke(id, operator_id=employment["id"]).data["result"] is False
    assert trace.new_events() == []
    promotion.revoke()
    assert trace.new_events() == [
        *job_change_statuses(change, 5, 2),
        ("employee.domain_event_v2", job_change_revoked(id, employment, THURSDAY_11, FIELDS, by=promotion.admin)),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
        ("employment.updated_v1", employment_updated(employment, "seniority_date")),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
    ]


def test_approved_on_the_very_day(trace):
    """The last approval and the effect have the same time."""
    promotion = Promotion(trace.world, "2026-01-05")
    employment, change, process = promotion.employment, promotion.change, promotion.process
    assert trace.new_events() == promotion.creation_events()
    trace.at(MONDAY_11)
    promotion.answer(1, 3)
    assert trace.new_events() == promotion.first_approval_events()
    trace.at(MONDAY_12)
    promotion.answer(2, 3)
    assert trace.new_events() == [
        ("process.approver.updated_v2", promotion.tasks[1] | {"status": 3}),
        ("process.node.updated_v2", promotion.nodes[1] | {"node_status": 3}),
        ("process.status.update_v2", process | {"status": 9}),
        ("process.updated_v2", process | {"status": 9}),
        *job_change_statuses(change, 1, 4),
        *job_change_statuses(change, 4, 5),
        ("job_data.created_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
        ("employment.updated_v1", employment_updated(employment, "seniority_date")),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
        ("job_data.changed_v1", job_data_changed(promotion.id, employment)),
    ]


def test_approved_and_revoked_before_its_day(trace):
    promotion = Promotion(trace.world, "2026-01-08")
    change, process = promotion.change, promotion.process
    promotion.answer(1, 3)
    promotion.answer(2, 3)
    assert trace.new_events() == [
        *promotion.creation_events(),
        *promotion.first_approval_events(),
        ("process.approver.updated_v2", promotion.tasks[1] | {"status": 3}),
        ("process.node.updated_v2", promotion.nodes[1] | {"node_status": 3}),
        ("process.status.update_v2", process | {"status": 9}),
        ("process.updated_v2", process | {"status": 9}),
        *job_change_statuses(change, 1, 4),
    ]
    trace.at(MONDAY_11)
    promotion.revoke()
    assert trace.new_events() == [
        *job_change_statuses(change, 4, 2),
        (
            "employee.domain_event_v2",
            job_change_revoked(promotion.id, promotion.employment, MONDAY_11, FIELDS, by=promotion.admin),
        ),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
    ]
    trace.at(THURSDAY_10)
    assert trace.new_events() == []


def test_rejected_by_the_first(trace):
    """The node and task that never started have no events, nor has the effective date."""
    promotion = Promotion(trace.world, "2026-01-08")
    change, process = promotion.change, promotion.process
    assert trace.new_events() == promotion.creation_events()
    trace.at(MONDAY_11)
    promotion.answer(1, 2)
    assert trace.new_events() == [
        ("process.approver.updated_v2", promotion.tasks[0] | {"status": 2}),
        ("process.node.updated_v2", promotion.nodes[0] | {"node_status": 2}),
        ("process.status.update_v2", process | {"status": 2}),
        ("process.updated_v2", process | {"status": 2}),
        *job_change_statuses(change, 1, 3),
    ]
    trace.at(THURSDAY_10)
    assert trace.new_events() == []


def test_revoked_while_the_second_approval_is_pending(trace):
    promotion = Promotion(trace.world, "2026-01-08")
    change, process = promotion.change, promotion.process
    promotion.answer(1, 3)
    assert trace.new_events() == [*promotion.creation_events(), *promotion.first_approval_events()]
    trace.at(MONDAY_11)
    promotion.revoke()
    assert trace.new_events() == [
        *job_change_statuses(change, 1, 2),
        (
            "employee.domain_event_v2",
            job_change_revoked(promotion.id, promotion.employment, MONDAY_11, FIELDS, by=promotion.admin),
        ),
        ("process.status.update_v2", process | {"status": 4}),
        ("process.node.updated_v2", promotion.nodes[1] | {"node_status": 4}),
        ("process.approver.updated_v2", promotion.tasks[1] | {"status": 4}),
        ("process.updated_v2", process | {"status": 4}),
    ]
    trace.at(THURSDAY_10)
    assert trace.new_events() == []
