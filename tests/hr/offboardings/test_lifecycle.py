"""Offboardings through the API, from the request to the last day, and revoked."""

import pytest

from corehr.hr.offboardings import records
from corehr.hr.offboardings.records import Checklist, Status
from corehr.hr.organization import locations
from corehr.hr.processes import records as processes
from corehr.kernel.db import Tx
from tests.hr.offboardings.offboarding_calls import (
    STATUS_V1,
    create_offboarding,
    day_from_today,
    edit,
    edit_ok,
    employment_record,
    event_statuses,
    fact_of,
    field,
    last_update_event,
    record,
    revoke,
    revoke_ok,
)
from tests.world import APP_NO_FIELD_SCOPES, APP_STORE

HAS_PENDING_OFFBOARDING = 1160201
"""The code of a job change for an employment with a pending offboarding."""


def process_status(world, id):
    return world.sandbox("GET", f"records/processes/{id}")["status"]


def employment_status(world, employment_id, as_of):
    version = world.sandbox("GET", f"records/employments/{employment_id}", on=as_of)["version"]
    return version["body"].get("employment_status")


def contract_id_of(world, employment_id):
    (id,) = world.sandbox("GET", f"records/employments/{employment_id}")["contract_ids"]
    return id


def change_department(world, employment_id):
    return world.create_job_change(employment_id, {"target_department": world.named["departments"]["other"]["id"]})


def test_she_leaves_earlier_than_planned_and_then_stays(world):
    leaver, id = world.employment("leaver"), fact_of(world, "Approved")
    person, contract = leaver["id"], contract_id_of(world, leaver["id"])
    before = employment_record(world, person)
    assert before["end_date"] == fact_of(world, "Approved", "offboarding_date") == "2026-02-04"

    # HR moves the last day to 20 January
    row = edit_ok(world, id, {"offboarding_date": "2026-01-20", "reason_explanation": "begins sooner"})
    assert (row["offboarding_date"], row["info"]["reason_explanation"]) == ("2026-01-20", "begins sooner")
    assert employment_record(world, person)["end_date"] == "2026-01-20"
    event = last_update_event(world, id)
    assert event["updated_fields"] == ["offboarding_date", "reason_explanation"]
    assert (event["status"], event["checklist_status"], event["operator"]) == (2, 1, "")

    # the offboarding takes effect at midnight after the last day
    world.sandbox("PUT", "clock", {"now": "2026-01-20T23:59:00+08:00"})
    assert record(world, id)["status"] == "Approved"
    world.advance(minutes=2)
    assert record(world, id)["status"] == "Offboarded"
    assert (event_statuses(world, id), event_statuses(world, id, STATUS_V1)) == ([3], [5])
    effect = [e for e in world.events("corehr.offboarding.status_updated_v2") if e["subject"] == id][-1]
    assert effect["create_time"] == "1768924800000"  # midnight of 21 January in Shanghai
    assert [e["subject"] for e in world.events("corehr.employment.resigned_v1")].count(person) == 1
    assert employment_status(world, person, "2026-01-20") is None
    assert employment_status(world, person, "2026-01-21") == "terminated"
    closed = world.sandbox("GET", f"records/contracts/{contract}", on="2026-01-21")["version"]["body"]
    assert closed["actual_end_date"] == "2026-01-20"
    assert change_department(world, person).code == 1160502

    # a week later she stays after all, and the offboarding is revoked
    known_at = "2026-01-22T09:00:00+08:00"
    world.advance(days=7)
    as_then_known = world.sandbox("GET", f"records/contracts/{contract}", known=known_at, on="2026-01-21")
    admin = world.employment("process_admin")
    row = revoke_ok(world, id, operator=admin["id"])
    assert (row["status"], row["revoked_by"]) == ("Withdrawn", admin["id"])
    assert row["revoked_at"] > "2026-01-27T16:00"
    assert process_status(world, fact_of(world, "Approved", "process_id")) == 8
    after = employment_record(world, person)
    assert after == {**before, "end_date": None}
    assert (event_statuses(world, id), event_statuses(world, id, STATUS_V1)) == ([3, 5], [5, 2])
    event = last_update_event(world, id)
    assert (event["status"], event["operator"], event["updated_fields"]) == (5, admin["id"], ["status"])
    assert change_department(world, person).data["status"] == 2

    # the superseded version can still be read as known then
    assert world.sandbox("GET", f"records/contracts/{contract}", known=known_at, on="2026-01-21") == as_then_known
    assert as_then_known["version"]["body"]["actual_end_date"] == "2026-01-20"


