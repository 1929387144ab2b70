"""Editing offboardings, and last days that pass: everything that an app is told, in order."""

from tests.hr.offboardings import leavers
from tests.hr.offboardings.leavers import edit, edited, field, named, revoked
from tests.hr.sequences.bodies import agreed, approval, employment, facts, leaving, withdrawn
from tests.hr.sequences.story import (
    MONDAY_10,
    MONDAY_11,
    MONDAY_12,
    THURSDAY_0,
    THURSDAY_0_IN_LONDON,
    THURSDAY_10,
    THURSDAY_11,
    london,
)


def test_a_later_day_then_facts_then_a_day_that_is_over(story):
    world, her = story.world, story.world.person("leaver")
    admin = world.person("process_admin")["id"]
    id, process = named(world, "Approved"), named(world, "Approved", "process_id")
    row = leaving(id, her, process)
    edited(world, id, {"offboarding_date": "2026-02-14"}, operator=admin)
    told = facts(id, her, MONDAY_10, process=process, by=admin)
    assert story.told() == [
        ("employment.updated_v1", employment(her, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 2, "checklist_status": 1, "updated_fields": ["offboarding_date"]}),
    ]

    story.at(MONDAY_11)
    said = {"reason_explanation": "begins sooner", field(world, "text"): "another company"}
    edited(world, id, said)
    names = ["custom_field_1__c", "reason_explanation"]
    told = facts(id, her, MONDAY_11, process=process)
    assert story.told() == [
        ("offboarding.updated_v2", told | {"status": 2, "checklist_status": 1, "updated_fields": names}),
    ]

    # what is so already, and what may not be
    edited(world, id, said | {"offboarding_date": "2026-02-14"})
    assert edit(world, id, {"offboarding_date": "soon"}).status == 400
    assert edit(world, named(world, "Approving"), {"reason": "other"}).status == 400
    assert story.told() == []

    # a day that is over: she has left
    story.at(MONDAY_12)
    edited(world, id, {"offboarding_date": "2026-01-02", "reason": "other"})
    names = ["offboarding_date", "reason"]
    told = facts(id, her, MONDAY_12, process=process)
    assert story.told() == [
        ("employment.updated_v1", employment(her, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 2, "checklist_status": 1, "updated_fields": names}),
        ("employment.updated_v1", employment(her, "employment_status")),
        ("employment.resigned_v1", {"employment_id": her["id"]}),
        ("contract.updated_v1", {"contract_id": her["contract_id"]}),
        ("offboarding.status_updated_v2", row | {"status": 3}),
        ("offboarding.updated_v1", row | {"status": 5}),
    ]

    # what is known of one who has left can still be mended
    story.at(THURSDAY_10)
    edited(world, id, {"reason": "death_saas"})
    told = facts(id, her, THURSDAY_10, process=process)
    assert story.told() == [
        ("offboarding.updated_v2", told | {"status": 3, "checklist_status": 1, "updated_fields": ["reason"]}),
    ]


def test_the_last_day_passes_and_it_is_revoked(story):
    world, her = story.world, story.world.person("leaver")
    admin = world.person("process_admin")["id"]
    id, process_id = named(world, "Approved"), named(world, "Approved", "process_id")
    process, _, _ = approval(world, process_id, world.names["flows"]["offboarding"]["id"], "offboarding_info")
    row = leaving(id, her, process_id)
    edited(world, id, {"offboarding_date": "2026-01-07"})
    told = facts(id, her, MONDAY_10, process=process_id)
    assert story.told() == [
        ("employment.updated_v1", employment(her, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 2, "checklist_status": 1, "updated_fields": ["offboarding_date"]}),
    ]

    story.at(THURSDAY_10)
    assert story.told(at=THURSDAY_0) == [
        ("employment.updated_v1", employment(her, "employment_status")),
        ("employment.resigned_v1", {"employment_id": her["id"]}),
        ("contract.updated_v1", {"contract_id": her["contract_id"]}),
        ("offboarding.status_updated_v2", row | {"status": 3}),
        ("offboarding.updated_v1", row | {"status": 5}),
    ]

    story.at(THURSDAY_11)
    revoked(world, id, operator=admin)
    told = facts(id, her, THURSDAY_11, process=process_id, by=admin)
    assert story.told() == [
        ("contract.updated_v1", {"contract_id": her["contract_id"]}),
        ("employment.updated_v1", employment(her, "employment_status")),
        ("process.status.update_v2", process | {"status": 8}),
        ("process.updated_v2", process | {"status": 8}),
        ("employment.updated_v1", employment(her, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("offboarding.updated_v1", row | {"status": 2}),
        ("employee.domain_event_v2", withdrawn(id, her, THURSDAY_11, by=admin)),
    ]


def test_directly_and_the_last_day_ends_in_london(story):
    """Nobody is asked, and version 1 is not told. No operation begins a direct offboarding yet."""
    world, her = story.world, story.world.person("active")
    world.change(her["id"], {"target_work_location": london(world)}).passes()
    story.told()

    story.at(MONDAY_11)
    id = leavers.leaving(world, her["id"], "2026-01-07")
    row, told = leaving(id, her), facts(id, her, MONDAY_11)
    assert story.told() == [
        ("offboarding.status_updated_v2", row | {"status": 1}),
        ("offboarding.updated_v2", told | {"status": 1, "checklist_status": 1, "updated_fields": ["offboarding_date"]}),
        ("employment.updated_v1", employment(her, "expiration_time")),
        ("employee.domain_event_v2", agreed(id, her, MONDAY_11)),
        ("offboarding.status_updated_v2", row | {"status": 6}),
    ]

    story.at(MONDAY_12)
    edited(world, id, {"reason": "other"})
    told = facts(id, her, MONDAY_12)
    assert story.told() == [
        ("offboarding.updated_v2", told | {"status": 6, "checklist_status": 1, "updated_fields": ["reason"]}),
    ]

    story.at(THURSDAY_10)
    assert story.told(at=THURSDAY_0_IN_LONDON) == [
        ("employment.updated_v1", employment(her, "employment_status")),
        ("employment.resigned_v1", {"employment_id": her["id"]}),
        ("contract.updated_v1", {"contract_id": her["contract_id"]}),
        ("offboarding.status_updated_v2", row | {"status": 3}),
    ]

    story.at(THURSDAY_11)
    revoked(world, id)
    told = facts(id, her, THURSDAY_11)
    assert story.told() == [
        ("contract.updated_v1", {"contract_id": her["contract_id"]}),
        ("employment.updated_v1", employment(her, "employment_status")),
        ("employment.updated_v1", employment(her, "expiration_time")),
        ("offboarding.updated_v2", told | {"status": 5, "checklist_status": 1, "updated_fields": ["status"]}),
        ("offboarding.status_updated_v2", row | {"status": 5}),
        ("employee.domain_event_v2", withdrawn(id, her, THURSDAY_11)),
    ]
