"""Custom fields: decodes a field's text from the API into a value of the field's type, and encodes it again.

Pure. Scalars are plain text, lists are JSON; the empty text, and the empty list of a list field, stand for no value.
Whether a referenced record exists is checked by the feature that uses the field.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Context, Decimal
from enum import Enum, IntEnum
from typing import Final

import msgspec

Value = bool | str | list[str]
"""A field's value, ready for JSON: dates are ISO text, numbers are text with the decimals of their definition."""


class FieldType(IntEnum):
    """The types of field, with the platform's numbers."""

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
    """Why a text is invalid for its field."""

    TOO_LONG = "the text has more characters than the field takes"
    NOT_A_URL = "it is not an absolute http or https address"
    NOT_A_BOOLEAN = "it is neither true nor false"
    NOT_A_NUMBER = "it is not a decimal number, or has more digits or decimals than the field takes"
    NOT_AN_OPTION = "it is not an option, or not a list of options, that the field offers"
    NOT_A_REFERENCE = "it is not an id, or not a list of ids"
    NOT_A_DATE = "it is not a calendar day, or not a time of day, in the format of the field"
    IS_ATTACHMENT = "a file cannot be given as text"
    READ_ONLY = "the system itself fills in the field"
    IS_EMPTY = "the field is mandatory, and the text empties it"


READ_ONLY_TYPES: Final = frozenset(
    {FieldType.AUTO_NUMBER, FieldType.IMAGE, FieldType.CALCULATED, FieldType.REVERSE_LOOKUP}
)
MAX_SINGLE_LINE_CHARS, MAX_MULTI_LINE_CHARS = 255, 6000
"""The maximum length of a text, in characters."""


class FieldDefinition(msgspec.Struct, frozen=True):
    """The definition of one field of a form; attributes that do not concern its type keep their defaults.

    `options` are the active ones; `target_kind` is the kind of entity that a lookup refers to; with `is_list` the value
    is a list of options or ids; `digits` counts those before and after the decimal point; `locked` means read-only;
    a `required` field cannot be emptied.
    """

    name: str
    type: FieldType
    multi_line: bool = False
    is_url: bool = False
    decimals: int = 0
    digits: int = 18
    options: tuple[str, ...] = ()
    target_kind: str = ""
    is_list: bool = False
    with_time: bool = False
    locked: bool = False
    required: bool = False

    @property
    def editable(self) -> bool:
        return not self.locked and self.type not in READ_ONLY_TYPES


_NUMBER = re.compile(r"-?[0-9]{1,40}(?:\.([0-9]{1,40}))?")
_DATE = re.compile(r"(?:19|[2-9][0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(_DATE.pattern + r" [0-9]{2}:[0-9]{2}:[0-9]{2}")
_URL = re.compile(r"https?://(?:[^\s/?#@]+@)?[^\s/?#@:][^\s/?#@]*(?:[/?#]\S*)?", re.IGNORECASE)
_DECIMAL_CONTEXT = Context(prec=100)
_decode_texts = msgspec.json.Decoder(list[str]).decode


def decode(definition: FieldDefinition, text: str) -> Value | InvalidValue | None:
    """Return the value of a text, None when the text empties the field, or why the text is invalid."""
    if definition.type in _SETTABLE_TYPES and (not text or (definition.is_list and _decode_list(text) == [])):
        return InvalidValue.IS_EMPTY if definition.required else None
    return _DECODERS[definition.type](definition, text)


def encode(value: Value | None) -> str:
    """Return a value as the API's text, the empty text for None; `decode` returns the same value for it."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode()


def stands_for(definition: FieldDefinition, text: str, value: Value | None) -> bool:
    """Return whether a text says `value`, the present one of a field, even if the field no longer takes it.

    The members of a list may be in another order.
    """
    if isinstance(value, list):
        return sorted(_decode_list(text) or ()) == sorted(value)
    is_empty_attachment = definition.type is FieldType.ATTACHMENT and text == "[]" and value is None
    return text == encode(value) or decode(definition, text) == value or is_empty_attachment


def keeping(definition: FieldDefinition, value: Value | None) -> FieldDefinition:
    """Return a definition that also takes the options that a list has now, even if they are no longer offered."""
    if definition.type is FieldType.OPTION and isinstance(value, list):
        return msgspec.structs.replace(definition, options=(*definition.options, *value))
    return definition


def referenced_ids(value: Value | InvalidValue | None) -> Sequence[str]:
    """Return the ids in the value of a lookup field; none for an empty or an invalid value."""
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
    if chosen is None or not set(definition.options).issuperset(chosen):
        return InvalidValue.NOT_AN_OPTION
    return chosen if definition.is_list else text


def _decode_lookup(definition: FieldDefinition, text: str) -> Value | InvalidValue:
    ids = _decode_list(text) if definition.is_list else [text]
    if ids is None or not all(ids):
        return InvalidValue.NOT_A_REFERENCE
    return ids if definition.is_list else text


def _decode_list(text: str) -> list[str] | None:
    """Return the texts of a JSON list, without duplicates, or None when `text` is not such a list."""
    try:
        return list(dict.fromkeys(_decode_texts(text)))
    except (msgspec.DecodeError, UnicodeError):
        return None


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

_SETTABLE_TYPES: Final = frozenset(_DECODERS) - READ_ONLY_TYPES - {FieldType.ATTACHMENT}