def test_domain_events_of_approving_and_revoking(world):
    person = world.employment("active")["id"]
    id = create_offboarding(world, person, day_from_today(world, 5), Status.APPROVED)
    revoke_ok(world, id)
    events = [e["event"] for e in world.events("corehr.employee.domain_event_v2") if e["subject"] == person]
    assert [(e["event_type"], e["sub_event_type"], e["opt_id"]) for e in events] == [(7, 7001, id), (7, 7002, id)]


@pytest.mark.parametrize(
    ("name", "process"),
    [
        ("Approving", 4),
        ("Approved", 8),
        ("NoNeedApproval", None),
        ("Offboarded", 8),
    ],
)
def test_revoked_from_every_state_that_can_be(world, name, process):
    id, person = fact_of(world, name), fact_of(world, name, "employment_id")
    assert change_department(world, person).code in (HAS_PENDING_OFFBOARDING, 1160502)
    assert revoke_ok(world, id)["status"] == "Withdrawn"
    assert (event_statuses(world, id), event_statuses(world, id, STATUS_V1)) == ([5], [2] if process else [])
    if process:
        assert process_status(world, fact_of(world, name, "process_id")) == process
        assert world.pending_tasks(fact_of(world, name, "process_id")) == []
    employment = employment_record(world, person)
    assert employment["end_date"] is None
    assert "terminated" not in repr(employment)
    assert "actual_end_date" not in repr(employment)
    assert change_department(world, person).data["status"] == 2
    world.advance(days=60)
    assert record(world, id)["status"] == "Withdrawn"


def test_revoked_it_stays_revoked(world):
    id = fact_of(world, "Approved")
    revoke_ok(world, id)
    assert revoke(world, id).code == 1160202
    assert edit(world, id, {"offboarding_date": "2026-03-01"}).code == 1160623


def test_revoking_restores_the_previous_end_date(world):
    person = world.employment("fixed_end")["id"]
    end = employment_record(world, person)["end_date"]
    id = create_offboarding(world, person, day_from_today(world, 5))
    assert employment_record(world, person)["end_date"] == day_from_today(world, 5) != end
    revoke_ok(world, id)
    assert employment_record(world, person)["end_date"] == end


def test_a_last_day_that_is_over_takes_effect_at_once(world):
    id = create_offboarding(world, world.employment("active")["id"], day_from_today(world, 5))
    row = edit_ok(world, id, {"offboarding_date": day_from_today(world, -1)})
    assert row["status"] == "Offboarded"
    assert event_statuses(world, id) == [1, 6, 3]
    assert event_statuses(world, id, STATUS_V1) == []


def test_today_as_the_last_day_is_not_over_yet(world):
    row = edit_ok(world, fact_of(world, "NoNeedApproval"), {"offboarding_date": world.today()})
    assert row["status"] == "NoNeedApproval"
    world.advance(days=1)
    assert record(world, fact_of(world, "NoNeedApproval"))["status"] == "Offboarded"


def create_london(tx):
    """Create a work city in the London time zone and return its id."""
    id = tx.new_id()
    body = {"name": {"zh-CN": "伦敦"}, "usages": ["business_site"], "zone": "Europe/London"}
    locations.create(tx, id, "2020-01-01", body)
    return id


def test_the_last_day_ends_where_the_person_works(world):
    """She moves to London before she leaves: her midnight is eight hours later than in Shanghai."""
    person = world.employment("active")["id"]
    assert world.create_job_change(person, {"target_work_location": world.in_transaction(create_london)}).code == 0
    id = create_offboarding(world, person, "2026-01-10")
    world.sandbox("PUT", "clock", {"now": "2026-01-11T07:59:00+08:00"})
    assert record(world, id)["status"] == "NoNeedApproval"
    world.advance(minutes=2)
    assert record(world, id)["status"] == "Offboarded"


