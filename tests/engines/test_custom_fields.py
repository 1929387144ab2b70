"""Custom fields: what is decoded is spoken the same, and what is no value says why."""

import json
from datetime import date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corehr.engines.custom_fields import Definition, Kind, Violation, decode, refers_to, speak
from corehr.kernel.db import encode_json

OPTIONS = frozenset({"option_1", "option_2", "项"})
WHOLE = Definition("whole", Kind.NUMBER)
MONEY = Definition("money", Kind.NUMBER, decimals=2, digits=8)
LINE = Definition("line", Kind.TEXT)
LINES = Definition("lines", Kind.TEXT, multi_line=True)
LINK = Definition("link", Kind.TEXT, link=True)
FLAG = Definition("flag", Kind.BOOL)
ONE = Definition("one", Kind.OPTION, options=OPTIONS)
SOME = Definition("some", Kind.OPTION, options=OPTIONS, several=True)
DAY = Definition("day", Kind.DATE)
TIME = Definition("time", Kind.DATE, with_time=True)
PERSON = Definition("person", Kind.LOOKUP, of="employment")
PEOPLE = Definition("people", Kind.LOOKUP, of="employment", several=True)
FILE = Definition("file", Kind.ATTACHMENT)
DERIVED = Definition("derived", Kind.CALCULATED)
EVERY = (WHOLE, MONEY, LINE, LINES, LINK, FLAG, ONE, SOME, DAY, TIME, PERSON, PEOPLE, FILE, DERIVED)

days = st.dates(date(1900, 1, 1)).map(date.isoformat)
moments = st.datetimes(datetime(1900, 1, 1)).map(lambda it: it.replace(microsecond=0).isoformat(sep=" "))  # noqa: DTZ001  # no zone is said
ids = st.from_regex(r"[1-9][0-9]{0,18}", fullmatch=True)


def listed(elements):
    return st.lists(elements, min_size=1, max_size=4, unique=True).map(
        lambda it: json.dumps(it, ensure_ascii=False, separators=(",", ":"))
    )


CANONICAL = st.one_of(
    st.tuples(st.just(WHOLE), st.integers(-(10**18) + 1, 10**18 - 1).map(str)),
    st.tuples(
        st.just(MONEY), st.decimals(-999999, 999999, places=2, allow_nan=False).map(lambda d: f"{d or abs(d):f}")
    ),
    st.tuples(st.just(LINE), st.text(st.characters(codec="utf-8"), max_size=255)),
    st.tuples(st.just(LINES), st.text(st.characters(codec="utf-8"), max_size=600)),
    st.tuples(st.just(FLAG), st.sampled_from(["true", "false"])),
    st.tuples(st.just(ONE), st.sampled_from(sorted(OPTIONS))),
    st.tuples(st.just(SOME), listed(st.sampled_from(sorted(OPTIONS)))),
    st.tuples(st.just(DAY), days),
    st.tuples(st.just(TIME), moments),
    st.tuples(st.just(PERSON), ids),
    st.tuples(st.just(PEOPLE), listed(ids)),
)


@given(CANONICAL)
def test_what_is_written_as_it_should_be_is_told_as_it_was_written(written):
    definition, text = written
    value = decode(definition, text)
    assert not isinstance(value, Violation)
    assert speak(value) == text


@given(st.sampled_from(EVERY), st.text() | st.from_regex(r'[-0-9.\[\]", a-z:]{0,30}'))
def test_any_text_is_a_value_that_stays_itself_or_a_violation(definition, text):
    value = decode(definition, text)
    if not isinstance(value, Violation):
        assert decode(definition, speak(value)) == value
        assert json.loads(json.dumps(value)) == value


@given(st.sampled_from([DERIVED, FILE]), st.text())
def test_files_and_what_the_system_fills_in_are_never_given(definition, text):
    assert decode(definition, text) in (Violation.ATTACHMENT, Violation.READ_ONLY)


