"""Calls that the offboarding tests share: editing and revoking, reading records and events, creating offboardings."""

from datetime import date, timedelta

from corehr.demo import people
from corehr.demo.plans import PersonSeed
from corehr.engines import versions
from corehr.hr.employees.job_datas import records as job_datas
from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Status
from tests.world import APP_ALL

EDIT = "/open-apis/corehr/v2/offboardings/edit"
REVOKE = "/open-apis/corehr/v2/offboardings/revoke"
STATUS = "corehr.offboarding.status_updated_v2"
STATUS_V1 = "corehr.offboarding.updated_v1"
UPDATED = "corehr.offboarding.updated_v2"


def update_data(fields):
    return [{"field_name": name, "value": value} for name, value in fields.items()]


def edit(world, id, fields, *, operator=None, app=APP_ALL, **query):
    body = {"offboarding_id": id, "update_data": update_data(fields)} | ({"operator_id": operator} if operator else {})
    return world.call("POST", EDIT, body, app=app, **query)


def edit_ok(world, id, fields, *, stored=None, **more):
    """Edit the offboarding, which must succeed and return `fields`, or `stored`, and return its record."""
    assert edit(world, id, fields, **more).data == {"data": update_data(stored or fields)}
    return record(world, id)


def revoke(world, id, *, operator=None, app=APP_ALL, **query):
    body = {"offboarding_id": id} | ({"operator_id": operator} if operator else {})
    return world.call("POST", REVOKE, body, app=app, **query)


def revoke_ok(world, id, **more):
    """Revoke the offboarding, which must succeed, and return its record."""
    assert revoke(world, id, **more).data == {}
    return record(world, id)


def fact_of(world, name, fact="id"):
    return world.named["offboardings"][name][fact]


def field(world, name):
    return world.named["offboarding_fields"][name]["field_name"]


def record(world, id):
    return world.sandbox("GET", f"records/offboardings/{id}")


def add_days(day, days):
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def day_from_today(world, days):
    return add_days(world.today(), days)


def create_offboarding(world, employment_id, last_day, status=Status.NO_NEED_APPROVAL, info=None):
    """Create an offboarding of an employment that need not exist, and return its id."""

    def create(tx):
        id = tx.new_id()
        row = records.insert(tx, id, employment_id, last_day, info or {}, is_direct=status is Status.NO_NEED_APPROVAL)
        if status is not Status(row.status):
            records.set_decision(tx, row, status)
        return id

    return world.in_transaction(create)


def event_statuses(world, id, type=STATUS):
    """Return the status numbers in the events of an offboarding; the demo company is built without events."""
    return [e["event"]["status"] for e in world.all_events(type) if e["subject"] == id]


def last_update_event(world, id):
    """Return the last event of changed fields of an offboarding."""
    return [e["event"] for e in world.all_events(UPDATED) if e["subject"] == id][-1]


def hire_without_contract(world):
    """Create an employment like `active`, but without any contract, and return its id."""

    def create(tx):
        job_data = versions.timeline(tx, job_datas.KIND, world.employment("active")["job_data_id"])[-1].body
        plan = PersonSeed("无合同", "u990001", "2025-01-06", job_data["department_id"], None, None, [], None)
        people.hire(tx, plan, dict(job_data), world.today(), "")
        return plan.id

    return world.in_transaction(create)


def employment_record(world, id):
    """Return the end date of an employment, its versions, job data, probation and contracts."""
    employment = world.sandbox("GET", f"records/employments/{id}", on="2026-01-05")
    contracts = {c: world.sandbox("GET", f"records/contracts/{c}")["versions"] for c in employment["contract_ids"]}
    return {**{n: employment[n] for n in ("end_date", "versions", "job_data", "probation")}, "contracts": contracts}
