"""Bad input gets the documented error and never a server error."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corehr.hr.job_changes.rules.revoke import REVOKE
from tests.world import APP_ALL, COREHR_ID_TYPES, CREATE_JOB_CHANGE_PATH, QUERY_JOB_DATA_PATH

UNKNOWN_ID = "7999999999999999999"


def job_change_body(world, **body):
    info = {"target_department": world.named["departments"]["other"]["id"]}
    return world.job_change_body(world.employment("active")["id"], info, **body)


def violated_fields(response):
    assert response.error() == (400, 99992402, "field validation failed")
    return {v["field"] for v in response.json["error"]["field_violations"]}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"transfer_mode": None}, {"transfer_mode"}),
        ({"transfer_mode": 3}, {"transfer_mode"}),
        ({"effective_date": ""}, {"effective_date"}),
        ({"effective_date": "2026-02-30"}, {"effective_date"}),
        ({"effective_date": "01/03/2026"}, {"effective_date"}),
        ({"transfer_info": None}, {"transfer_info"}),
        ({"transfer_info": {"target_contract_type": "marriage"}}, {"transfer_info.target_contract_type"}),
        ({"transfer_info": {"target_contract_end_date": "soon"}}, {"transfer_info.target_contract_end_date"}),
        ({"transfer_mode": None, "transfer_info": None}, {"transfer_mode", "transfer_info"}),
    ],
)
def test_a_missing_or_out_of_range_field_is_named(world, body, fields):
    request_body = job_change_body(world)
    for name, value in body.items():
        request_body.pop(name) if value is None else request_body.update({name: value})
    assert violated_fields(world.call("POST", CREATE_JOB_CHANGE_PATH, request_body, **COREHR_ID_TYPES)) == fields


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"transfer_mode": "1"}, "transfer_mode"),
        ({"transfer_mode": 1.5}, "transfer_mode"),
        ({"transfer_mode": True}, "transfer_mode"),
        ({"flow_id": 7}, "flow_id"),
        ({"transfer_info": []}, "transfer_info"),
        ({"transfer_info": {"target_job": 7}}, "transfer_info.target_job"),
        ({"transfer_info": {"probation_exist": "yes"}}, "transfer_info.probation_exist"),
    ],
)
def test_a_wrong_json_type_is_named(world, body, field):
    response = world.call("POST", CREATE_JOB_CHANGE_PATH, job_change_body(world) | body, **COREHR_ID_TYPES)
    assert (response.status, response.code) == (400, 9499)
    assert f"Invalid parameter type in json: {field.rpartition('.')[2]}" in response.json["msg"].replace(
        field, field.rpartition(".")[2]
    )


@pytest.mark.parametrize("raw", [b"{", b"[]", b"nonsense", b"\xff\xfe", b'"text"', b"{'a': 1}"])
def test_malformed_json(world, raw):
    response = world.request("POST", CREATE_JOB_CHANGE_PATH, raw, app=APP_ALL)
    assert (response.status, response.code) == (400, 9499)


def test_deeply_nested_json(world):
    raw = b'{"transfer_info": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert world.request("POST", CREATE_JOB_CHANGE_PATH, raw, app=APP_ALL).code in (9499, 99992402)
    raw = b'{"transfer_info": {"target_cost_center_rate": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}"
    assert world.request("POST", CREATE_JOB_CHANGE_PATH, raw, app=APP_ALL).code == 99992402


def test_a_huge_body(world):
    raw = b'{"remark": "' + b"x" * 11_000_000 + b'"}'
    assert world.request("POST", CREATE_JOB_CHANGE_PATH, raw, app=APP_ALL).code == 99992402


@pytest.mark.parametrize("query", [{"user_id_type": "shoe_size"}, {"department_id_type": "shoe_size"}])
def test_an_unknown_id_type(world, query):
    assert violated_fields(world.call("POST", CREATE_JOB_CHANGE_PATH, job_change_body(world), **query)) == set(query)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_a_wrong_method_is_an_unknown_path(world, method):
    response = world.request(method, CREATE_JOB_CHANGE_PATH, {}, app=APP_ALL)
    assert (response.status, response.body) == (404, b"404 page not found")


def test_an_operation_that_is_not_built_is_an_unknown_path(world):
    response = world.request("POST", "/open-apis/corehr/v2/job_changes", {}, app=APP_ALL)
    assert (response.status, response.body) == (404, b"404 page not found")


@pytest.mark.parametrize(
    ("id", "body"),
    [
        (UNKNOWN_ID, {}),
        ("not-a-number", {}),
        (None, {"operator_id": None}),
        (None, {"operator_id": ""}),
        (None, {"operator_id": UNKNOWN_ID}),
        (None, {"operator_id": 7}),
    ],
)
def test_revoke_has_one_code_for_every_bad_parameter(world, id, body):
    change = id or world.named["job_changes"]["NoNeedApproval"]["id"]
    request_body = {"operator_id": world.employment("process_admin")["id"]} | body
    before = world.fingerprint()
    path = f"/open-apis/corehr/v2/job_changes/{change}/revoke"
    response = world.call("POST", path, {k: v for k, v in request_body.items() if v is not None}, **COREHR_ID_TYPES)
    assert response.error() == (400, 1160001, "param is invalid")
    assert world.fingerprint() == before


def test_revoke_with_an_unknown_id_type(world):
    change = world.named["job_changes"]["NoNeedApproval"]["id"]
    response = world.revoke(change, user_id_type="shoe_size")
    assert response.error() == (400, 1160001, "param is invalid")
    assert world.revoke(change).data["result"] is True


@pytest.mark.parametrize(
    ("name", "operator", "refused_by"),
    [
        ("Cancelled", "process_admin", "is_already_final"),
        ("Rejected", "process_admin", "is_already_final"),
        ("Approving", "active", "operator_is_not_administrator"),
    ],
)
def test_a_refusal_without_a_code_is_a_success_with_a_message_that_changes_nothing(world, name, operator, refused_by):
    [message] = [rule.message for rule in REVOKE.rules if rule.name == refused_by]
    before = world.fingerprint()
    response = world.revoke(world.named["job_changes"][name]["id"], world.employment(operator)["id"])
    assert response.data == {"result": False, "message": message}
    assert world.fingerprint() == before


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | st.just(UNKNOWN_ID),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_makes_the_server_fail(world, data):
    fields_by_path = {
        CREATE_JOB_CHANGE_PATH: [*job_change_body(world), "flow_id", "transfer_key", "initiator_id"],
        QUERY_JOB_DATA_PATH: [
            "employment_ids",
            "data_date",
            "department_id",
            "get_all_version",
            "assignment_start_reasons",
        ],
    }
    path = data.draw(st.sampled_from(sorted(fields_by_path)))
    body = job_change_body(world) if path == CREATE_JOB_CHANGE_PATH else {}
    names = data.draw(st.lists(st.sampled_from(fields_by_path[path]), max_size=3))
    body |= {name: data.draw(anything) for name in names}
    info_fields = ("target_job", "target_cost_center_rate", "target_weekly_working_hours", "target_employment_change")
    if isinstance(body.get("transfer_info"), dict):
        body["transfer_info"] |= {w: data.draw(anything) for w in data.draw(st.lists(st.sampled_from(info_fields)))}
    response = world.call("POST", path, body, page_size=10)
    assert response.status in (200, 400), response.body
