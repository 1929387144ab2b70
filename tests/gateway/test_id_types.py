"""Ids inward and outward: what an app says is what CoreHR means, and back."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corehr.gateway import made_ids
from corehr.gateway.id_types import IdTypes
from corehr.gateway.made_ids import speak_open_department_id, speak_open_id, speak_union_id
from corehr.gateway.shapes import Arguments
from corehr.kernel.ids import UNKNOWN_ID
from tests.gateway.toys import (
    ANN,
    BOB,
    DEPARTMENT_TYPE,
    LEGAL,
    PEOPLE_TYPE,
    SERVER_KEY,
    Toy,
    ToyDirectory,
    new_app,
    operation,
)

IDS = st.integers(0, 2**63 - 1).map(str)
APP, OTHER = "cli_00000000000000aa", "cli_00000000000000bb"

PEOPLE = operation(
    "toy.people.move",
    "POST /open-apis/toy/v1/people/:person_id/move",
    path=["person_id string! id:user_id_type"],
    query=[PEOPLE_TYPE, DEPARTMENT_TYPE, "boss string id:user_id_type"],
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


def inward(app, people="people_corehr_id", departments="people_corehr_department_id", directory=None, **given):
    query = {"user_id_type": people, "department_id_type": departments, **given.pop("query", {})}
    arguments = Arguments(given.pop("path", {}), query, given)
    return IdTypes(PEOPLE, directory or ToyDirectory()).inward(None, app, arguments)  # type: ignore[arg-type]


def outward(app, data, people="people_corehr_id", departments="people_corehr_department_id", directory=None):
    arguments = Arguments({}, {"user_id_type": people, "department_id_type": departments}, {})
    return IdTypes(PEOPLE, directory or ToyDirectory()).outward(None, app, arguments, data)  # type: ignore[arg-type]


@pytest.fixture
def app(store):
    return new_app(store)


# ------------------------------------------------------------------------------------------------------- made ids


@given(IDS)
def test_a_made_id_leads_back(id):
    for made, back in (
        (speak_open_id(SERVER_KEY, APP, id), made_ids.open_ids(SERVER_KEY, APP)),
        (speak_union_id(SERVER_KEY, id), made_ids.union_ids(SERVER_KEY)),
        (speak_open_department_id(SERVER_KEY, id), made_ids.open_department_ids(SERVER_KEY)),
    ):
        assert len(made) == 35
        assert back.read(made) == str(int(id))


@given(IDS)
def test_made_ids_have_the_documented_form(id):
    assert speak_open_id(SERVER_KEY, APP, id)[:3] == "ou_"
    assert speak_union_id(SERVER_KEY, id)[:3] == "on_"
    assert speak_open_department_id(SERVER_KEY, id)[:3] == "od-"
    assert not speak_open_id(SERVER_KEY, APP, id)[3:].strip("0123456789abcdef")


@given(IDS)
def test_an_id_of_another_app_tenant_or_kind_is_unknown(id):
    mine = made_ids.open_ids(SERVER_KEY, APP)
    assert mine.read(speak_open_id(SERVER_KEY, OTHER, id)) == UNKNOWN_ID
    assert mine.read(speak_open_id("another key", APP, id)) == UNKNOWN_ID
    assert mine.read("ou_" + speak_union_id(SERVER_KEY, id)[3:]) == UNKNOWN_ID
    assert mine.read(speak_union_id(SERVER_KEY, id)) == UNKNOWN_ID


@given(st.text(max_size=40) | st.from_regex(r"\Aou_[0-9a-f]{32}\Z"))
def test_what_was_never_made_is_unknown(text):
    assert made_ids.open_ids(SERVER_KEY, APP).read(text) == UNKNOWN_ID


def test_a_made_id_has_one_spelling():
    made = speak_open_id(SERVER_KEY, APP, ANN)
    back = made_ids.open_ids(SERVER_KEY, APP)
    for other in (made.upper(), "ou_" + made[3:].upper(), made + " ", made[3:], f"ou_{made}"):
        assert back.read(other) == UNKNOWN_ID


@pytest.mark.parametrize("id", ["", "unknown", "-1", "1.0", "²", "٣", str(2**63), "9" * 40])
def test_what_is_no_corehr_id_is_not_made_into_another(id):
    assert speak_union_id(SERVER_KEY, id) == id


def test_threads_do_not_share_a_cipher():
    ids = [str(7 * 10**18 + at) for at in range(2000)]
    expected = [speak_union_id(SERVER_KEY, id) for id in ids]
    wrong: list[str] = []

    def speak() -> None:
        back = made_ids.union_ids(SERVER_KEY)
        for id, made in zip(ids, expected, strict=True):
            if speak_union_id(SERVER_KEY, id) != made or back.read(made) != id:
                wrong.append(id)

    threads = [threading.Thread(target=speak) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# -------------------------------------------------------------------------------------------------------- inward


@pytest.mark.parametrize("id_type", ["open_id", "union_id", "user_id", "people_corehr_id"])
def test_every_kind_of_id_names_the_person(app, id_type):
    ann = {
        "open_id": speak_open_id(SERVER_KEY, app.app_id, ANN),
        "union_id": speak_union_id(SERVER_KEY, ANN),
        "user_id": "ann",
        "people_corehr_id": ANN,
    }[id_type]
    given = inward(
        app,
        people=id_type,
        path={"person_id": ann},
        query={"boss": ann},
        ids=[ann, "nobody", ""],
        rows=[{"leads": [ann]}, {"where": {}}, {}],
        free=ann,
    )
    assert given.path == {"person_id": ANN}
    assert given.query["boss"] == ANN
    assert given.body == {"ids": [ANN, UNKNOWN_ID, ""], "rows": [{"leads": [ANN]}, {"where": {}}, {}], "free": ann}


@pytest.mark.parametrize("id_type", ["open_department_id", "department_id", "people_corehr_department_id"])
def test_every_kind_of_id_names_the_department(app, id_type):
    legal = {
        "open_department_id": speak_open_department_id(SERVER_KEY, LEGAL),
        "department_id": "legal",
        "people_corehr_department_id": LEGAL,
    }[id_type]
    rows = [{"where": {"department": legal}}, {"where": {"department": "nowhere"}}]
    given = inward(app, departments=id_type, department=legal, rows=rows)
    assert given.body["department"] == LEGAL
    assert given.body["rows"] == [{"where": {"department": LEGAL}}, {"where": {"department": UNKNOWN_ID}}]
    assert rows[0]["where"]["department"] == legal


def test_the_directory_is_asked_once_per_kind(app):
    directory = ToyDirectory()
    inward(
        app,
        people="user_id",
        departments="department_id",
        directory=directory,
        query={"boss": "bob"},
        ids=["ann", "ann", "cid"],
        admin="17",
        department="legal",
        rows=[{"leads": ["ann", "dan"], "where": {"department": "sales"}}],
    )
    assert sorted(directory.asked) == [
        ("department_id", "legal", "sales"),
        ("people_admin_id", "17"),
        ("user_id", "ann", "bob", "cid", "dan"),
    ]


def test_made_and_corehr_ids_need_no_directory(app):
    directory = ToyDirectory()
    inward(app, people="open_id", departments="open_department_id", directory=directory, ids=[ANN], department=LEGAL)
    assert directory.asked == []


def test_a_field_may_take_a_corehr_id_as_well(app):
    made = speak_open_id(SERVER_KEY, app.app_id, ANN)
    assert inward(app, people="open_id", either=made).body["either"] == ANN
    assert inward(app, people="open_id", either=BOB).body["either"] == BOB
    assert inward(app, people="open_id", either="ou_x").body["either"] == UNKNOWN_ID
    assert inward(app, people="open_id", ids=[BOB]).body["ids"] == [UNKNOWN_ID]
    assert inward(app, people="user_id", either="ann").body["either"] == ANN
    assert inward(app, people="user_id", either=BOB).body["either"] == BOB


def test_fixed_kinds_follow_no_parameter(app):
    given = inward(app, people="open_id", fixed=ANN, admin="x")
    assert given.body == {"fixed": ANN, "admin": UNKNOWN_ID}
    assert inward(app, fixed="ann").body == {"fixed": UNKNOWN_ID}


@pytest.mark.parametrize("odd", [7, True, 1.5, {"a": 1}, ["x"]])
def test_what_is_no_text_names_nobody(app, odd):
    assert inward(app, people="open_id", either=odd).body["either"] == UNKNOWN_ID


def test_an_id_type_that_does_not_exist_names_nobody(app):
    assert inward(app, people="wrong", ids=[ANN]).body["ids"] == [UNKNOWN_ID]
    assert outward(app, {"leads": [ANN]}, people="wrong") == {"leads": [ANN]}


# ------------------------------------------------------------------------------------------------------- outward

ANSWER = {
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


def test_answers_speak_made_ids(app):
    ann, bob = (speak_open_id(SERVER_KEY, app.app_id, id) for id in (ANN, BOB))
    legal = speak_open_department_id(SERVER_KEY, LEGAL)
    assert outward(app, ANSWER, people="open_id", departments="open_department_id") == {
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
    assert ANSWER["leads"] == [ANN, BOB]


def test_who_has_no_id_of_that_kind_is_answered_empty(app):
    directory = ToyDirectory()
    spoken = outward(app, ANSWER, people="user_id", departments="department_id", directory=directory)
    assert spoken["leads"] == ["ann", ""]
    assert spoken["items"][0]["jobs"][0] == {"department": "legal"}
    assert sorted(directory.asked) == [("department_id", LEGAL), ("user_id", ANN, BOB)]


def test_an_answer_in_corehr_ids_is_the_handlers_own(app):
    assert outward(app, ANSWER) is ANSWER


def test_question_and_answer_speak_the_same_kind(store):
    toy = Toy(store)
    for id_type, ann in (
        ("open_id", speak_open_id(SERVER_KEY, toy.app.app_id, ANN)),
        ("union_id", speak_union_id(SERVER_KEY, ANN)),
        ("user_id", "ann"),
        ("people_corehr_id", ANN),
    ):
        got = toy.ask(f"POST /open-apis/toy/v1/notes?user_id_type={id_type}", {"employment_id": ann}).json
        assert got["data"]["employment_id"] == ann
    assert toy.ask("GET /open-apis/toy/v1/notes/recent").json["data"]["items"] == [ANN] * 4


def test_the_default_kind_is_the_operations_own(store):
    toy = Toy(store)
    ann = speak_open_id(SERVER_KEY, toy.app.app_id, ANN)
    assert asyncio.run(toy.asked("GET /open-apis/toy/v1/notes/1")).json["data"]["about"] == ann
