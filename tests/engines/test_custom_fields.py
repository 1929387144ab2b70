"""Custom fields: valid texts survive decoding and encoding, invalid texts have a reason."""

import json
from datetime import date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from corehr.engines.custom_fields import (
    FieldDefinition,
    FieldType,
    InvalidValue,
    decode,
    encode,
    referenced_ids,
    stands_for,
)
from corehr.kernel.db import encode_json

OPTIONS = ("option_1", "option_2", "项")
WHOLE = FieldDefinition("whole", FieldType.NUMBER)
MONEY = FieldDefinition("money", FieldType.NUMBER, decimals=2, digits=8)
SINGLE_LINE = FieldDefinition("single_line", FieldType.TEXT)
MULTI_LINE = FieldDefinition("multi_line", FieldType.TEXT, multi_line=True)
URL = FieldDefinition("url", FieldType.TEXT, is_url=True)
FLAG = FieldDefinition("flag", FieldType.BOOL)
ONE_OPTION = FieldDefinition("one_option", FieldType.OPTION, options=OPTIONS)
OPTION_LIST = FieldDefinition("option_list", FieldType.OPTION, options=OPTIONS, is_list=True)
DAY = FieldDefinition("day", FieldType.DATE)
TIME = FieldDefinition("time", FieldType.DATE, with_time=True)
EMPLOYMENT = FieldDefinition("employment", FieldType.LOOKUP, target_kind="employment")
EMPLOYMENT_LIST = FieldDefinition("employment_list", FieldType.LOOKUP, target_kind="employment", is_list=True)
FILE = FieldDefinition("file", FieldType.ATTACHMENT)
DERIVED = FieldDefinition("derived", FieldType.CALCULATED)
ALL_DEFINITIONS = (
    WHOLE,
    MONEY,
    SINGLE_LINE,
    MULTI_LINE,
    URL,
    FLAG,
    ONE_OPTION,
    OPTION_LIST,
    DAY,
    TIME,
    EMPLOYMENT,
    EMPLOYMENT_LIST,
    FILE,
    DERIVED,
)

days = st.dates(date(1900, 1, 1)).map(date.isoformat)
date_times = st.datetimes(datetime(1900, 1, 1)).map(lambda t: t.replace(microsecond=0).isoformat(sep=" "))  # noqa: DTZ001  # these have no zone
ids = st.from_regex(r"[1-9][0-9]{0,18}", fullmatch=True)


def json_lists_of(elements):
    return st.lists(elements, min_size=1, max_size=4, unique=True).map(
        lambda texts: json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    )


CANONICAL = st.one_of(
    st.tuples(st.just(WHOLE), st.integers(-(10**18) + 1, 10**18 - 1).map(str)),
    st.tuples(
        st.just(MONEY), st.decimals(-999999, 999999, places=2, allow_nan=False).map(lambda d: f"{d or abs(d):f}")
    ),
    st.tuples(st.just(SINGLE_LINE), st.text(st.characters(codec="utf-8"), min_size=1, max_size=255)),
    st.tuples(st.just(MULTI_LINE), st.text(st.characters(codec="utf-8"), min_size=1, max_size=600)),
    st.tuples(st.just(FLAG), st.sampled_from(["true", "false"])),
    st.tuples(st.just(ONE_OPTION), st.sampled_from(sorted(OPTIONS))),
    st.tuples(st.just(OPTION_LIST), json_lists_of(st.sampled_from(sorted(OPTIONS)))),
    st.tuples(st.just(DAY), days),
    st.tuples(st.just(TIME), date_times),
    st.tuples(st.just(EMPLOYMENT), ids),
    st.tuples(st.just(EMPLOYMENT_LIST), json_lists_of(ids)),
)


@given(CANONICAL)
def test_canonical_text_survives_decoding_and_encoding(example):
    definition, text = example
    value = decode(definition, text)
    assert not isinstance(value, InvalidValue)
    assert encode(value) == text


@given(st.sampled_from(ALL_DEFINITIONS), st.text() | st.from_regex(r'[-0-9.\[\]", a-z:]{0,30}'))
def test_any_text_is_invalid_or_a_value_that_survives_encoding_and_decoding(definition, text):
    value = decode(definition, text)
    if not isinstance(value, InvalidValue):
        assert decode(definition, encode(value)) == value
        assert json.loads(json.dumps(value)) == value


@given(st.sampled_from([DERIVED, FILE]), st.text())
def test_attachments_and_read_only_fields_accept_no_text(definition, text):
    assert decode(definition, text) in (InvalidValue.IS_ATTACHMENT, InvalidValue.READ_ONLY)


