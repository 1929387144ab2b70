"""The notation of the spec: one line of text is one field.

A line is a dotted path (`[]` after each list), a type, then words in any order.

    items[].employment_id string! id:user_id_type ref:employment scope:corehr:some.field:read

    string int boolean number object, `[]` after it for a list of them; `!` required
    =x default (JSON for lists)     {a|b} the only values         open     ... other values are allowed too
    1..100 range (either end free)  len:0..50 length              enum:n   the values of list n in enums.toml;
    pattern:re  format:date         ref:kind,kind references      enum:a.b the company's own values of field a.b
    id:kind its id type, or the parameter that names it           also:corehr a CoreHR id is accepted as well
    out:corehr rendered as a CoreHR id whatever type is requested scope:a,b hidden unless the app has one
    scope[v]:a,b needed for value v   rulebook  the operation's rulebook owns it   required-in-prose   deprecated
    exclusive     one request at a time may name a record here; a second one is refused without waiting
    idempotency   requests with the same value of it are the same request
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

SCALAR_TYPES = ("string", "int", "boolean", "number", "object")
Enums = Mapping[str, tuple[str, ...]]

_NO_SCOPES: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class SpecError(Exception):
    """The spec contradicts itself; the message is one line: file, entry, what is wrong and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a request, a response or an event.

    A list has its element in `item`, which has the attributes of one element (`fields`, enum, pattern, format, ids,
    references); the list itself has the length. `enum` is empty when any value is allowed; `enum_name` names the source
    of its values. `length` and `range` are inclusive, None where an end is free. `id_type` is the parameter that names
    the id type ("user_id_type", "department_id_type") or a fixed id type; `output_id_type` is "as requested" or
    "corehr". `scopes`: the field is hidden unless the app has one of them. A required field with a default is never
    missing.
    """

    name: str
    type: str
    item: "Field | None" = None
    fields: "tuple[Field, ...]" = ()
    required: bool = False
    required_in_prose: bool = False
    default: Any = None
    enum: tuple[str | int, ...] = ()
    enum_name: str | None = None
    open_enum: bool = False
    length: tuple[int, int | None] | None = None
    range: tuple[float | None, float | None] | None = None
    pattern: str | None = None
    format: str | None = None
    id_type: str | None = None
    accepts_corehr_id: bool = False
    output_id_type: str = "as requested"
    references: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    value_scopes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NO_SCOPES)
    rulebook_owned: bool = False
    deprecated: bool = False
    idempotency: bool = False
    exclusive: bool = False


class FieldParser:
    """Parses lines into fields; equal lines with equal members share one Field."""

    def __init__(self, enums: Enums) -> None:
        """Use `enums`, the shared lists of values by name."""
        self._enums = enums
        self._leaves: dict[tuple[str, str], tuple[str, Field]] = {}
        self._wrapped: dict[tuple[Field, str, tuple[Field, ...]], Field] = {}

    def parse(self, lines: Sequence[str], source: str) -> tuple[Field, ...]:
        """Return the fields of `lines`; `source` (file, entry, section) starts the message of a SpecError.

        Lines are parsed from the last one up, so that the members of an object are complete before the object itself.
        """
        pending: dict[str, list[Field]] = {}
        for line in reversed(lines):
            path, _, rest = line.partition(" ")
            parent, _, name = path.rpartition(".")
            try:
                brackets, leaf = self._parse_leaf(name, rest)
                children = pending.pop(path + brackets, None)
                members = self._in_order(children) if children else ()
                field = self._wrapped_leaf(leaf, brackets, members)
            except (ValueError, re.error) as error:
                raise SpecError(f"{source}: line {line!r}: {error}; see spec/fields.py for the notation") from error
            pending.setdefault(parent, []).append(field)
        try:
            top = self._in_order(pending.pop("", ()))
        except ValueError as error:
            raise SpecError(f"{source}: {error}; delete one") from error
        if pending:
            raise SpecError(f"{source}: no object above the members of {min(pending)!r}; put its line above them")
        return top

    def _parse_leaf(self, name: str, rest: str) -> tuple[str, Field]:
        cached = self._leaves.get((name, rest))
        if cached is None:
            cached = self._leaves[name, rest] = _parse_line(name, rest, self._enums)
        return cached

    def _wrapped_leaf(self, leaf: Field, brackets: str, members: tuple[Field, ...]) -> Field:
        if not brackets and not members:
            return leaf
        cached = self._wrapped.get((leaf, brackets, members))
        if cached is None:
            cached = self._wrapped[leaf, brackets, members] = _wrap(leaf, brackets, members)
        return cached

    def _in_order(self, reversed_fields: Sequence[Field]) -> tuple[Field, ...]:
        if len({field.name for field in reversed_fields}) != len(reversed_fields):
            raise ValueError(f"a name comes twice in {[field.name for field in reversed(reversed_fields)]}")
        return tuple(reversed(reversed_fields))


def _wrap(leaf: Field, brackets: str, members: tuple[Field, ...]) -> Field:
    """Return the field with its members, wrapped in one list per pair of brackets."""
    if members:
        if leaf.type != "object":
            raise ValueError("has members but is no object")
        if any(member.default is not None for member in members):
            raise ValueError("a member has a default, and the gateway fills in only the outermost fields")
        leaf = replace(leaf, fields=members)
    if not brackets:
        return leaf
    element = _element(leaf)
    for _ in range(len(brackets) // 2 - 1):
        element = Field("", "list", item=element)
    return _list_of(element, leaf)


def _element(leaf: Field) -> Field:
    """Return the element of a list, with the attributes of its line that apply to one element."""
    return Field(
        "",
        leaf.type,
        fields=leaf.fields,
        enum=leaf.enum,
        enum_name=leaf.enum_name,
        open_enum=leaf.open_enum,
        range=leaf.range,
        pattern=leaf.pattern,
        format=leaf.format,
        id_type=leaf.id_type,
        accepts_corehr_id=leaf.accepts_corehr_id,
        output_id_type=leaf.output_id_type,
        references=leaf.references,
        value_scopes=leaf.value_scopes,
    )


def _list_of(element: Field, leaf: Field) -> Field:
    """Return the list field, with the attributes of its line that apply to the whole list."""
    return Field(
        leaf.name,
        "list",
        item=element,
        required=leaf.required,
        required_in_prose=leaf.required_in_prose,
        default=leaf.default,
        length=leaf.length,
        scopes=leaf.scopes,
        rulebook_owned=leaf.rulebook_owned,
        deprecated=leaf.deprecated,
    )


def _parse_line(name: str, rest: str, enums: Enums) -> tuple[str, Field]:
    """Return the brackets and the field of one line, without its members."""
    kind, *words = rest.split(" ")
    required = kind.endswith("!")
    kind = kind.removesuffix("!")
    brackets = kind[kind.find("[") :] if kind.endswith("]") else ""
    kind = kind.removesuffix(brackets)
    if kind not in SCALAR_TYPES or brackets.replace("[]", "") or not name:
        raise ValueError(f"{kind + brackets!r} is no type")
    attributes: dict[str, Any] = {}
    for word in words:
        key, value = _attribute(word, kind, brackets)
        if key == "value_scopes":
            value = MappingProxyType({**attributes.pop(key, {}), **value})
        if key in attributes:
            raise ValueError(f"{word!r} sets {key} again")
        attributes[key] = value
    enum_name = attributes.get("enum_name", ".")
    if "." not in enum_name:
        if not enums.get(enum_name):
            raise ValueError(f"enum {enum_name!r} has no values in enums.toml")
        attributes["enum"] = enums[enum_name]
    return brackets, Field(name, kind, required=required, **attributes)


def _attribute(word: str, kind: str, brackets: str) -> tuple[str, Any]:
    """Return the Field attribute that a word sets, and its value."""
    if word in _FLAGS:
        return _FLAGS[word]
    if word[:1] == "=":
        return "default", _default(word[1:], kind, brackets)
    if word[:1] == "{" and word[-1:] == "}":
        values = word[1:-1].split("|")
        if "" in values:
            raise ValueError("an enum without values, or with an empty one")
        return "enum", tuple(map(int, values)) if kind == "int" else tuple(values)
    if _RANGE.fullmatch(word):
        return "range", _parse_range(word)
    return _keyed_attribute(word)


def _keyed_attribute(word: str) -> tuple[str, Any]:
    key, _, value = word.partition(":")
    if key[:6] == "scope[" and key[-1:] == "]":
        return "value_scopes", {key[6:-1]: tuple(value.split(","))}
    if key == "len" and _RANGE.fullmatch(value):
        low, high = _parse_range(value)
        return "length", (low or 0, high)
    if key == "pattern":
        re.compile(value)
    if key == "format" and value != "date":
        raise ValueError(f"{word!r}: date is the only format")
    if key not in _KEYS or not value:
        raise ValueError(f"{word!r} is no word of the notation")
    attribute, is_list = _KEYS[key]
    return attribute, tuple(value.split(",")) if is_list else value


_FLAGS: dict[str, tuple[str, Any]] = {
    "open": ("open_enum", True),
    "rulebook": ("rulebook_owned", True),
    "deprecated": ("deprecated", True),
    "idempotency": ("idempotency", True),
    "exclusive": ("exclusive", True),
    "required-in-prose": ("required_in_prose", True),
    "also:corehr": ("accepts_corehr_id", True),
    "out:corehr": ("output_id_type", "corehr"),
}
_KEYS = {
    "enum": ("enum_name", False),
    "pattern": ("pattern", False),
    "format": ("format", False),
    "id": ("id_type", False),
    "ref": ("references", True),
    "scope": ("scopes", True),
}
_NUMBER = r"(-?[0-9]+(\.[0-9]+)?)?"
_RANGE = re.compile(rf"{_NUMBER}\.\.{_NUMBER}")


def _parse_range(text: str) -> tuple[Any, Any]:
    low, high = text.split("..")
    return json.loads(low or "null"), json.loads(high or "null")


def _default(text: str, kind: str, brackets: str) -> Any:
    if brackets:
        value = json.loads(text)
        if not isinstance(value, list):
            raise ValueError(f"default {text!r} of a list is no JSON list")
        return value
    return text if kind == "string" else json.loads(text)