def test_last_days_are_found_by_the_same_number_of_statements_however_many_they_are(world, monkeypatch):
    """The work location is looked up for all of them together, with the job changes that move it before."""
    people = [person["id"] for person in world.hire(4)]
    london = world.in_transaction(create_london)
    assert world.create_job_change(people[0], {"target_work_location": london}).code == 0
    statements = []
    fetch_all = Tx.fetch_all

    def count(tx, statement, **params):
        statements.append(statement)
        return fetch_all(tx, statement, **params)

    monkeypatch.setattr(Tx, "fetch_all", count)

    def due(zone):
        statements.clear()
        found = world.in_transaction(lambda tx: records.list_due(tx, zone, "2026-01-11"))
        return found, len(statements)

    ids = [create_offboarding(world, person, "2026-01-10") for person in people[:2]]
    in_shanghai, statement_count = due("Asia/Shanghai")
    assert (ids[0] in in_shanghai, ids[1] in in_shanghai) == (False, True)
    ids += [create_offboarding(world, person, "2026-01-10") for person in people[2:]]
    in_shanghai, statements_for_more = due("Asia/Shanghai")
    assert statements_for_more == statement_count
    assert set(ids[1:]) <= set(in_shanghai)
    assert set(ids) <= set(due("Europe/London")[0])


def test_approved_by_every_approver(world):
    id, process = fact_of(world, "Approving"), fact_of(world, "Approving", "process_id")
    person = fact_of(world, "Approving", "employment_id")
    assert employment_record(world, person)["end_date"] is None
    world.approve(process)
    assert record(world, id)["status"] == "Approved"
    assert employment_record(world, person)["end_date"] == fact_of(world, "Approving", "offboarding_date")
    world.advance(days=31)
    assert (event_statuses(world, id), event_statuses(world, id, STATUS_V1)) == ([2, 3], [4, 5])


def test_approved_when_the_last_day_is_already_over(world):
    world.advance(days=40)
    id = fact_of(world, "Approving")
    assert record(world, id)["status"] == "Approving"
    world.approve(fact_of(world, "Approving", "process_id"))
    assert record(world, id)["status"] == "Offboarded"
    assert event_statuses(world, id) == [2, 3]


def test_rejected_by_one_approver(world):
    id = fact_of(world, "Approving")
    world.approve(fact_of(world, "Approving", "process_id"), approve=False)
    assert record(world, id)["status"] == "Rejected"
    assert (event_statuses(world, id), event_statuses(world, id, STATUS_V1)) == ([4], [3])
    world.advance(days=40)
    assert employment_record(world, fact_of(world, "Approving", "employment_id"))["end_date"] is None


@pytest.mark.parametrize(("approve", "reason"), [(True, "family_related_reason_saas"), (False, "career_change_saas")])
def test_a_change_of_fields_that_needs_an_approval(world, approve, reason):
    id = fact_of(world, "under_modification")
    process = fact_of(world, "under_modification", "approval_process_id")
    world.approve(process, approve=approve)
    assert record(world, id)["info"]["reason"] == reason
    updated_fields = [
        e["event"]["updated_fields"] for e in world.events("corehr.offboarding.updated_v2") if e["subject"] == id
    ]
    assert updated_fields == ([["reason"]] if approve else [])
    (properties,) = {
        e["event"]["properties"] for e in world.events("corehr.process.status.update_v2") if e["subject"] == process
    }
    assert properties == 3
    edit_ok(world, id, {"reason": "other"})


@pytest.mark.parametrize("approve", [True, False])
def test_a_withdrawal_that_needs_an_approval(world, approve):
    id = fact_of(world, "under_withdrawal")
    world.approve(fact_of(world, "under_withdrawal", "approval_process_id"), approve=approve)
    assert record(world, id)["status"] == ("Withdrawn" if approve else "Approved")
    assert revoke(world, id).code == (1160202 if approve else 0)


