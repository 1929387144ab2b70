"""Ids of requests are resolved to CoreHR ids, and ids of responses are rendered in the requested type."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corehr.apps import opaque_ids
from corehr.apps.opaque_ids import encode_open_department_id, encode_open_id, encode_union_id
from corehr.gateway.id_types import IdTranslator
from corehr.gateway.schemas import Arguments
from corehr.kernel.ids import UNKNOWN_ID
from tests.gateway.fake_api import (
    ANN,
    BOB,
    DEPARTMENT_ID_TYPE_FIELD,
    LEGAL,
    SERVER_KEY,
    USER_ID_TYPE_FIELD,
    FakeApi,
    FakeIdDirectory,
    new_app,
    operation,
)

IDS = st.integers(0, 2**63 - 1).map(str)
APP, OTHER_APP = "cli_00000000000000aa", "cli_00000000000000bb"

MOVE = operation(
    "toy.people.move",
    "POST /open-apis/toy/v1/people/:person_id/move",
    path=["person_id string! id:user_id_type"],
    query=[USER_ID_TYPE_FIELD, DEPARTMENT_ID_TYPE_FIELD, "boss string id:user_id_type"],
    body=[
        "ids string[] id:user_id_type",
        "either string id:user_id_type also:corehr",
        "fixed string id:people_corehr_id",
        "admin string id:people_admin_id",
        "department string id:department_id_type",
        "rows object[]",
        "rows[].leads string[] id:user_id_type",
        "rows[].where object",
        "rows[].where.department string id:department_id_type",
        "free string",
    ],
    response=[
        "items object[]",
        "items[].person string id:user_id_type",
        "items[].corehr string id:user_id_type out:corehr",
        "items[].jobs object[]",
        "items[].jobs[].department string id:department_id_type",
        "items[].created_by string id:people_corehr_id",
        "leads string[] id:user_id_type",
    ],
)


def resolve(
    app, user_id_type="people_corehr_id", department_id_type="people_corehr_department_id", directory=None, **sections
):
    query = {"user_id_type": user_id_type, "department_id_type": department_id_type, **sections.pop("query", {})}
    arguments = Arguments(sections.pop("path", {}), query, sections)
    return IdTranslator(MOVE, directory or FakeIdDirectory()).resolve(None, app, arguments)  # type: ignore[arg-type]


def render(
    app, data, user_id_type="people_corehr_id", department_id_type="people_corehr_department_id", directory=None
):
    arguments = Arguments({}, {"user_id_type": user_id_type, "department_id_type": department_id_type}, {})
    return IdTranslator(MOVE, directory or FakeIdDirectory()).render(None, app, arguments, data)  # type: ignore[arg-type]


@pytest.fixture
def app(store):
    return new_app(store)


# ----------------------------------------------------------------------------------------------------- opaque ids


@given(IDS)
def test_an_opaque_id_is_decoded(id):
    for opaque_id, codec in (
        (encode_open_id(SERVER_KEY, APP, id), opaque_ids.open_id_codec(SERVER_KEY, APP)),
        (encode_union_id(SERVER_KEY, id), opaque_ids.union_id_codec(SERVER_KEY)),
        (encode_open_department_id(SERVER_KEY, id), opaque_ids.open_department_id_codec(SERVER_KEY)),
    ):
        assert len(opaque_id) == 35
        assert codec.decode(opaque_id) == str(int(id))


@given(IDS)
def test_opaque_ids_have_the_documented_form(id):
    assert encode_open_id(SERVER_KEY, APP, id)[:3] == "ou_"
    assert encode_union_id(SERVER_KEY, id)[:3] == "on_"
    assert encode_open_department_id(SERVER_KEY, id)[:3] == "od-"
    assert not encode_open_id(SERVER_KEY, APP, id)[3:].strip("0123456789abcdef")


@given(IDS)
def test_an_id_of_another_app_tenant_or_kind_is_unknown(id):
    codec = opaque_ids.open_id_codec(SERVER_KEY, APP)
    assert codec.decode(encode_open_id(SERVER_KEY, OTHER_APP, id)) == UNKNOWN_ID
    assert codec.decode(encode_open_id("another key", APP, id)) == UNKNOWN_ID
    assert codec.decode("ou_" + encode_union_id(SERVER_KEY, id)[3:]) == UNKNOWN_ID
    assert codec.decode(encode_union_id(SERVER_KEY, id)) == UNKNOWN_ID


@given(st.text(max_size=40) | st.from_regex(r"\Aou_[0-9a-f]{32}\Z"))
def test_what_was_never_encoded_is_unknown(text):
    assert opaque_ids.open_id_codec(SERVER_KEY, APP).decode(text) == UNKNOWN_ID


def test_an_opaque_id_has_one_spelling():
    opaque_id = encode_open_id(SERVER_KEY, APP, ANN)
    codec = opaque_ids.open_id_codec(SERVER_KEY, APP)
    for other in (opaque_id.upper(), "ou_" + opaque_id[3:].upper(), opaque_id + " ", opaque_id[3:], f"ou_{opaque_id}"):
        assert codec.decode(other) == UNKNOWN_ID


@pytest.mark.parametrize("id", ["", "unknown", "-1", "1.0", "²", "٣", str(2**63), "9" * 40])
def test_what_is_no_corehr_id_is_not_encoded(id):
    assert encode_union_id(SERVER_KEY, id) == id


def test_threads_do_not_share_a_cipher():
    ids = [str(7 * 10**18 + index) for index in range(2000)]
    expected = [encode_union_id(SERVER_KEY, id) for id in ids]
    wrong: list[str] = []

    def encode_all() -> None:
        codec = opaque_ids.union_id_codec(SERVER_KEY)
        for id, opaque_id in zip(ids, expected, strict=True):
            if encode_union_id(SERVER_KEY, id) != opaque_id or codec.decode(opaque_id) != id:
                wrong.append(id)

    threads = [threading.Thread(target=encode_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ------------------------------------------------------------------------------------------------------- resolve


@pytest.mark.parametrize("id_type", ["open_id", "union_id", "user_id", "people_corehr_id"])
def test_every_id_type_resolves_to_the_employment(app, id_type):
    ann = {
        "open_id": encode_open_id(SERVER_KEY, app.app_id, ANN),
        "union_id": encode_union_id(SERVER_KEY, ANN),
        "user_id": "ann",
        "people_corehr_id": ANN,
    }[id_type]
    arguments = resolve(
        app,
        user_id_type=id_type,
        path={"person_id": ann},
        query={"boss": ann},
        ids=[ann, "nobody", ""],
        rows=[{"leads": [ann]}, {"where": {}}, {}],
        free=ann,
    )
    assert arguments.path == {"person_id": ANN}
    assert arguments.query["boss"] == ANN
    assert arguments.body == {"ids": [ANN, UNKNOWN_ID, ""], "rows": [{"leads": [ANN]}, {"where": {}}, {}], "free": ann}


@pytest.mark.parametrize("id_type", ["open_department_id", "department_id", "people_corehr_department_id"])
def test_every_id_type_resolves_to_the_department(app, id_type):
    legal = {
        "open_department_id": encode_open_department_id(SERVER_KEY, LEGAL),
        "department_id": "legal",
        "people_corehr_department_id": LEGAL,
    }[id_type]
    rows = [{"where": {"department": legal}}, {"where": {"department": "nowhere"}}]
    arguments = resolve(app, department_id_type=id_type, department=legal, rows=rows)
    assert arguments.body["department"] == LEGAL
    assert arguments.body["rows"] == [{"where": {"department": LEGAL}}, {"where": {"department": UNKNOWN_ID}}]
    assert rows[0]["where"]["department"] == legal


def test_the_directory_is_queried_once_per_kind(app):
    directory = FakeIdDirectory()
    resolve(
        app,
        user_id_type="user_id",
        department_id_type="department_id",
        directory=directory,
        query={"boss": "bob"},
        ids=["ann", "ann", "cid"],
        admin="17",
        department="legal",
        rows=[{"leads": ["ann", "dan"], "where": {"department": "sales"}}],
    )
    assert sorted(directory.lookups) == [
        ("department_id", "legal", "sales"),
        ("people_admin_id", "17"),
        ("user_id", "ann", "bob", "cid", "dan"),
    ]


def test_opaque_and_corehr_ids_need_no_directory(app):
    directory = FakeIdDirectory()
    resolve(
        app,
        user_id_type="open_id",
        department_id_type="open_department_id",
        directory=directory,
        ids=[ANN],
        department=LEGAL,
    )
    assert directory.lookups == []


def test_a_field_may_take_a_corehr_id_as_well(app):
    opaque_id = encode_open_id(SERVER_KEY, app.app_id, ANN)
    assert resolve(app, user_id_type="open_id", either=opaque_id).body["either"] == ANN
    assert resolve(app, user_id_type="open_id", either=BOB).body["either"] == BOB
    assert resolve(app, user_id_type="open_id", either="ou_x").body["either"] == UNKNOWN_ID
    assert resolve(app, user_id_type="open_id", ids=[BOB]).body["ids"] == [UNKNOWN_ID]
    assert resolve(app, user_id_type="user_id", either="ann").body["either"] == ANN
    assert resolve(app, user_id_type="user_id", either=BOB).body["either"] == BOB


def test_fixed_id_types_follow_no_parameter(app):
    arguments = resolve(app, user_id_type="open_id", fixed=ANN, admin="x")
    assert arguments.body == {"fixed": ANN, "admin": UNKNOWN_ID}
    assert resolve(app, fixed="ann").body == {"fixed": UNKNOWN_ID}


@pytest.mark.parametrize("odd", [7, True, 1.5, {"a": 1}, ["x"]])
def test_what_is_no_text_is_unknown(app, odd):
    assert resolve(app, user_id_type="open_id", either=odd).body["either"] == UNKNOWN_ID


def test_an_id_type_that_does_not_exist_resolves_nothing(app):
    assert resolve(app, user_id_type="wrong", ids=[ANN]).body["ids"] == [UNKNOWN_ID]
    assert render(app, {"leads": [ANN]}, user_id_type="wrong") == {"leads": [ANN]}


# -------------------------------------------------------------------------------------------------------- render

RESPONSE = {
    "items": [
        {
            "person": ANN,
            "corehr": ANN,
            "jobs": [{"department": LEGAL}, {"department": None}],
            "created_by": BOB,
            "other": ANN,
        },
        {"person": BOB, "jobs": []},
    ],
    "leads": [ANN, BOB],
}


def test_responses_have_opaque_ids(app):
    ann, bob = (encode_open_id(SERVER_KEY, app.app_id, id) for id in (ANN, BOB))
    legal = encode_open_department_id(SERVER_KEY, LEGAL)
    assert render(app, RESPONSE, user_id_type="open_id", department_id_type="open_department_id") == {
        "items": [
            {
                "person": ann,
                "corehr": ANN,
                "jobs": [{"department": legal}, {"department": None}],
                "created_by": BOB,
                "other": ANN,
            },
            {"person": bob, "jobs": []},
        ],
        "leads": [ann, bob],
    }
    assert RESPONSE["leads"] == [ANN, BOB]


def test_a_missing_external_id_is_rendered_empty(app):
    directory = FakeIdDirectory()
    rendered = render(app, RESPONSE, user_id_type="user_id", department_id_type="department_id", directory=directory)
    assert rendered["leads"] == ["ann", ""]
    assert rendered["items"][0]["jobs"][0] == {"department": "legal"}
    assert sorted(directory.lookups) == [("department_id", LEGAL), ("user_id", ANN, BOB)]


def test_a_response_in_corehr_ids_is_the_handlers_own(app):
    assert render(app, RESPONSE) is RESPONSE


def test_request_and_response_use_the_same_id_type(store):
    api = FakeApi(store)
    for id_type, ann in (
        ("open_id", encode_open_id(SERVER_KEY, api.app.app_id, ANN)),
        ("union_id", encode_union_id(SERVER_KEY, ANN)),
        ("user_id", "ann"),
        ("people_corehr_id", ANN),
    ):
        got = api.call(f"POST /open-apis/toy/v1/notes?user_id_type={id_type}", {"employment_id": ann}).json
        assert got["data"]["employment_id"] == ann
    assert api.call("GET /open-apis/toy/v1/notes/recent").json["data"]["items"] == [ANN] * 4


def test_the_default_id_type_is_the_operations_own(store):
    api = FakeApi(store)
    ann = encode_open_id(SERVER_KEY, api.app.app_id, ANN)
    assert asyncio.run(api.call_async("GET /open-apis/toy/v1/notes/1")).json["data"]["about"] == ann
