"""Editing offboardings, and last days that pass: every event that an app receives, in order."""

from tests.hr.event_sequences.event_bodies import (
    approval,
    employment_updated,
    offboarding_approved,
    offboarding_revoked,
    offboarding_status,
    offboarding_updated,
)
from tests.hr.event_sequences.event_trace import (
    MONDAY_10,
    MONDAY_11,
    MONDAY_12,
    THURSDAY_0,
    THURSDAY_0_IN_LONDON,
    THURSDAY_10,
    THURSDAY_11,
    create_london,
)
from tests.hr.offboardings import offboarding_calls
from tests.hr.offboardings.offboarding_calls import edit, edit_ok, fact_of, field, revoke_ok


def test_a_later_last_day_then_fields_then_a_last_day_that_is_over(trace):
    world, employment = trace.world, trace.world.employment("leaver")
    admin = world.employment("process_admin")["id"]
    id, process = fact_of(world, "Approved"), fact_of(world, "Approved", "process_id")
    row = offboarding_status(id, employment, process)
    edit_ok(world, id, {"offboarding_date": "2026-02-14"}, operator=admin)
    update = offboarding_updated(id, employment, MONDAY_10, process=process, by=admin)
    assert trace.new_events() == [
        (
            "offboarding.updated_v2",
            update | {"status": 2, "checklist_status": 1, "updated_fields": ["offboarding_date"]},
        ),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
    ]

    trace.at(MONDAY_11)
    fields = {"reason_explanation": "begins sooner", field(world, "text"): "another company"}
    edit_ok(world, id, fields)
    names = ["custom_field_1__c", "reason_explanation"]
    update = offboarding_updated(id, employment, MONDAY_11, process=process)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 2, "checklist_status": 1, "updated_fields": names}),
    ]

    # an edit that changes nothing, and edits that are refused
    edit_ok(world, id, fields | {"offboarding_date": "2026-02-14"})
    assert edit(world, id, {"offboarding_date": "soon"}).status == 400
    assert edit(world, fact_of(world, "Approving"), {"reason": "other"}).status == 400
    assert trace.new_events() == []

    # a last day that is over takes effect at once
    trace.at(MONDAY_12)
    edit_ok(world, id, {"offboarding_date": "2026-01-02", "reason": "other"})
    names = ["offboarding_date", "reason"]
    update = offboarding_updated(id, employment, MONDAY_12, process=process)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 2, "checklist_status": 1, "updated_fields": names}),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("offboarding.status_updated_v2", row | {"status": 3}),
        ("offboarding.updated_v1", row | {"status": 5}),
        ("employment.updated_v1", employment_updated(employment, "employment_status")),
        ("employment.resigned_v1", {"employment_id": employment["id"]}),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
    ]

    # fields can still be edited after she has left
    trace.at(THURSDAY_10)
    edit_ok(world, id, {"reason": "death_saas"})
    update = offboarding_updated(id, employment, THURSDAY_10, process=process)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 3, "checklist_status": 1, "updated_fields": ["reason"]}),
    ]


def test_the_last_day_passes_and_it_is_revoked(trace):
    world, employment = trace.world, trace.world.employment("leaver")
    admin = world.employment("process_admin")["id"]
    id, process_id = fact_of(world, "Approved"), fact_of(world, "Approved", "process_id")
    process, _, _ = approval(world, process_id, world.named["flows"]["offboarding"]["id"], "offboarding_info")
    row = offboarding_status(id, employment, process_id)
    edit_ok(world, id, {"offboarding_date": "2026-01-07"})
    update = offboarding_updated(id, employment, MONDAY_10, process=process_id)
    assert trace.new_events() == [
        (
            "offboarding.updated_v2",
            update | {"status": 2, "checklist_status": 1, "updated_fields": ["offboarding_date"]},
        ),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
    ]

    trace.at(THURSDAY_10)
    assert trace.new_events(at=THURSDAY_0) == [
        ("offboarding.status_updated_v2", row | {"status": 3}),
        ("offboarding.updated_v1", row | {"status": 5}),
        ("employment.updated_v1", employment_updated(employment, "employment_status")),
        ("employment.resigned_v1", {"employment_id": employment["id"]}),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
    ]

    trace.at(THURSDAY_11)
    revoke_ok(world, id, operator=admin)
    update = offboarding_updated(id, employment, THURSDAY_11, process=process_id, by=admin)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, THURSDAY_11, by=admin)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
        ("employment.updated_v1", employment_updated(employment, "employment_status")),
    ]


def test_directly_and_the_last_day_ends_in_london(trace):
    """A direct offboarding has no approval and no event of version 1; no operation creates one yet."""
    world, employment = trace.world, trace.world.employment("active")
    world.create_job_change(employment["id"], {"target_work_location": create_london(world)}).assert_ok()
    trace.new_events()

    trace.at(MONDAY_11)
    id = offboarding_calls.create_offboarding(world, employment["id"], "2026-01-07")
    row, update = offboarding_status(id, employment), offboarding_updated(id, employment, MONDAY_11)
    assert trace.new_events() == [
        ("offboarding.status_updated_v2", row | {"status": 1}),
        (
            "offboarding.updated_v2",
            update | {"status": 1, "checklist_status": 1, "updated_fields": ["offboarding_date"]},
        ),
        ("offboarding.status_updated_v2", row | {"status": 6}),
        ("employee.domain_event_v2", offboarding_approved(id, employment, MONDAY_11)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
    ]

    trace.at(MONDAY_12)
    edit_ok(world, id, {"reason": "other"})
    update = offboarding_updated(id, employment, MONDAY_12)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 6, "checklist_status": 1, "updated_fields": ["reason"]}),
    ]

    trace.at(THURSDAY_10)
    assert trace.new_events(at=THURSDAY_0_IN_LONDON) == [
        ("offboarding.status_updated_v2", row | {"status": 3}),
        ("employment.updated_v1", employment_updated(employment, "employment_status")),
        ("employment.resigned_v1", {"employment_id": employment["id"]}),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
    ]

    trace.at(THURSDAY_11)
    revoke_ok(world, id)
    update = offboarding_updated(id, employment, THURSDAY_11)
    assert trace.new_events() == [
        ("offboarding.updated_v2", update | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("employee.domain_event_v2", offboarding_revoked(id, employment, THURSDAY_11)),
        ("employment.updated_v1", employment_updated(employment, "expiration_time")),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
        ("employment.updated_v1", employment_updated(employment, "employment_status")),
    ]
