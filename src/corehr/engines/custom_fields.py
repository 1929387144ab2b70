"""Fields that a company defines itself: a text from the wire becomes a value of the field's kind, and a text again.

Pure. Scalars are written as they are, lists as JSON; that a reference names somebody is for its feature to find out.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal
from enum import Enum, IntEnum
from typing import Final

import msgspec

Value = bool | str | list[str]
"""What a field holds, ready for JSON: dates are ISO text, numbers text with the decimals of their definition."""


class Kind(IntEnum):
    """The kinds of field, as the platform numbers them."""

    TEXT = 1
    BOOL = 2
    NUMBER = 3
    OPTION = 4
    LOOKUP = 5
    AUTO_NUMBER = 6
    DATE = 7
    ATTACHMENT = 8
    IMAGE = 9
    CALCULATED = 10
    REVERSE_LOOKUP = 11


class Violation(Enum):
    """Why a text is no value of its field."""

    TOO_LONG = "the text has more characters than the field takes"
    NO_LINK = "it is no absolute http or https address"
    NO_BOOL = "it is neither true nor false"
    NO_NUMBER = "it is no decimal number, or has more digits or decimals than the field takes"
    NO_OPTION = "it is not an option, or not a list of options, that the field offers"
    NO_REFERENCE = "it is no id, or no list of ids"
    NO_DATE = "it is no day of the calendar, or no time of a day, written as the field wants it"
    ATTACHMENT = "a file cannot be given as text"
    READ_ONLY = "the system itself fills in the field"


READ_ONLY: Final = frozenset({Kind.AUTO_NUMBER, Kind.IMAGE, Kind.CALCULATED, Kind.REVERSE_LOOKUP})
SINGLE_LINE, MULTI_LINE = 255, 6000
"""Characters that a text has at most."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One field of a form. What concerns other kinds than its own stays as it is.

    `options` are the active ones; `of` is the kind of thing a lookup names; `several` makes a list of options or ids;
    `digits` counts those before and after the point; a `locked` field is there to be read.
    """

    name: str
    kind: Kind
    multi_line: bool = False
    link: bool = False
    decimals: int = 0
    digits: int = 18
    options: frozenset[str] = frozenset()
    of: str = ""
    several: bool = False
    with_time: bool = False
    locked: bool = False

    @property
    def editable(self) -> bool:
        return not self.locked and self.kind not in READ_ONLY


_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.([0-9]{1,40}))?")
_DAY = re.compile(r"(?:19|[2-9][0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(_DAY.pattern + r" [0-9]{2}:[0-9]{2}:[0-9]{2}")
_LINK = re.compile(r"https?://(?:[^\s/?#@]+@)?[^\s/?#@:][^\s/?#@]*(?:[/?#]\S*)?", re.IGNORECASE)
_EXACTLY = Context(prec=100)
_texts = msgspec.json.Decoder(list[str]).decode


def decode(it: Definition, text: str) -> Value | Violation:
    """The value that a text says, or why it says none."""
    return _DECODE[it.kind](it, text)


def speak(value: Value) -> str:
    """A value as the wire writes it; `decode` reads the same value from it again."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def refers_to(value: Value | Violation) -> Sequence[str]:
    """The ids that a lookup's value holds."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, str) else []


def _text(it: Definition, text: str) -> Value | Violation:
    if it.link and not _LINK.fullmatch(text):
        return Violation.NO_LINK
    return Violation.TOO_LONG if len(text) > (MULTI_LINE if it.multi_line else SINGLE_LINE) else text


def _bool(it: Definition, text: str) -> Value | Violation:
    return text == "true" if text in ("true", "false") else Violation.NO_BOOL


def _number(it: Definition, text: str) -> Value | Violation:
    found = _NUMBER.fullmatch(text)
    if found is None or len(found[1] or "") > it.decimals:
        return Violation.NO_NUMBER
    number = Decimal(text).quantize(Decimal(1).scaleb(-it.decimals), context=_EXACTLY)
    if len(number.as_tuple().digits) > it.digits:
        return Violation.NO_NUMBER
    return format(number or number.copy_abs(), "f")


def _option(it: Definition, text: str) -> Value | Violation:
    chosen = _listed(text) if it.several else [text]
    if not chosen or not it.options.issuperset(chosen):
        return Violation.NO_OPTION
    return chosen if it.several else text


def _lookup(it: Definition, text: str) -> Value | Violation:
    ids = _listed(text) if it.several else [text]
    if not ids or not all(ids):
        return Violation.NO_REFERENCE
    return ids if it.several else text


def _listed(text: str) -> list[str]:
    """The texts of a JSON list, each once; none when it is no such list."""
    try:
        return list(dict.fromkeys(_texts(text)))
    except (msgspec.DecodeError, UnicodeError):
        return []


def _date(it: Definition, text: str) -> Value | Violation:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat() + (" 00:00:00" if it.with_time else "")
        if it.with_time and _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).isoformat(sep=" ")
    except ValueError:
        pass
    return Violation.NO_DATE


def _attachment(it: Definition, text: str) -> Value | Violation:
    return Violation.ATTACHMENT


def _read_only(it: Definition, text: str) -> Value | Violation:
    return Violation.READ_ONLY


_DECODE: Final[Mapping[Kind, Callable[[Definition, str], Value | Violation]]] = {
    Kind.TEXT: _text,
    Kind.BOOL: _bool,
    Kind.NUMBER: _number,
    Kind.OPTION: _option,
    Kind.LOOKUP: _lookup,
    Kind.DATE: _date,
    Kind.ATTACHMENT: _attachment,
    **dict.fromkeys(READ_ONLY, _read_only),
}
