"""What a request schema accepts and refuses, and with which message; each rule with its allowed neighbour."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corehr.gateway.schemas import Arguments, RequestSchema, ValidationError
from corehr.spec.fields import FieldParser
from corehr.spec.loader import Operation, load

SPEC = load()
CREATE = RequestSchema(SPEC.operations["v1.job_change.create"])
JOB_CHANGE: dict[str, Any] = {
    "transfer_mode": 1,
    "employment_id": "ou_1",
    "transfer_type_unique_identifier": "promotion",
    "effective_date": "2024-05-01",
    "transfer_info": {"target_job": "6893014062142064135"},
}


def make_schema(*body: str, query: tuple[str, ...] = (), method: str = "POST", enums: Any = None) -> RequestSchema:
    parser = FieldParser(enums or {})
    return RequestSchema(
        Operation(
            id="v1.widget.create",
            method=method,
            path="/widgets",
            updated=dt.date(2024, 1, 1),
            deprecated=False,
            app_types=(),
            token_types=(),
            scopes=(),
            field_scopes=(),
            limits=(),
            path_params=(),
            query=parser.parse(query, "query"),
            body=parser.parse(body, "body"),
            response=(),
            errors={},
        )
    )


def parse_body(schema: RequestSchema, value: Any) -> dict[str, Any]:
    return schema.parse({}, [], value if isinstance(value, bytes) else json.dumps(value).encode()).body


def parse_query(schema: RequestSchema, *pairs: tuple[str, str]) -> dict[str, Any]:
    return schema.parse({}, pairs, b"").query


def validation_error(
    schema: RequestSchema, value: Any = b"", pairs: tuple[tuple[str, str], ...] = ()
) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        schema.parse({}, pairs, value if isinstance(value, bytes) else json.dumps(value).encode())
    return caught.value


def violations(schema: RequestSchema, value: Any = b"", *pairs: tuple[str, str]) -> list[str]:
    error = validation_error(schema, value, pairs)
    assert (error.code, error.msg) == (99992402, "field validation failed")
    return [f"{violation['field']}: {violation['description']}" for violation in error.field_violations]


def job_change_body(**fields: Any) -> dict[str, Any]:
    return {**JOB_CHANGE, **fields}


# ---------------------------------------------------------------------------------------------- JSON and its types


@pytest.mark.parametrize(
    "malformed", [b"{", b"{'a': 1}", b'{"a": "\xff"}', b"\xef\xbb\xbf{}", b'{"a": 1} x', b'{"a":NaN}']
)
def test_what_is_not_json(malformed: bytes):
    error = validation_error(make_schema("a string!"), malformed)
    assert (error.code, error.msg, error.field_violations) == (9499, "bad request", ())


@pytest.mark.parametrize("value", [[], "x", 1, None, True])
def test_a_body_that_is_no_object(value: Any):
    error = validation_error(make_schema("a string"), value)
    assert error.code == 9499
    assert "Invalid parameter type in json: body." in error.msg


@pytest.mark.parametrize("empty", [b"", b" \r\n\t", b"{}"])
def test_an_empty_body_is_an_empty_object(empty: bytes):
    assert parse_body(make_schema("a string"), empty) == {}
    assert violations(make_schema("a string!"), empty) == ["a: a is required"]


@pytest.mark.parametrize(
    ("line", "right", "wrong"),
    [
        ("a string", ["", "é", "x" * 9999], [1, 1.5, True, [], {}]),
        ("a int", [0, -5, 2**63 - 1, -(2**63)], ["1", 1.0, True, 2**63, 10**30, [], {}]),
        ("a number", [0, 1.5, -3], ["1", True, 10**400, []]),
        ("a boolean", [True, False], ["true", 0, 1]),
        ("a string[]", [[], ["x"]], ["x", {}]),
        ("a object", [{}, {"any": [1]}], ["x", [], 1]),
    ],
)
def test_json_types(line: str, right: list[Any], wrong: list[Any]):
    schema = make_schema(line)
    for value in right:
        assert parse_body(schema, {"a": value}) == {"a": value}
    for value in wrong:
        assert validation_error(schema, {"a": value}).code == 9499


def test_the_message_for_a_wrong_type_names_the_field_and_quotes_the_value():
    error = validation_error(
        CREATE, job_change_body(transfer_info={"original_cost_center_rate": [{"rate": 5}, {"rate": "é5"}]})
    )
    assert error.msg == (
        "Invalid parameter type in json: transfer_info.original_cost_center_rate[1].rate. "
        'Invalid parameter value: "é5". Please check and modify accordingly.'
    )
    assert len(validation_error(CREATE, job_change_body(flow_id=["x" * 5000])).msg) < 400


def test_a_wrong_type_comes_before_everything_else():
    assert validation_error(CREATE, {"transfer_info": 5}).code == 9499


def test_unknown_members_are_ignored():
    assert parse_body(make_schema("a string", "o object", "o.b int"), {"x": 1, "a": "1", "o": {"b": 1, "y": [{}]}}) == {
        "a": "1",
        "o": {"b": 1},
    }


def test_the_body_is_not_read_on_get_or_where_there_is_none():
    assert parse_body(make_schema("a string!", method="GET"), b"{") == {}
    assert parse_body(make_schema(), b"not json") == {}


def test_nesting_beyond_reason():
    def nested(levels: int) -> bytes:
        return b'{"a":' + b"[" * levels + b"]" * levels + b"}"

    open_object = make_schema("a string rulebook")
    assert parse_body(open_object, nested(100))["a"] != []
    assert violations(open_object, nested(102)) == ["body: the max depth is 100"]
    assert violations(open_object, nested(100_000)) == ["body: the max depth is 100"]
    assert violations(make_schema("b string"), nested(100_000)) == ["body: the max depth is 100"]


# ---------------------------------------------------------------------------------------------- absent


def test_null_means_absent_at_any_depth():
    schema = make_schema(
        "a string", "o object", "o.b int", "l object[]", "l[].c string", "free string rulebook", "any object"
    )
    value = {
        "a": None,
        "o": {"b": None},
        "l": [{"c": None}],
        "free": {"x": None, "y": [{"z": None}]},
        "any": {"q": None},
    }
    assert parse_body(schema, value) == {"o": {}, "l": [{}], "free": {"y": [{}]}, "any": {}}
    assert parse_body(schema, {"free": None}) == {}
    assert validation_error(schema, {"l": [None]}).code == 9499


def test_required():
    schema = make_schema("a string!", "o object", "o.b int!", "l object[]", "l[].c string!")
    assert violations(schema, {"o": {}, "l": [{"c": "x"}, {"c": None}]}) == [
        "a: a is required",
        "o.b: o.b is required",
        "l[1].c: l[1].c is required",
    ]
    assert parse_body(schema, {"a": ""}) == {"a": ""}


def test_defaults_are_filled_in_afresh_for_every_call():
    schema = make_schema("a int! =20", "on boolean =false", "list string[] =[]", query=("t string =open_id",))
    first = schema.parse({}, [], b"{}")
    assert first == Arguments({}, {"t": "open_id"}, {"a": 20, "on": False, "list": []})
    first.body["list"].append("x")
    assert parse_body(schema, {"a": None})["list"] == []
    assert parse_body(schema, {"a": 3})["a"] == 3


# ---------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("line", "allowed", "refused", "description"),
    [
        ("a string len:2..3", "éé", "é", "the min len is 2"),
        ("a string len:2..3", "ééé", "éééé", "the max len is 3"),
        ("a string[] len:0..2", ["", ""], ["", "", ""], "the max len is 2"),
        ("a object[] len:1..2", [{}], [], "the min len is 1"),
        ("a int 1..100", 1, 0, "the min value is 1"),
        ("a int ..100", 100, 101, "the max value is 100"),
        ("a number 0..1.5", 1.5, 1.51, "the max value is 1.5"),
        ("a int {1|2}", 2, 3, "the value must be one of 1, 2"),
        ("a string {x|y}", "x", "X", "the value must be one of x, y"),
        ("a string[] {x|y}", ["x"], ["z"], "the value must be one of x, y"),
        ("a string enum:e", "f", "", "the value must be one of e, f"),
        ("a string pattern:^[a-z]{2}$", "ab", "a1", "the value must match ^[a-z]{2}$"),
        ("a string pattern:^[a-z]{2}$", "ab", "ab\n", "the value must match ^[a-z]{2}$"),
        ("a string format:date", "2024-02-29", "2023-02-29", "the value must be a date like 2006-01-02"),
        ("a string 1..100", "100", "101", "the max value is 100"),
        ("a string 1..100", "1", "one", "the value must be an integer"),
    ],
)
def test_limits(line: str, allowed: Any, refused: Any, description: str):
    schema = make_schema(line, enums={"e": ("e", "f")})
    assert parse_body(schema, {"a": allowed}) == {"a": allowed}
    path = "a[0]" if refused == ["z"] else "a"
    assert violations(schema, {"a": refused}) == [f"{path}: {description}"]


def test_values_that_are_not_limited():
    assert parse_body(make_schema("a string {x} open"), {"a": "other"}) == {"a": "other"}
    assert parse_body(make_schema("a string enum:person.gender"), {"a": "other"}) == {"a": "other"}


def test_a_page_size_declared_as_a_string_may_come_as_a_number():
    assert parse_body(make_schema("page_size string! 1..100"), {"page_size": 10}) == {"page_size": "10"}
    assert violations(make_schema("page_size string! 1..100"), {"page_size": 101}) == [
        "page_size: the max value is 100"
    ]


def test_a_date_is_a_day_of_the_calendar_between_1900_and_9999():
    schema = make_schema("a string format:date")

    def is_accepted(text: str) -> bool:
        try:
            return parse_body(schema, {"a": text}) == {"a": text}
        except ValidationError:
            return False

    for year in (1900, 1904, 1999, 2000, 2023, 2024, 2100, 2400, 9600, 9999):
        for month in range(14):
            for day in range(33):
                text = f"{year:04}-{month:02}-{day:02}"
                try:
                    real = bool(dt.date(year, month, day))
                except ValueError:
                    real = False
                assert is_accepted(text) == real, text
    wrong = [
        "1899-12-31",
        "0000-01-01",
        "",
        "2024-1-1",
        "20240101",
        "2024-01-01\n",
        " 2024-01-01",
        "2024-01-01T00:00:00",
    ]
    assert not any(map(is_accepted, [*wrong, "１999-01-01", "10000-01-01", "2024-W01-1"]))


def test_every_violation_has_its_value():
    error = validation_error(
        CREATE, {"transfer_mode": 3, "effective_date": "May", "transfer_info": {"target_signing_type": "x"}}
    )
    assert error.field_violations == (
        {"field": "transfer_mode", "value": "3", "description": "the value must be one of 1, 2"},
        {"field": "effective_date", "value": "May", "description": "the value must be a date like 2006-01-02"},
        {
            "field": "transfer_info.target_signing_type",
            "value": "x",
            "description": "the value must be one of new, changed, renewed, update",
        },
    )


def test_no_more_than_a_hundred_violations_are_returned():
    assert len(violations(make_schema("a object[]", "a[].b string!"), {"a": [{}] * 5000})) == 100


# ---------------------------------------------------------------------------------------------- rulebook-owned


@pytest.mark.parametrize("value", [5, 1.0, "", True, [], {"x": [1]}, [{"rate": "50"}], "x" * 9999])
def test_what_the_rulebook_owns_comes_as_it_was_sent(value: Any):
    sent = job_change_body(employment_id=value, transfer_info={"target_cost_center_rate": value})
    parsed = parse_body(CREATE, sent)
    assert parsed["employment_id"] == value
    assert parsed["transfer_info"]["target_cost_center_rate"] == value


def test_what_the_rulebook_owns_may_be_missing_and_nothing_else_of_what_is_required():
    assert "employment_id" not in parse_body(CREATE, {**JOB_CHANGE, "employment_id": None})
    assert violations(CREATE, {}) == [
        f"{name}: {name} is required" for name in ("transfer_mode", "effective_date", "transfer_info")
    ]


def test_revoke_leaves_every_bad_parameter_to_its_rulebook():
    revoke = RequestSchema(SPEC.operations["v2.job_change.revoke"])
    parsed = revoke.parse({"job_change_id": "not a number"}, [("user_id_type", "shoe_size")], b'{"operator_id": 7}')
    assert parsed == Arguments({"job_change_id": "not a number"}, {"user_id_type": "shoe_size"}, {"operator_id": 7})
    assert revoke.parse({"job_change_id": "1"}, [], b"") == Arguments(
        {"job_change_id": "1"}, {"user_id_type": "open_id"}, {}
    )


def test_approvers_leave_three_parameters_to_their_rulebook_and_not_the_page_size():
    approvers = RequestSchema(SPEC.operations["v2.approver.list"])
    assert parse_query(approvers) == {"page_size": 20, "page_token": "1", "user_id_type": "open_id"}
    assert parse_query(approvers, ("approver_status", "99"), ("page_token", "-1"))["approver_status"] == 99
    assert parse_query(approvers, ("approver_status", "x"))["approver_status"] == "x"
    assert violations(approvers, b"", ("page_size", "101")) == ["page_size: the max value is 100"]


def test_a_decision_leaves_its_status_to_its_rulebook_and_not_the_length_of_its_reason():
    update = RequestSchema(SPEC.operations["v2.process-approver.update"])
    assert parse_body(update, {"status": 9, "reason": "x" * 1000})["status"] == 9
    assert parse_body(update, {}) == {"system_approval": False, "reason": ""}
    assert violations(update, {"reason": "x" * 1001}) == ["reason: the max len is 1000"]


def test_job_datas_leave_their_dates_to_their_rulebook_and_not_the_number_of_people():
    datas = RequestSchema(SPEC.operations["v2.employees-job_data.query"])
    size = [("page_size", "10")]
    assert datas.parse({}, size, b'{"data_date": "soon"}').body["data_date"] == "soon"
    assert (
        len(datas.parse({}, size, json.dumps({"employment_ids": ["ou_1"] * 100}).encode()).body["employment_ids"])
        == 100
    )
    assert violations(datas, {"employment_ids": ["ou_1"] * 101}, *size) == ["employment_ids: the max len is 100"]
    assert violations(datas) == ["page_size: page_size is required"]


# ---------------------------------------------------------------------------------------------- query


def test_texts_become_the_type_of_the_field():
    schema = make_schema(query=("n int", "f number", "on boolean", "off boolean", "s string", "l string[]", "m int[]"))
    pairs = [
        ("n", "-10"),
        ("f", "1.5"),
        ("on", "True"),
        ("off", "FALSE"),
        ("s", "10"),
        ("l", "a"),
        ("l", "b"),
        ("m", "1"),
    ]
    assert parse_query(schema, *pairs) == {
        "n": -10,
        "f": 1.5,
        "on": True,
        "off": False,
        "s": "10",
        "l": ["a", "b"],
        "m": [1],
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("n", text) for text in ("1.0", "ten", "1_0", " 1", "١", "9" * 5000, str(2**63))],
        *[("f", "nan"), ("f", "1e3"), ("on", "1"), ("on", "yes")],
    ],
)
def test_texts_that_are_not_of_the_type(name: str, text: str):
    kinds = {"n": "int", "f": "number", "on": "boolean"}
    schema = make_schema(query=("n int", "f number", "on boolean"))
    assert violations(schema, b"", (name, text)) == [f"{name}: the value must be of type {kinds[name]}"]


def test_limits_of_the_query():
    schema = make_schema(query=("t string =a {a|b}", "l string[] len:0..2", "size string! 1..100"))
    assert parse_query(schema, ("t", "b"), ("size", "100")) == {"t": "b", "size": "100"}
    assert violations(schema, b"", ("t", "c"), *[("l", "x")] * 3, ("size", "0")) == [
        "t: the value must be one of a, b",
        "size: the min value is 1",
        "l: the max len is 2",
    ]


def test_an_empty_parameter_counts_as_absent_and_the_first_of_a_repeated_one_counts():
    schema = make_schema(query=("t string =a", "u string!"))
    assert parse_query(schema, ("t", ""), ("u", "1"), ("u", "2"), ("zz", "3")) == {"t": "a", "u": "1"}
    assert violations(schema, b"", ("u", "")) == ["u: u is required"]


def test_violations_of_query_and_body_come_together():
    schema = make_schema("a string!", query=("u string!",))
    assert violations(schema, {}) == ["u: u is required", "a: a is required"]


# ---------------------------------------------------------------------------------------------- anything

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["2024-05-01", "x", 10**40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
names_of_info = st.sampled_from(
    [
        "target_job",
        "target_cost_center_rate",
        "original_cost_center_rate",
        "probation_exist",
        "target_contract_end_date",
    ]
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "transfer_mode": st.sampled_from([1, 2, 3]) | json_values,
        "employment_id": json_values,
        "effective_date": st.just("2024-05-01") | json_values,
        "transfer_info": st.dictionaries(names_of_info, json_values) | json_values,
        "flow_id": json_values,
    },
)


def outcome(raw: bytes, pairs: Sequence[tuple[str, str]] = ()) -> Any:
    try:
        return CREATE.parse({}, pairs, raw)
    except ValidationError as error:
        return error.code, error.msg, error.field_violations


@given(st.binary() | bodies.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_break_it(raw: bytes):
    parsed = outcome(raw)
    if isinstance(parsed, Arguments):
        json.dumps(parsed.body, ensure_ascii=False).encode()


@given(bodies.map(lambda value: json.dumps(value).encode()), st.data())
def test_no_damaged_body_breaks_it(raw: bytes, data: st.DataObject):
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, len(raw)))
    outcome(raw[:start] + data.draw(st.binary(max_size=4)) + raw[end:])


@given(bodies)
def test_the_slow_and_the_fast_parser_agree(sent: dict[str, Any]):
    """A null in an optional field sends a body to the slow parser, and must not change the result."""
    raw = json.dumps(sent).encode()
    assert outcome(raw) == outcome(json.dumps({**sent, "initiator_id": None}).encode())


@given(st.lists(st.tuples(st.sampled_from(["user_id_type", "department_id_type", "x"]), st.text())))
def test_no_query_breaks_it(pairs: list[tuple[str, str]]):
    outcome(json.dumps(JOB_CHANGE).encode(), pairs)
