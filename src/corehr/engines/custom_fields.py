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


class FieldType(IntEnum):
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


class InvalidValue(Enum):
    """Why a text is no value of its field."""

    TOO_LONG = "the text has more characters than the field takes"
    NOT_A_URL = "it is no absolute http or https address"
    NOT_A_BOOLEAN = "it is neither true nor false"
    NOT_A_NUMBER = "it is no decimal number, or has more digits or decimals than the field takes"
    NOT_AN_OPTION = "it is not an option, or not a list of options, that the field offers"
    NOT_A_REFERENCE = "it is no id, or no list of ids"
    NOT_A_DATE = "it is no day of the calendar, or no time of a day, written as the field wants it"
    IS_ATTACHMENT = "a file cannot be given as text"
    READ_ONLY = "the system itself fills in the field"


READ_ONLY_TYPES: Final = frozenset(
    {FieldType.AUTO_NUMBER, FieldType.IMAGE, FieldType.CALCULATED, FieldType.REVERSE_LOOKUP}
)
MAX_SINGLE_LINE_CHARS, MAX_MULTI_LINE_CHARS = 255, 6000
"""Characters that a text has at most."""


@dataclass(frozen=True, slots=True)
class FieldDefinition:
    """One field of a form. What concerns other kinds than its own stays as it is.

    `options` are the active ones; `of` is the kind of thing a lookup names; `several` makes a list of options or ids;
    `digits` counts those before and after the point; a `locked` field is there to be read.
    """

    name: str
    type: FieldType
    multi_line: bool = False
    is_url: bool = False
    decimals: int = 0
    digits: int = 18
    options: frozenset[str] = frozenset()
    target_kind: str = ""
    is_list: bool = False
    with_time: bool = False
    locked: bool = False

    @property
    def editable(self) -> bool:
        return not self.locked and self.type not in READ_ONLY_TYPES


_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.([0-9]{1,40}))?")
_DATE = re.compile(r"(?:19|[2-9][0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(_DATE.pattern + r" [0-9]{2}:[0-9]{2}:[0-9]{2}")
_URL = re.compile(r"https?://(?:[^\s/?#@]+@)?[^\s/?#@:][^\s/?#@]*(?:[/?#]\S*)?", re.IGNORECASE)
_DECIMAL_CONTEXT = Context(prec=100)
_decode_texts = msgspec.json.Decoder(list[str]).decode


def decode(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    """The value that a text says, or why it says none."""
    return _DECODERS[definition.type](definition, text)


def encode(value: Value) -> str:
    """A value as the wire writes it; `decode` reads the same value from it again."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def referenced_ids(value: Value | InvalidValue) -> Sequence[str]:
    """The ids that a lookup's value holds."""
    if isinstance(value, list):
        return value
    return [value] if isinstance(value, str) else []


def _decode_text(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    if definition.is_url and not _URL.fullmatch(text):
        return InvalidValue.NOT_A_URL
    return (
        InvalidValue.TOO_LONG
        if len(text) > (MAX_MULTI_LINE_CHARS if definition.multi_line else MAX_SINGLE_LINE_CHARS)
        else text
    )


def _decode_bool(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    return text == "true" if text in ("true", "false") else InvalidValue.NOT_A_BOOLEAN


def _decode_number(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    found = _NUMBER.fullmatch(text)
    if found is None or len(found[1] or "") > definition.decimals:
        return InvalidValue.NOT_A_NUMBER
    number = Decimal(text).quantize(Decimal(1).scaleb(-definition.decimals), context=_DECIMAL_CONTEXT)
    if len(number.as_tuple().digits) > definition.digits:
        return InvalidValue.NOT_A_NUMBER
    return format(number or number.copy_abs(), "f")


def _decode_option(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    chosen = _decode_list(text) if definition.is_list else [text]
    if not chosen or not definition.options.issuperset(chosen):
        return InvalidValue.NOT_AN_OPTION
    return chosen if definition.is_list else text


def _decode_lookup(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    ids = _decode_list(text) if definition.is_list else [text]
    if not ids or not all(ids):
        return InvalidValue.NOT_A_REFERENCE
    return ids if definition.is_list else text


def _decode_list(text: str) -> list[str]:
    """The texts of a JSON list, each once; none when it is no such list."""
    try:
        return list(dict.fromkeys(_decode_texts(text)))
    except (msgspec.DecodeError, UnicodeError):
        return []


def _decode_date(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat() + (" 00:00:00" if definition.with_time else "")
        if definition.with_time and _DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text).isoformat(sep=" ")
    except ValueError:
        pass
    return InvalidValue.NOT_A_DATE


def _reject_attachment(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    return InvalidValue.IS_ATTACHMENT


def _reject_read_only(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    return InvalidValue.READ_ONLY


_DECODERS: Final[Mapping[FieldType, Callable[[FieldDefinition, str], Value | InvalidValue]]] = {
    FieldType.TEXT: _decode_text,
    FieldType.BOOL: _decode_bool,
    FieldType.NUMBER: _decode_number,
    FieldType.OPTION: _decode_option,
    FieldType.LOOKUP: _decode_lookup,
    FieldType.DATE: _decode_date,
    FieldType.ATTACHMENT: _reject_attachment,
    **dict.fromkeys(READ_ONLY_TYPES, _reject_read_only),
}
