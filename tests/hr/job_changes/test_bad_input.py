"""Whatever is sent, the answer is the documented one and never a failure of the server."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.world import ALL, CORE_IDS, CREATE, JOB_DATA

NOBODY = "7999999999999999999"


def asked(world, **body):
    info = {"target_department": world.names["departments"]["other"]["id"]}
    return world.asking(world.person("active")["id"], info, **body)


def violated(answer):
    assert answer.says() == (400, 99992402, "field validation failed")
    return {v["field"] for v in answer.json["error"]["field_violations"]}


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
def test_what_is_missing_or_out_of_range_is_named(world, body, fields):
    sent = asked(world)
    for name, value in body.items():
        sent.pop(name) if value is None else sent.update({name: value})
    assert violated(world.call("POST", CREATE, sent, **CORE_IDS)) == fields


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
    answer = world.call("POST", CREATE, asked(world) | body, **CORE_IDS)
    assert (answer.status, answer.code) == (400, 9499)
    assert f"Invalid parameter type in json: {field.rpartition('.')[2]}" in answer.json["msg"].replace(
        field, field.rpartition(".")[2]
    )


@pytest.mark.parametrize("raw", [b"{", b"[]", b"nonsense", b"\xff\xfe", b'"text"', b"{'a': 1}"])
def test_malformed_json(world, raw):
    answer = world.request("POST", CREATE, raw, app=ALL)
    assert (answer.status, answer.code) == (400, 9499)


def test_deeply_nested_json(world):
    raw = b'{"transfer_info": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert world.request("POST", CREATE, raw, app=ALL).code in (9499, 99992402)
    raw = b'{"transfer_info": {"target_cost_center_rate": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}"
    assert world.request("POST", CREATE, raw, app=ALL).code == 99992402


def test_a_huge_body(world):
    raw = b'{"remark": "' + b"x" * 11_000_000 + b'"}'
    assert world.request("POST", CREATE, raw, app=ALL).code == 99992402


@pytest.mark.parametrize("query", [{"user_id_type": "shoe_size"}, {"department_id_type": "shoe_size"}])
def test_an_unknown_id_type(world, query):
    assert violated(world.call("POST", CREATE, asked(world), **query)) == set(query)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_a_wrong_method_is_an_unknown_path(world, method):
    answer = world.request(method, CREATE, {}, app=ALL)
    assert (answer.status, answer.body) == (404, b"404 page not found")


def test_an_operation_that_is_not_built_is_an_unknown_path(world):
    answer = world.request("POST", "/open-apis/corehr/v2/job_changes", {}, app=ALL)
    assert (answer.status, answer.body) == (404, b"404 page not found")


@pytest.mark.parametrize(
    ("id", "body"),
    [
        (NOBODY, {}),
        ("not-a-number", {}),
        (None, {"operator_id": None}),
        (None, {"operator_id": ""}),
        (None, {"operator_id": NOBODY}),
        (None, {"operator_id": 7}),
    ],
)
def test_revoke_knows_one_code_for_every_bad_parameter(world, id, body):
    change = id or world.names["job_changes"]["NoNeedApproval"]["id"]
    sent = {"operator_id": world.person("process_admin")["id"]} | body
    before = world.fingerprint()
    path = f"/open-apis/corehr/v2/job_changes/{change}/revoke"
    answer = world.call("POST", path, {k: v for k, v in sent.items() if v is not None}, **CORE_IDS)
    assert answer.says() == (400, 1160001, "param is invalid")
    assert world.fingerprint() == before


def test_revoke_with_an_unknown_id_type(world):
    change = world.names["job_changes"]["NoNeedApproval"]["id"]
    answer = world.revoke(change, user_id_type="shoe_size")
    assert answer.says() == (400, 1160001, "param is invalid")
    assert world.revoke(change).data["result"] is True


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12) | st.just(NOBODY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_makes_the_server_fail(world, data):
    whole = {
        CREATE: [*asked(world), "flow_id", "transfer_key", "initiator_id"],
        JOB_DATA: ["employment_ids", "data_date", "department_id", "get_all_version", "assignment_start_reasons"],
    }
    path = data.draw(st.sampled_from(sorted(whole)))
    body = asked(world) if path == CREATE else {}
    names = data.draw(st.lists(st.sampled_from(whole[path]), max_size=3))
    body |= {name: data.draw(anything) for name in names}
    wires = ("target_job", "target_cost_center_rate", "target_weekly_working_hours", "target_employment_change")
    if isinstance(body.get("transfer_info"), dict):
        body["transfer_info"] |= {w: data.draw(anything) for w in data.draw(st.lists(st.sampled_from(wires)))}
    answer = world.call("POST", path, body, page_size=10)
    assert answer.status in (200, 400), answer.body
