"""Calls that the pre-hire tests share: withdrawing, reading records, creating pre-hires and apps."""

from corehr.hr.pre_hires import records
from corehr.hr.pre_hires.records import FlowStatus, Status, TaskStatus
from tests.world import APP_ALL, APP_SECRETS

OPERATION = "v2.pre_hire.withdraw_onboarding"
WITHDRAW = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
UPDATED = "corehr.pre_hire.updated_v1"
FLOW_CHANGED = "corehr.pre_hire.onboarding_task_changed_v2"
REASON = "took another offer"


def withdraw(world, id, reason=REASON, *, app=APP_ALL):
    return world.call("POST", WITHDRAW, {"pre_hire_id": id, "withdraw_reason": reason}, app=app)


def withdraw_ok(world, id, reason=REASON, *, app=APP_ALL):
    """Withdraw the onboarding, which must succeed, and return the record."""
    assert withdraw(world, id, reason, app=app).data == {"success": True}
    return record(world, id)


def withdraw_call(id, reason=REASON):
    """Return the withdrawal as a call for `world.concurrently`."""
    return "POST", WITHDRAW, {"pre_hire_id": id, "withdraw_reason": reason}


def id_of(world, name):
    return world.named["pre_hires"][name]["id"]


def record(world, id):
    return world.sandbox("GET", f"records/pre_hires/{id}")


def create_pre_hire(
    world, status=Status.PREBOARDING, flow=FlowStatus.IN_PROGRESS, tasks=(("2", TaskStatus.IN_PROGRESS),)
):
    """Create a pre-hire and return its id; `tasks` are codes and statuses."""

    def create(tx):
        id = tx.new_id()
        records.create(
            tx,
            id=id,
            name="Wen Bo",
            status=status,
            onboarding_date="2026-02-02",
            department_id=None,
            offer={},
            flow_id=world.named["onboarding_flows"]["standard"]["id"],
            flow_status=flow,
            tasks=[(code, f"task {code}", task) for code, task in tasks],
        )
        return id

    return world.in_transaction(create)


def create_app(world, monkeypatch, **fields):
    """Create an app that tests can call with, and return its id."""
    app = world.sandbox("POST", "apps", fields)
    monkeypatch.setitem(APP_SECRETS, app["app_id"], app["app_secret"])
    return app["app_id"]
