"""Ids of requests are resolved to CoreHR ids, and ids of responses are rendered in the requested type."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corehr.apps import opaque_ids
from corehr.apps.opaque_ids import encode_open_department_id, encode_open_id, encode_union_id
from corehr.gateway.id_errors import InvalidIdError
from corehr.gateway.id_types import IdTranslator
from corehr.gateway.schemas import Arguments
from corehr.kernel.errors import BusinessError
from corehr.kernel.ids import UNKNOWN_ID
from tests.gateway.fake_api import (
    ANN,
    BOB,
    CREATE,
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


@given(IDS)
def test_only_an_open_id_of_the_tenant_is_of_another_app(id):
    codec = opaque_ids.open_id_codec(SERVER_KEY, APP)
    assert codec.is_of_another_app(encode_open_id(SERVER_KEY, OTHER_APP, id))
    for other in (
        encode_open_id(SERVER_KEY, APP, id),
        encode_open_id("another key", OTHER_APP, id),
        encode_union_id(SERVER_KEY, id),
        "ou_" + encode_union_id(SERVER_KEY, id)[3:],
        id,
    ):
        assert not codec.is_of_another_app(other)


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
        ids=[ann],
        rows=[{"leads": [ann]}, {"where": {}}, {}],
        free=ann,
    )
    assert arguments.path == {"person_id": ANN}
    assert arguments.query["boss"] == ANN
    assert arguments.body == {"ids": [ANN], "rows": [{"leads": [ANN]}, {"where": {}}, {}], "free": ann}


@pytest.mark.parametrize("id_type", ["open_department_id", "department_id", "people_corehr_department_id"])
def test_every_id_type_resolves_to_the_department(app, id_type):
    legal = {
        "open_department_id": encode_open_department_id(SERVER_KEY, LEGAL),
        "department_id": "legal",
        "people_corehr_department_id": LEGAL,
    }[id_type]
    rows = [{"where": {"department": legal}}, {"where": {}}]
    arguments = resolve(app, department_id_type=id_type, department=legal, rows=rows)
    assert arguments.body["department"] == LEGAL
    assert arguments.body["rows"] == [{"where": {"department": LEGAL}}, {"where": {}}]
    assert rows == [{"where": {"department": legal}}, {"where": {}}]


def test_the_directory_is_queried_once_per_kind(app):
    directory = FakeIdDirectory()
    with pytest.raises(InvalidIdError):
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
    arguments = resolve(
        app,
        user_id_type="open_id",
        department_id_type="open_department_id",
        directory=directory,
        ids=[encode_open_id(SERVER_KEY, app.app_id, ANN)],
        either=BOB,
        department=encode_open_department_id(SERVER_KEY, LEGAL),
    )
    assert arguments.body == {"ids": [ANN], "either": BOB, "department": LEGAL}
    assert directory.lookups == []


def test_a_field_may_take_a_corehr_id_as_well(app):
    opaque_id = encode_open_id(SERVER_KEY, app.app_id, ANN)
    assert resolve(app, user_id_type="open_id", either=opaque_id).body["either"] == ANN
    assert resolve(app, user_id_type="open_id", either=BOB).body["either"] == BOB
    assert refused(app, user_id_type="open_id", either="ou_x") == (99992351, ["either"])
    assert refused(app, user_id_type="open_id", either=BOB, ids=[BOB]) == (99992351, ["ids[0]"])
    assert resolve(app, user_id_type="user_id", either="ann").body["either"] == ANN
    assert resolve(app, user_id_type="user_id", either=BOB).body["either"] == BOB


def test_a_corehr_id_is_left_to_the_rulebook(app):
    unknown = "7999999999999999999"
    body = resolve(app, ids=[unknown, "nobody"], department="nowhere").body
    assert body == {"ids": [unknown, UNKNOWN_ID], "department": UNKNOWN_ID}


def refused(app, **request):
    """Return the code of the refusal and the fields that it names."""
    with pytest.raises(InvalidIdError) as raised:
        resolve(app, **request)
    return raised.value.code, [violation["field"] for violation in raised.value.error_members["field_violations"]]


UNKNOWN_IDS = [
    ("open_id", 99992351, "ou_" + "0" * 32),
    ("open_id", 99992351, "nobody"),
    ("open_id", 99992351, ANN),
    ("open_id", 99992351, encode_union_id(SERVER_KEY, ANN)),
    ("open_id", 99992351, encode_open_id("the key of another company", APP, ANN)),
    ("open_id", 99992361, encode_open_id(SERVER_KEY, OTHER_APP, ANN)),
    ("union_id", 99992364, "on_" + "0" * 32),
    ("union_id", 99992364, encode_union_id("the key of another company", ANN)),
    ("union_id", 99992364, encode_open_id(SERVER_KEY, OTHER_APP, ANN)),
    ("user_id", 99992360, "nobody"),
    ("user_id", 99992360, ANN),
]
UNKNOWN_DEPARTMENT_IDS = [
    ("open_department_id", 99992357, "od-" + "0" * 32),
    ("open_department_id", 99992357, LEGAL),
    ("open_department_id", 99992357, encode_union_id(SERVER_KEY, LEGAL)),
    ("department_id", 99992380, "nowhere"),
    ("department_id", 99992380, LEGAL),
]


@pytest.mark.parametrize(("id_type", "code", "unknown"), UNKNOWN_IDS)
def test_an_unknown_id_of_a_person_has_the_code_of_its_type(app, id_type, code, unknown):
    assert refused(app, user_id_type=id_type, query={"boss": unknown}) == (code, ["boss"])
    assert refused(app, user_id_type=id_type, path={"person_id": unknown}) == (code, ["person_id"])


@pytest.mark.parametrize(("id_type", "code", "unknown"), UNKNOWN_DEPARTMENT_IDS)
def test_an_unknown_id_of_a_department_has_the_code_of_its_type(app, id_type, code, unknown):
    rows = [{}, {"where": {"department": unknown}}]
    assert refused(app, department_id_type=id_type, rows=rows) == (code, ["rows[1].where.department"])


def test_the_first_invalid_id_has_the_code_and_all_of_that_code_are_listed(app):
    ann, foreign = encode_open_id(SERVER_KEY, app.app_id, ANN), encode_open_id(SERVER_KEY, OTHER_APP, ANN)
    request = {
        "user_id_type": "open_id",
        "department_id_type": "department_id",
        "department": "nowhere",
        "ids": ["x", ann, ""],
    }
    assert refused(app, **request, rows=[{"leads": [foreign, "x"]}]) == (
        99992351,
        ["ids[0]", "ids[2]", "rows[0].leads[1]"],
    )
    assert refused(app, **request, query={"boss": foreign}) == (99992361, ["boss"])


def test_an_optional_id_that_is_empty_is_absent(app):
    for id_type, department_id_type in (
        ("open_id", "open_department_id"),
        ("user_id", "department_id"),
        ("people_corehr_id", "people_corehr_department_id"),
    ):
        arguments = resolve(
            app,
            user_id_type=id_type,
            department_id_type=department_id_type,
            path={"person_id": ""},
            query={"boss": ""},
            either="",
            fixed="",
            department="",
            free="",
            rows=[{"where": {"department": ""}}],
        )
        assert arguments.path == {"person_id": ""}, "a required id stays as it is"
        assert "boss" not in arguments.query
        assert arguments.body == {"free": "", "rows": [{"where": {}}]}


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


# --------------------------------------------------------------------------------------------------- the responses


def unknown_id_error(id_type, example, ids):
    return (
        f"The request you send is not a valid {{{id_type}}} or not exists, and the example value is {{{example}}}. "
        f"Invalid ids: [{ids}]. Please see field_violations for details and refer to API documentation to correct "
        "accordingly and resubmit"
    )


def test_an_unknown_id_is_refused_as_by_the_platform(store):
    api = FakeApi(store)
    response = api.call("POST /open-apis/toy/v1/notes?user_id_type=user_id", {"employment_id": "bob"})
    error = response.json["error"]

    assert (response.status, response.json["code"]) == (400, 99992360)
    assert response.json["msg"] == unknown_id_error("user_id", "64*******87", "bob")
    assert error["field_violations"] == [
        {"field": "employment_id", "value": "bob", "description": "not a valid {user_id} or not exists"}
    ]
    assert error["log_id"] in error["troubleshooter"]
    assert api.call("POST /open-apis/toy/v1/notes?user_id_type=user_id", {"employment_id": "ann"}).json["code"] == 0


def test_an_open_id_of_another_app_is_refused_as_by_the_platform(store):
    api, other = FakeApi(store), new_app(store)
    ann = encode_open_id(SERVER_KEY, api.app.app_id, ANN)
    response = api.call("POST /open-apis/toy/v1/notes", {"employment_id": ann}, app=other)
    error = response.json["error"]

    assert (response.status, response.json["code"], response.json["msg"]) == (400, 99992361, "open_id cross app")
    assert error["message"].endswith("/trouble-shooting/how-to-obtain-openid")
    assert error["field_violations"] == [
        {"field": "employment_id", "value": ann, "description": "the open_id is of another app"}
    ]
    assert api.call("POST /open-apis/toy/v1/notes", {"employment_id": ann}).json["code"] == 0


def test_ids_are_resolved_after_the_schema_and_before_the_handler(store):
    def refuse(tx, call):
        raise BusinessError(CREATE.id, 1160001, "is_refused")

    api = FakeApi(store, commands={CREATE.id: refuse})
    ann = encode_open_id(SERVER_KEY, api.app.app_id, ANN)
    notes = "POST /open-apis/toy/v1/notes"
    assert api.call(notes, {"employment_id": "x", "size": 11}).json["code"] == 99992402
    assert api.call(notes, {"employment_id": "x", "size": 10}).json["code"] == 99992351
    assert api.call(notes, {"employment_id": ann, "size": 10}).json["code"] == 1160001


def test_a_refused_request_may_be_sent_again_under_its_key(store):
    api = FakeApi(store)
    ann = encode_open_id(SERVER_KEY, api.app.app_id, ANN)
    notes = "POST /open-apis/toy/v1/notes"
    assert api.call(notes, {"employment_id": "x", "key": "k"}).json["code"] == 99992351
    assert api.call(notes, {"employment_id": ann, "key": "k"}).json["code"] == 0


def test_an_opaque_id_whose_record_is_gone_is_unknown(store):
    """A command looks for the record only when it is refused, so that an accepted one costs no read."""
    gone = "7000000000000000009"

    def refuse_unknown(tx, call):
        if call.body["employment_id"] == gone:
            raise BusinessError(CREATE.id, 1160001, "employment_is_missing")
        return {}

    api = FakeApi(store, commands={CREATE.id: refuse_unknown})
    ann, nobody = (encode_open_id(SERVER_KEY, api.app.app_id, id) for id in (ANN, gone))
    notes = "POST /open-apis/toy/v1/notes"
    refused_call = api.call(notes, {"employment_id": nobody}).json
    assert (refused_call["code"], refused_call["error"]["field_violations"][0]["value"]) == (99992351, nobody)
    assert api.directory.lookups == [("existing employments", gone)]
    assert api.call(notes, {"employment_id": ann}).json["code"] == 0
    assert len(api.directory.lookups) == 1
    assert api.call(f"{notes}?user_id_type=people_corehr_id", {"employment_id": gone}).json["code"] == 1160001
