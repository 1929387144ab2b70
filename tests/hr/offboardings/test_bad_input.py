"""Malformed requests on offboardings: every response is a documented one, none a failure of the server."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hr.offboardings.offboarding_calls import EDIT, REVOKE, fact_of, record, update_data
from tests.world import APP_ALL

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_makes_the_server_fail(world, data):
    forms = [*world.named["offboarding_fields"].values()]
    names = [f["field_name"] for f in forms] + ["offboarding_date", "reason", "noncompete_agreement_company", "status"]
    path = data.draw(st.sampled_from([EDIT, REVOKE]))
    fields = st.dictionaries(st.sampled_from(names), st.text(max_size=20), max_size=4).map(update_data)
    body = {"offboarding_id": fact_of(world, "Approved"), "update_data": data.draw(fields | any_json)}
    body |= {
        name: data.draw(any_json) for name in data.draw(st.lists(st.sampled_from(["offboarding_id", "operator_id"])))
    }
    response = world.call("POST", path, body)
    assert response.status in (200, 400), response.body
    assert response.code not in (1160103, 1161000, 1160101), (body, response.body)


@pytest.mark.parametrize("path", [EDIT, REVOKE])
@pytest.mark.parametrize("raw", [b"{", b"[]", b"nonsense", b"\xff\xfe", b'"text"'])
def test_malformed_json(world, path, raw):
    response = world.request("POST", path, raw, app=APP_ALL)
    assert (response.status, response.code) == (400, 9499)


@pytest.mark.parametrize("path", [EDIT, REVOKE])
def test_no_body_at_all(world, path):
    assert world.request("POST", path, b"", app=APP_ALL).code == 1160102


@pytest.mark.parametrize("path", [EDIT, REVOKE])
def test_an_unknown_id_type(world, path):
    body = {"offboarding_id": fact_of(world, "Approved"), "update_data": update_data({"reason": "other"})}
    response = world.call("POST", path, body, user_id_type="shoe_size")
    assert response.error() == (400, 99992402, "field validation failed")


def test_other_members_of_an_update_are_not_returned(world):
    updates = [{"field_name": "reason", "value": "other", "comment": "why not"}]
    response = world.call("POST", EDIT, {"offboarding_id": fact_of(world, "Approved"), "update_data": updates})
    assert response.data == {"data": update_data({"reason": "other"})}


@pytest.mark.parametrize(("day", "code"), [("1900-01-01", 1160601), ("9999-12-30", 0), ("9999-12-31", 0)])
def test_the_first_and_the_last_day_there_is(world, day, code):
    body = {"offboarding_id": fact_of(world, "Approved"), "update_data": update_data({"offboarding_date": day})}
    assert world.call("POST", EDIT, body).code == code
    world.advance(days=40)
    assert record(world, fact_of(world, "Approved"))["status"] == ("Offboarded" if code else "Approved")


def test_half_a_surrogate_pair_is_refused(world):
    """Half a surrogate pair is refused with the request, not dropped from the text."""
    raw = b'{"offboarding_id":"%s","update_data":[{"field_name":"reason_explanation","value":"\\ud800"}]}'
    response = world.request("POST", EDIT, raw % fact_of(world, "Approved").encode(), app=APP_ALL)
    assert response.status == 400
    assert response.code != 1160103