@pytest.mark.parametrize(
    ("definition", "text", "violation"),
    [
        (LINE, "x" * 256, Violation.TOO_LONG),
        (LINES, "五" * 6001, Violation.TOO_LONG),
        (LINK, "https://a.example/" + "x" * 255, Violation.TOO_LONG),
        (LINK, "example.com", Violation.NO_LINK),
        (LINK, "https://", Violation.NO_LINK),
        (LINK, "https://:80/", Violation.NO_LINK),
        (LINK, "https://a b", Violation.NO_LINK),
        (LINK, "javascript:alert(1)", Violation.NO_LINK),
        (LINK, "", Violation.NO_LINK),
        (FLAG, "True", Violation.NO_BOOL),
        (FLAG, "", Violation.NO_BOOL),
        (WHOLE, "1.0", Violation.NO_NUMBER),
        (WHOLE, "1" * 19, Violation.NO_NUMBER),
        (WHOLE, "１", Violation.NO_NUMBER),
        (WHOLE, "1\n", Violation.NO_NUMBER),
        (MONEY, "1.234", Violation.NO_NUMBER),
        (MONEY, "1234567", Violation.NO_NUMBER),
        (MONEY, "1e3", Violation.NO_NUMBER),
        (MONEY, "+1", Violation.NO_NUMBER),
        (MONEY, "NaN", Violation.NO_NUMBER),
        (MONEY, "", Violation.NO_NUMBER),
        (ONE, "option_3", Violation.NO_OPTION),
        (ONE, '["option_1"]', Violation.NO_OPTION),
        (ONE, "", Violation.NO_OPTION),
        (SOME, "option_1", Violation.NO_OPTION),
        (SOME, "[]", Violation.NO_OPTION),
        (SOME, '["option_1", 2]', Violation.NO_OPTION),
        (SOME, '{"option_1": true}', Violation.NO_OPTION),
        (SOME, "[" * 100_000, Violation.NO_OPTION),
        (DAY, "2026-02-30", Violation.NO_DATE),
        (DAY, "2026-W01-1", Violation.NO_DATE),
        (DAY, "20260201", Violation.NO_DATE),
        (DAY, "1899-12-31", Violation.NO_DATE),
        (DAY, "2026-02-01 10:00:00", Violation.NO_DATE),
        (TIME, "2026-02-01T10:00:00", Violation.NO_DATE),
        (TIME, "2026-02-01 10:60:00", Violation.NO_DATE),
        (PERSON, "", Violation.NO_REFERENCE),
        (PEOPLE, "7", Violation.NO_REFERENCE),
        (PEOPLE, '["7", ""]', Violation.NO_REFERENCE),
    ],
)
def test_what_is_no_value_says_why(definition, text, violation):
    assert decode(definition, text) is violation


@pytest.mark.parametrize(
    ("definition", "text", "value"),
    [
        (MONEY, "2334", "2334.00"),
        (MONEY, "-0", "0.00"),
        (MONEY, "007.5", "7.50"),
        (SOME, ' ["option_2", "option_1", "option_2"] ', ["option_2", "option_1"]),
        (TIME, "2026-02-01", "2026-02-01 00:00:00"),
        (LINE, '"quoted"', '"quoted"'),
        (LINE, "", ""),
    ],
)
def test_one_value_has_one_form(definition, text, value):
    assert decode(definition, text) == value


def test_whom_a_value_names():
    assert refers_to(decode(PERSON, "7")) == ["7"]
    assert refers_to(decode(PEOPLE, '["7","8"]')) == ["7", "8"]
    assert refers_to(Violation.NO_REFERENCE) == []


@pytest.mark.parametrize("definition", EVERY, ids=lambda it: it.name)
def test_definitions_are_data(definition):
    assert msgspec.json.decode(encode_json(definition), type=Definition) == definition


def test_what_may_be_edited():
    assert [it.name for it in EVERY if not it.editable] == ["derived"]
    assert not Definition("status", Kind.TEXT, locked=True).editable
