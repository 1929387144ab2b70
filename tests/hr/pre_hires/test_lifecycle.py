"""Onboardings that are withdrawn through the API."""

from tests.hr.pre_hires.pre_hire_calls import FLOW_CHANGED, UPDATED, id_of, record, withdraw, withdraw_ok
from tests.world import APP_ALL


def events_about(world, type, id):
    return [e for e in world.all_events(type) if e["subject"] == id]


def test_a_candidate_takes_another_offer_weeks_before_the_first_day(world):
    """Half of the forms are filled in: the flow ends, open tasks are terminated, and every other field stays."""
    id = id_of(world, "preboarding")
    before = record(world, id)
    assert (before["onboarding_status"], before["flow_status"]) == ("preboarding", "in_progress")
    assert "in_progress" in [task["status"] for task in before["tasks"]]

    world.advance(days=7)
    after = withdraw_ok(world, id, "她接受了其他公司的邀请")
    assert (after["onboarding_status"], after["flow_status"]) == ("withdrawn", "withdrawn")
    assert (after["withdrawn_reason"], after["withdrawn_by"]) == ("她接受了其他公司的邀请", APP_ALL)
    assert after["withdrawn_at"].startswith("2026-01-12T01:0")
    unchanged = ("id", "name", "onboarding_date", "department_id", "offer", "flow_id", "flow_instance_id", "created_at")
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    done = {task["code"]: task["status"] for task in before["tasks"] if task["status"] in ("completed", "skipped")}
    assert {t["code"]: t["status"] for t in after["tasks"]} == {
        task["code"]: done.get(task["code"], "terminated") for task in before["tasks"]
    }

    world.advance(days=60)  # past what would have been the first day
    assert record(world, id) == after
    assert withdraw(world, id, "once more").code == 1161129
    assert record(world, id) == after


def test_a_ready_pre_hire_is_withdrawn_on_the_eve_of_the_first_day(world):
    id = id_of(world, "day_one")
    before = record(world, id)
    assert {task["status"] for task in before["tasks"]} == {"completed"}
    after = withdraw_ok(world, id)
    assert (after["onboarding_status"], after["flow_status"]) == ("withdrawn", "withdrawn")
    assert after["tasks"] == before["tasks"]


def test_subscribers_receive_what_changed_and_which_tasks_ended(world):
    id = id_of(world, "preboarding")
    before = record(world, id)
    counts_before = {type: len(events_about(world, type, id)) for type in (UPDATED, FLOW_CHANGED)}
    withdraw_ok(world, id)

    (updated,) = events_about(world, UPDATED, id)[counts_before[UPDATED] :]
    assert updated["event"] == {"pre_hire_id": id, "field_changes": ["onboarding_status", "withdrawn_reason"]}
    (flow_changed,) = events_about(world, FLOW_CHANGED, id)[counts_before[FLOW_CHANGED] :]
    assert flow_changed["event"] == {
        "tenant_id": world.installation.tenant.id,
        "pre_hire_id": id,
        "onboarding_task_changes": [
            {"after_status": "terminated", "task_code": task["code"]}
            for task in before["tasks"]
            if task["status"] not in ("completed", "skipped")
        ],
        "onboarding_flow_change": {"after_status": "withdrawn"},
        "onboarding_flow_id": before["flow_instance_id"],
        "flow_info": {"id": before["flow_id"], "name": {"zh_cn": "标准入职流程", "en_us": "Standard onboarding"}},
    }
    assert updated["create_time"] == flow_changed["create_time"]


def test_a_ready_pre_hire_has_no_task_changes(world):
    id = id_of(world, "day_one")
    withdraw_ok(world, id)
    flow_changed = events_about(world, FLOW_CHANGED, id)[-1]["event"]
    assert flow_changed["onboarding_task_changes"] == []
    assert flow_changed["onboarding_flow_change"] == {"after_status": "withdrawn"}


def test_the_demo_company_has_a_pre_hire_in_every_stage(world):
    stages = {name: record(world, named["id"])["onboarding_status"] for name, named in world.named["pre_hires"].items()}
    assert stages == {
        "preboarding": "preboarding",
        "day_one": "day_one",
        "completed": "completed",
        "withdrawn": "withdrawn",
        "deleted": "deleted",
        "stuck": "preboarding",
    }