@pytest.mark.parametrize(
    ("definition", "text", "expected"),
    [
        (SINGLE_LINE, "x" * 256, InvalidValue.TOO_LONG),
        (MULTI_LINE, "五" * 6001, InvalidValue.TOO_LONG),
        (URL, "https://a.example/" + "x" * 255, InvalidValue.TOO_LONG),
        (URL, "example.com", InvalidValue.NOT_A_URL),
        (URL, "https://", InvalidValue.NOT_A_URL),
        (URL, "https://:80/", InvalidValue.NOT_A_URL),
        (URL, "https://a b", InvalidValue.NOT_A_URL),
        (URL, "javascript:alert(1)", InvalidValue.NOT_A_URL),
        (FLAG, "True", InvalidValue.NOT_A_BOOLEAN),
        (WHOLE, "1.0", InvalidValue.NOT_A_NUMBER),
        (WHOLE, "1" * 19, InvalidValue.NOT_A_NUMBER),
        (WHOLE, "１", InvalidValue.NOT_A_NUMBER),
        (WHOLE, "1\n", InvalidValue.NOT_A_NUMBER),
        (MONEY, "1.234", InvalidValue.NOT_A_NUMBER),
        (MONEY, "1234567", InvalidValue.NOT_A_NUMBER),
        (MONEY, "1e3", InvalidValue.NOT_A_NUMBER),
        (MONEY, "+1", InvalidValue.NOT_A_NUMBER),
        (MONEY, "NaN", InvalidValue.NOT_A_NUMBER),
        (ONE_OPTION, "option_3", InvalidValue.NOT_AN_OPTION),
        (ONE_OPTION, '["option_1"]', InvalidValue.NOT_AN_OPTION),
        (ONE_OPTION, "[]", InvalidValue.NOT_AN_OPTION),
        (OPTION_LIST, "option_1", InvalidValue.NOT_AN_OPTION),
        (OPTION_LIST, '[""]', InvalidValue.NOT_AN_OPTION),
        (OPTION_LIST, '["option_1", 2]', InvalidValue.NOT_AN_OPTION),
        (OPTION_LIST, '{"option_1": true}', InvalidValue.NOT_AN_OPTION),
        (OPTION_LIST, "[" * 100_000, InvalidValue.NOT_AN_OPTION),
        (DAY, "2026-02-30", InvalidValue.NOT_A_DATE),
        (DAY, "2026-W01-1", InvalidValue.NOT_A_DATE),
        (DAY, "20260201", InvalidValue.NOT_A_DATE),
        (DAY, "1899-12-31", InvalidValue.NOT_A_DATE),
        (DAY, "2026-02-01 10:00:00", InvalidValue.NOT_A_DATE),
        (TIME, "2026-02-01T10:00:00", InvalidValue.NOT_A_DATE),
        (TIME, "2026-02-01 10:60:00", InvalidValue.NOT_A_DATE),
        (EMPLOYMENT_LIST, "7", InvalidValue.NOT_A_REFERENCE),
        (EMPLOYMENT_LIST, '["7", ""]', InvalidValue.NOT_A_REFERENCE),
    ],
)
def test_an_invalid_text_has_a_reason(definition, text, expected):
    assert decode(definition, text) is expected


@pytest.mark.parametrize(
    ("definition", "text", "value"),
    [
        (MONEY, "2334", "2334.00"),
        (MONEY, "-0", "0.00"),
        (MONEY, "007.5", "7.50"),
        (OPTION_LIST, ' ["option_2", "option_1", "option_2"] ', ["option_2", "option_1"]),
        (TIME, "2026-02-01", "2026-02-01 00:00:00"),
        (SINGLE_LINE, '"quoted"', '"quoted"'),
    ],
)
def test_one_value_has_one_form(definition, text, value):
    assert decode(definition, text) == value


@pytest.mark.parametrize("definition", ALL_DEFINITIONS, ids=lambda definition: definition.name)
@pytest.mark.parametrize("text", ["", "[]", " [ ] "])
def test_an_empty_text_and_the_empty_list_of_a_list_field_empty_what_is_not_mandatory(definition, text):
    can_be_set = definition not in (FILE, DERIVED)
    empties = can_be_set and (not text or definition.is_list)
    assert (decode(definition, text) is None) == empties
    mandatory = replace(definition, required=True)
    assert (decode(mandatory, text) is InvalidValue.IS_EMPTY) == empties
    assert encode(None) == ""


@pytest.mark.parametrize(
    ("definition", "text", "value", "expected"),
    [
        (MONEY, "2334", "2334.00", True),
        (MONEY, "2334.000", "2334.000", True),  # a number of a time when the field had more decimals
        (MONEY, "2335", "2334.00", False),
        (MONEY, "", None, True),
        (MONEY, "", "0.00", False),
        (FLAG, "false", None, False),
        (ONE_OPTION, "withdrawn_option", "withdrawn_option", True),
        (ONE_OPTION, "option_1", "withdrawn_option", False),
        (OPTION_LIST, '[ "withdrawn_option" ]', ["withdrawn_option"], True),
        (OPTION_LIST, '["option_2", "option_1"]', ["option_1", "option_2"], True),
        (OPTION_LIST, "[]", None, True),
        (OPTION_LIST, "option_1", None, False),
        (TIME, "2026-02-01", "2026-02-01 00:00:00", True),
    ],
)
def test_a_text_stands_for_the_present_value_even_if_the_field_no_longer_takes_it(definition, text, value, expected):
    assert stands_for(definition, text, value) is expected


def test_referenced_ids_of_a_value():
    assert referenced_ids(decode(EMPLOYMENT, "7")) == ["7"]
    assert referenced_ids(decode(EMPLOYMENT_LIST, '["7","8"]')) == ["7", "8"]
    assert referenced_ids(InvalidValue.NOT_A_REFERENCE) == []


@pytest.mark.parametrize("definition", ALL_DEFINITIONS, ids=lambda definition: definition.name)
def test_definitions_are_data(definition):
    assert msgspec.json.decode(encode_json(definition), type=FieldDefinition) == definition


def test_which_fields_are_editable():
    assert [definition.name for definition in ALL_DEFINITIONS if not definition.editable] == ["derived"]
    assert not FieldDefinition("status", FieldType.TEXT, locked=True).editable