def test_every_kind_of_field_is_stored_and_reported_as_it_was_written(world):
    person, company = world.employment("active")["id"], world.named["companies"]["active"]["id"]
    values = {
        "text": "another company",
        "multi_line": "keys\nbadge",
        "bool": "true",
        "number": "2334.00",
        "enum": "option_1",
        "multi_enum": '["option_1","option_2"]',
        "date": "2026-02-01",
        "date_time": "2026-02-01 10:30:00",
        "person": person,
        "people": f'["{person}"]',
        "company": company,
        "url": "https://example.com/handover",
    }
    fields = {field(world, name): value for name, value in values.items()}
    id = fact_of(world, "Approved")
    row = edit_ok(world, id, fields)
    assert {name: row["info"][name] for name in fields} == fields
    assert last_update_event(world, id)["updated_fields"] == sorted(fields)
    event_count = len(world.events("corehr.offboarding.updated_v2"))
    assert edit_ok(world, id, fields) == row
    assert len(world.events("corehr.offboarding.updated_v2")) == event_count
    number = field(world, "number")
    edit_ok(world, id, fields | {number: "2334.5"}, stored=fields | {number: "2334.50"})
    assert last_update_event(world, id)["updated_fields"] == [field(world, "number")]


def test_the_block_list_and_an_agreement_are_edited_in_steps(world):
    id, company = fact_of(world, "Approved"), world.named["companies"]["other"]["id"]
    edit_ok(world, id, {"add_block_list": "true", "block_reason": "dishonesty"})
    edit_ok(world, id, {"block_reason_explanation": "took the till"})
    agreement = {
        "enforce_noncompete_agreement": "true",
        "noncompete_agreement_company": company,
        "noncompete_agreement_start_date": "2026-02-05",
        "noncompete_agreement_end_date": "2027-02-04",
    }
    edit_ok(world, id, agreement)
    row = edit_ok(world, id, {"noncompete_agreement_end_date": "2028-02-04"})
    assert row["info"].items() >= (agreement | {"noncompete_agreement_end_date": "2028-02-04"}).items()


def test_the_event_names_the_operator_by_employment_id(world):
    id, admin = fact_of(world, "Approved"), world.employment("process_admin")
    for user_id_type, key in (("open_id", "open_id"), ("union_id", "union_id"), ("user_id", "user_id")):
        fields = {"reason_explanation": f"edited by {key}"}
        row = edit_ok(world, id, fields, operator=admin[key], user_id_type=user_id_type)
        assert row["updated_by"] == last_update_event(world, id)["operator"] == admin["id"]


def test_fields_can_still_be_edited_after_the_employee_has_left(world):
    id = fact_of(world, "Offboarded")
    row = edit_ok(world, id, {"last_attendance_date": "2025-11-28", "reason": "death_saas"})
    assert (row["status"], row["info"]["last_attendance_date"]) == ("Offboarded", "2025-11-28")


def start_hand_over(world, id):
    """Start the hand-over of an offboarding and return the id of its process."""
    flow = world.named["flows"]["offboarding"]["id"]

    def begin(tx):
        row, nodes = records.get_existing(tx, id), processes.flow_nodes(tx, flow)
        assert nodes is not None
        process, _ = processes.start(tx, flow, nodes, (records.CHECKLIST, id), row.employment_id, None, None)
        records.set_checklist_status(tx, row, Checklist.RUNNING, process)
        return process

    return world.in_transaction(begin)


def test_the_hand_over_ends_with_the_offboarding(world):
    process = start_hand_over(world, fact_of(world, "Approved"))
    row = revoke_ok(world, fact_of(world, "Approved"))
    assert row["checklist_status"] == "Withdrawn"
    assert process_status(world, process) == 4
    events = [e["event"] for e in world.events("corehr.offboarding.checklist_updated_v2")]
    assert [(e["checklist_status"], e["checklist_process_id"]) for e in events] == [(2, process), (5, process)]


