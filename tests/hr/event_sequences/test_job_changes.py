"""Direct job changes: every event that an app receives, in order."""

from corehr.engines.custom_fields import FieldDefinition, FieldType
from corehr.hr.basic_data import custom_fields
from corehr.hr.job_changes.events import WIRE_TO_FIELD, field_names
from corehr.hr.job_changes.records import EMPLOYMENT_FIELDS
from corehr.spec import loader
from tests.hr.event_sequences.event_bodies import (
    employment_updated,
    job_change,
    job_change_added,
    job_change_revoked,
    job_change_statuses,
    job_data_changed,
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

UNKNOWN_ID = "7999999999999999999"


def test_two_of_today_and_one_of_them_revoked(trace):
    world, employment = trace.world, trace.world.employment("active")
    admin = world.employment("process_admin")["id"]
    target = {"target_department": world.named["departments"]["other"]["id"]}
    id = world.create_job_change(employment["id"], target, transfer_key="transfer_1").data["job_change_id"]
    change = job_change(id, employment, "2026-01-05", key="transfer_1", fields=["target_department"])
    assert trace.new_events() == [
        *job_change_statuses(change, 0, 6),
        ("employee.domain_event_v2", job_change_added(id, employment, MONDAY_10, ["target_department"])),
        *job_change_statuses(change, 6, 5),
        ("job_data.created_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.changed_v1", job_data_changed(id, employment)),
    ]

    # the same request with the same key, and a request without targets
    assert world.create_job_change(employment["id"], target, transfer_key="transfer_1").data["job_change_id"] == id
    assert world.create_job_change(employment["id"], {}).code == 1160600
    assert trace.new_events() == []

    # a second change of today edits the version that began today
    trace.at(MONDAY_11)
    info = {"target_job": world.named["jobs"]["other"]["id"]}
    second = world.create_job_change(employment["id"], info, initiator_id=admin).data["job_change_id"]
    following = job_change(second, employment, "2026-01-05", fields=["target_job"])
    assert trace.new_events() == [
        *job_change_statuses(following, 0, 6),
        ("employee.domain_event_v2", job_change_added(second, employment, MONDAY_11, ["target_job"], by=admin)),
        *job_change_statuses(following, 6, 5),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.changed_v1", job_data_changed(second, employment)),
    ]

    trace.at(MONDAY_12)
    assert world.revoke(id).data["result"] is True
    assert trace.new_events() == [
        *job_change_statuses(change, 5, 2),
        ("employee.domain_event_v2", job_change_revoked(id, employment, MONDAY_12, ["target_department"], by=admin)),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
    ]
    assert world.revoke(id).data["result"] is False
    assert world.revoke(UNKNOWN_ID).code == 1160001
    assert world.revoke(second, operator_id=UNKNOWN_ID).code == 1160001
    assert trace.new_events() == []


def test_of_thursday_where_it_begins_eight_hours_later_and_revoked(trace):
    """She works in London: her Thursday begins when it is eight in Shanghai."""
    world, employment = trace.world, trace.world.employment("active")
    admin = world.employment("process_admin")["id"]
    world.create_job_change(employment["id"], {"target_work_location": create_london(world)}).assert_ok()
    trace.new_events()

    trace.at(MONDAY_11)
    target = {"target_department": world.named["departments"]["other"]["id"]}
    id = world.create_job_change(employment["id"], target, effective_date="2026-01-08").data["job_change_id"]
    change = job_change(id, employment, "2026-01-08", fields=["target_department"])
    assert trace.new_events() == [
        *job_change_statuses(change, 0, 6),
        ("employee.domain_event_v2", job_change_added(id, employment, MONDAY_11, ["target_department"])),
    ]

    trace.at(THURSDAY_10)
    assert trace.new_events(at=THURSDAY_0_IN_LONDON) == [
        *job_change_statuses(change, 6, 5),
        ("job_data.created_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.changed_v1", job_data_changed(id, employment)),
    ]

    trace.at(THURSDAY_11)
    world.revoke(id).assert_ok()
    assert trace.new_events() == [
        *job_change_statuses(change, 5, 2),
        ("employee.domain_event_v2", job_change_revoked(id, employment, THURSDAY_11, ["target_department"], by=admin)),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
    ]


def test_of_thursday_and_revoked_on_monday(trace):
    """Revoking before the effective date changes no job data, and that day has no events."""
    world, employment = trace.world, trace.world.employment("active")
    admin = world.employment("process_admin")["id"]
    target = {"target_department": world.named["departments"]["other"]["id"]}
    id = world.create_job_change(employment["id"], target, effective_date="2026-01-08").data["job_change_id"]
    change = job_change(id, employment, "2026-01-08", fields=["target_department"])
    assert trace.new_events() == [
        *job_change_statuses(change, 0, 6),
        ("employee.domain_event_v2", job_change_added(id, employment, MONDAY_10, ["target_department"])),
    ]
    trace.at(MONDAY_11)
    world.revoke(id).assert_ok()
    assert trace.new_events() == [
        *job_change_statuses(change, 6, 2),
        ("employee.domain_event_v2", job_change_revoked(id, employment, MONDAY_11, ["target_department"], by=admin)),
    ]
    trace.at(THURSDAY_10)
    assert trace.new_events() == []


def test_with_a_new_contract_a_longer_probation_and_another_number(trace):
    """The probation has no event: its end changes, its status does not."""
    world, employment = trace.world, trace.world.employment("on_probation")
    admin = world.employment("process_admin")["id"]
    info = {
        "target_contract_start_date": "2026-01-05",
        "target_probation_end_date": "2026-09-30",
        "target_employment_change": {"employee_number": "E777"},
    }
    fields = ["employee_number", "target_contract_start_date", "target_probation_end_date"]
    id = world.create_job_change(employment["id"], info).data["job_change_id"]
    change = job_change(id, employment, "2026-01-05", fields=fields)
    contract = world.sandbox("GET", f"records/employments/{employment['id']}")["contract_ids"][-1]
    assert contract != employment["contract_id"]
    assert trace.new_events() == [
        *job_change_statuses(change, 0, 6),
        ("employee.domain_event_v2", job_change_added(id, employment, MONDAY_10, fields)),
        *job_change_statuses(change, 6, 5),
        ("job_data.created_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
        ("employment.updated_v1", employment_updated(employment, "employee_number")),
        ("contract.created_v1", {"contract_id": contract}),
        ("job_data.changed_v1", job_data_changed(id, employment)),
    ]
    trace.at(MONDAY_11)
    world.revoke(id).assert_ok()
    assert trace.new_events() == [
        *job_change_statuses(change, 5, 2),
        ("employee.domain_event_v2", job_change_revoked(id, employment, MONDAY_11, fields, by=admin)),
        ("contract.deleted_v1", {"contract_id": contract}),
        ("employment.updated_v1", employment_updated(employment, "employee_number")),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
    ]


def test_a_new_contract_is_revoked_and_another_changes_terms_fall_to_the_contract_before(trace):
    """The contract number of the second change moves to the contract before."""
    world, employment = trace.world, trace.world.employment("active")
    admin = world.employment("process_admin")["id"]
    id = world.create_job_change(employment["id"], {"target_contract_start_date": "2026-01-05"}).data["job_change_id"]
    contract = world.sandbox("GET", f"records/employments/{employment['id']}")["contract_ids"][-1]
    trace.new_events()

    trace.at(MONDAY_11)
    second = world.create_job_change(employment["id"], {"target_contract_number": "C-2026-7"}).data["job_change_id"]
    following = job_change(second, employment, "2026-01-05", fields=["target_contract_number"])
    assert trace.new_events() == [
        *job_change_statuses(following, 0, 6),
        ("employee.domain_event_v2", job_change_added(second, employment, MONDAY_11, ["target_contract_number"])),
        *job_change_statuses(following, 6, 5),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
        ("contract.updated_v1", {"contract_id": contract}),
        ("job_data.changed_v1", job_data_changed(second, employment)),
    ]

    trace.at(MONDAY_12)
    world.revoke(id).assert_ok()
    change = job_change(id, employment, "2026-01-05", fields=["target_contract_start_date"])
    assert trace.new_events() == [
        *job_change_statuses(change, 5, 2),
        (
            "employee.domain_event_v2",
            job_change_revoked(id, employment, MONDAY_12, ["target_contract_start_date"], by=admin),
        ),
        ("contract.deleted_v1", {"contract_id": contract}),
        ("contract.updated_v1", {"contract_id": employment["contract_id"]}),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
    ]


def test_fields_that_are_emptied_are_reported(trace):
    """Emptying the dotted-line manager and removing the probation are both listed as changed."""
    world, employment = trace.world, trace.world.employment("intern")
    info = {"target_dotted_manager_clean": True, "probation_exist": False}
    id = world.create_job_change(
        employment["id"], {"target_department": world.named["departments"]["other"]["id"]} | info
    ).data["job_change_id"]
    domain = next(body for type, body in trace.new_events() if type == "employee.domain_event_v2")
    assert domain == job_change_added(
        id,
        employment,
        MONDAY_10,
        ["probation_exist", "target_department", "target_dotted_manager", "target_probation_end_date"],
    )


def test_what_differs_on_past_days_is_reported(trace):
    """Monday's seniority is covered by Thursday's: when the first change is revoked, Monday to Wednesday differ."""
    world, employment = trace.world, trace.world.employment("active")
    first, second = ({"target_employment_change": {"seniority_date": day}} for day in ("2015-05-01", "2016-06-01"))
    id = world.create_job_change(employment["id"], first).data["job_change_id"]
    world.create_job_change(employment["id"], second, effective_date="2026-01-08").assert_ok()
    trace.new_events()
    trace.at(THURSDAY_10)
    trace.new_events(at=THURSDAY_0)
    assert world.revoke(id).data["result"] is True
    assert ("employment.updated_v1", employment_updated(employment, "seniority_date")) in trace.new_events()


def test_a_custom_field_is_reported_by_its_own_name(trace):
    world, employment = trace.world, trace.world.employment("active")
    name = "custom_field_99__c"
    definition = FieldDefinition(name, FieldType.TEXT)
    world.in_transaction(lambda tx: custom_fields.create(tx, "employment", definition, "昵称", "Nickname"))
    value = {"custom_api_name": name, "value": '"Lily"'}
    info = {"target_employment_change": {"seniority_date": "2020-01-01", "custom_fields": [value]}}
    id = world.create_job_change(employment["id"], info).data["job_change_id"]
    change = job_change(id, employment, "2026-01-05", fields=[name, "seniority_date"])
    assert trace.new_events() == [
        *job_change_statuses(change, 0, 6),
        ("employee.domain_event_v2", job_change_added(id, employment, MONDAY_10, [name, "seniority_date"])),
        *job_change_statuses(change, 6, 5),
        ("job_data.created_v1", {"job_data_id": employment["job_data_id"]}),
        ("job_data.updated_v1", {"job_data_id": employment["job_data_id"]}),
        ("employment.updated_v1", employment_updated(employment, name, "seniority_date")),
        ("job_data.changed_v1", job_data_changed(id, employment)),
    ]


def test_every_field_that_a_job_change_can_set_is_reported_by_a_name_of_its_page():
    [info] = [field for field in loader.load().operations["v1.job_change.create"].body if field.name == "transfer_info"]
    [own_names] = [field.fields for field in info.fields if field.name == "target_employment_change"]
    names = {field.name for field in (*info.fields, *own_names)}
    assert set(field_names(dict.fromkeys([*WIRE_TO_FIELD.values(), *EMPLOYMENT_FIELDS]))) <= names
