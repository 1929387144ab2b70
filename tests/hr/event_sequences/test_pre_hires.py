"""Withdrawing onboardings: every event that an app receives, in order."""

from tests.hr.event_sequences.event_trace import MONDAY_11
from tests.hr.pre_hires.pre_hire_calls import id_of, withdraw, withdraw_ok


def flow_changed(trace, id, *tasks):
    """pre_hire.onboarding_task_changed_v2 of a withdrawn flow, and of the tasks that ended with it."""
    return {
        "tenant_id": "1",
        "pre_hire_id": id,
        "onboarding_task_changes": [{"after_status": "terminated", "task_code": code} for code in tasks],
        "onboarding_flow_change": {"after_status": "withdrawn"},
        "onboarding_flow_id": trace.world.sandbox("GET", f"records/pre_hires/{id}")["flow_instance_id"],
        "flow_info": {
            "id": trace.world.named["onboarding_flows"]["standard"]["id"],
            "name": {"zh_cn": "标准入职流程", "en_us": "Standard onboarding"},
        },
    }


def test_weeks_before_the_first_day_and_on_its_eve(trace):
    """Only the open tasks end; a ready pre-hire has none."""
    world = trace.world
    id = id_of(world, "preboarding")
    withdraw_ok(world, id, "她接受了其他公司的邀请")
    computer = "6f0f6f4e-2c53-4d0e-9a8f-3f0d4f7a1c11"
    assert trace.new_events() == [
        ("pre_hire.updated_v1", {"pre_hire_id": id, "field_changes": ["onboarding_status", "withdrawn_reason"]}),
        ("pre_hire.onboarding_task_changed_v2", flow_changed(trace, id, "2", "9", computer, "4")),
    ]

    trace.at(MONDAY_11)
    id = id_of(world, "day_one")
    withdraw_ok(world, id)
    assert trace.new_events() == [
        ("pre_hire.updated_v1", {"pre_hire_id": id, "field_changes": ["onboarding_status", "withdrawn_reason"]}),
        ("pre_hire.onboarding_task_changed_v2", flow_changed(trace, id)),
    ]


def test_what_cannot_be_withdrawn_emits_nothing(trace):
    world = trace.world
    codes = {"completed": 1161129, "withdrawn": 1161129, "deleted": 1161105, "stuck": 1161094}
    assert {name: withdraw(world, id_of(world, name)).code for name in codes} == codes
    assert withdraw(world, id_of(world, "preboarding"), "").code == 1161001
    assert trace.new_events() == []