def test_a_hand_over_that_is_finished_stays_finished(world):
    id = create_offboarding(world, world.employment("active_2")["id"], day_from_today(world, 9), Status.APPROVED)
    world.approve(start_hand_over(world, id))
    assert record(world, id)["checklist_status"] == "Finished"
    assert revoke_ok(world, id)["checklist_status"] == "Finished"


def test_a_contract_that_was_closed_already_keeps_its_end(world):
    id, person = fact_of(world, "contract_closed"), fact_of(world, "contract_closed", "employment_id")
    before = employment_record(world, person)["contracts"]
    world.advance(days=31)
    assert record(world, id)["status"] == "Offboarded"
    assert employment_record(world, person)["contracts"] == before


@pytest.mark.parametrize("status", [Status.OFFBOARDED, Status.WITHDRAWN])
def test_another_last_day_is_approved_too_late(world, status):
    """The employee has left, or the offboarding is withdrawn: last day and end date stay as they are."""
    person = world.employment("active")["id"]
    id = create_offboarding(world, person, day_from_today(world, 1), Status.APPROVED)
    flow = world.named["flows"]["offboarding"]["id"]

    def propose(tx):
        row, nodes = records.get_existing(tx, id), processes.flow_nodes(tx, flow)
        assert nodes is not None
        subject = (records.MODIFICATION, id)
        process, _ = processes.start(tx, flow, nodes, subject, person, None, None, properties=processes.CORRECTION)
        row = records.propose(tx, row, {"offboarding_date": "2026-03-01", "reason": "other"})
        if status is Status.WITHDRAWN:
            records.mark_withdrawn(tx, row, None)
        return process

    process, last_day = world.in_transaction(propose), day_from_today(world, 1)
    world.advance(days=3)
    end = employment_record(world, person)["end_date"]
    world.approve(process)
    row = record(world, id)
    assert (row["status"], row["offboarding_date"], row["proposal"]) == (status, last_day, None)
    assert row["info"].get("reason") == ("other" if status is Status.OFFBOARDED else None)
    assert employment_record(world, person)["end_date"] == end


def test_a_store_app_sees_everyone_and_may_edit_but_not_revoke(world):
    world._tokens[APP_STORE] = world.installation.gateway.tokens.issue(
        world.await_(world.installation.apps.get(APP_STORE))
    ).text
    id = create_offboarding(world, world.employment("outside_range")["id"], day_from_today(world, 9))
    edit_ok(world, id, {"reason": "other"}, app=APP_STORE)
    before = world.fingerprint()
    assert revoke(world, id, app=APP_STORE).status == 400
    assert world.fingerprint() == before


def test_an_app_without_a_range_sees_nobody(world):
    id = fact_of(world, "Approved")
    assert edit(world, id, {"reason": "other"}, app=APP_NO_FIELD_SCOPES).code == 1160610
    assert revoke(world, id, app=APP_NO_FIELD_SCOPES).code == 1160201


def test_a_contract_that_leaving_closed_and_whose_signing_is_revoked_is_gone(world):
    """A job change signs a later contract, the person leaves, the job change is revoked: the first one is closed."""
    person = world.hire()[0]["id"]
    (first,) = employment_record(world, person)["contracts"]
    start = {"target_contract_start_date": world.today(), "target_contract_end_date": day_from_today(world, 900)}
    info = {"target_department": world.named["departments"]["other"]["id"], **start}
    change = world.create_job_change(person, info).data["job_change_id"]
    _, second = world.sandbox("GET", f"records/employments/{person}")["contract_ids"]
    create_offboarding(world, person, day_from_today(world, 5))
    world.advance(days=7)
    world.revoke(change).assert_ok()
    assert world.sandbox("GET", f"records/employments/{person}")["contract_ids"] == [first]
    assert world.request("GET", f"/sandbox/records/contracts/{second}").status == 404
    closed = world.sandbox("GET", f"records/contracts/{first}")["versions"][-1]
    assert (closed["valid_from"], closed["body"]["actual_end_date"]) == (
        day_from_today(world, -1),
        day_from_today(world, -2),
    )
