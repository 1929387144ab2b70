"""Whatever is sent about an offboarding, the answer is a documented one and never a failure of the server."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hr.offboardings.leavers import EDIT, REVOKE, named, pairs, record
from tests.world import ALL

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_makes_the_server_fail(world, data):
    forms = [*world.names["offboarding_fields"].values()]
    names = [f["field_name"] for f in forms] + ["offboarding_date", "reason", "noncompete_agreement_company", "status"]
    path = data.draw(st.sampled_from([EDIT, REVOKE]))
    fields = st.dictionaries(st.sampled_from(names), st.text(max_size=20), max_size=4).map(pairs)
    body = {"offboarding_id": named(world, "Approved"), "update_data": data.draw(fields | anything)}
    body |= {
        name: data.draw(anything) for name in data.draw(st.lists(st.sampled_from(["offboarding_id", "operator_id"])))
    }
    answer = world.call("POST", path, body)
    assert answer.status in (200, 400), answer.body
    assert answer.code not in (1160103, 1161000, 1160101), (body, answer.body)


@pytest.mark.parametrize("path", [EDIT, REVOKE])
@pytest.mark.parametrize("raw", [b"{", b"[]", b"nonsense", b"\xff\xfe", b'"text"'])
def test_malformed_json(world, path, raw):
    answer = world.request("POST", path, raw, app=ALL)
    assert (answer.status, answer.code) == (400, 9499)


@pytest.mark.parametrize("path", [EDIT, REVOKE])
def test_no_body_at_all(world, path):
    assert world.request("POST", path, b"", app=ALL).code == 1160102


@pytest.mark.parametrize("path", [EDIT, REVOKE])
def test_an_unknown_id_type(world, path):
    body = {"offboarding_id": named(world, "Approved"), "update_data": pairs({"reason": "other"})}
    answer = world.call("POST", path, body, user_id_type="shoe_size")
    assert answer.says() == (400, 99992402, "field validation failed")


def test_what_is_said_beside_name_and_value_is_not_told_again(world):
    sent = [{"field_name": "reason", "value": "other", "comment": "why not"}]
    answer = world.call("POST", EDIT, {"offboarding_id": named(world, "Approved"), "update_data": sent})
    assert answer.data == {"data": pairs({"reason": "other"})}


@pytest.mark.parametrize(("day", "code"), [("1900-01-01", 1160601), ("9999-12-30", 0), ("9999-12-31", 1160300)])
def test_the_first_and_the_last_day_there_is(world, day, code):
    """On the very last day nothing is in force any more, no department either."""
    body = {"offboarding_id": named(world, "Approved"), "update_data": pairs({"offboarding_date": day})}
    assert world.call("POST", EDIT, body).code == code
    world.travel(days=40)
    assert record(world, named(world, "Approved"))["status"] == ("Offboarded" if code else "Approved")


def test_a_text_that_is_no_text(world):
    """Half a surrogate pair is refused as malformed JSON, or told again, but not lost."""
    raw = b'{"offboarding_id":"%s","update_data":[{"field_name":"reason_explanation","value":"\\ud800"}]}'
    answer = world.request("POST", EDIT, raw % named(world, "Approved").encode(), app=ALL)
    assert answer.status == 400
    assert answer.code != 1160103
