"""What a JSON column holds has one text: a set would be written in an order that differs from process to process."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import msgspec

from corehr.app import features  # noqa: F401  # declares every table
from corehr.engines.custom_fields import FieldDefinition
from corehr.kernel.statements import JsonText, metadata

SETS = (msgspec.inspect.SetType, msgspec.inspect.FrozenSetType)


def parts(value: Any) -> Iterator[Any]:
    """Yield a msgspec type and every type inside it."""
    yield value
    for name in value.__struct_fields__:
        inner = getattr(value, name)
        for part in inner if isinstance(inner, tuple) else (inner,):
            if isinstance(part, msgspec.inspect.Type | msgspec.inspect.Field):
                yield from parts(getattr(part, "type", part))


def test_no_json_column_holds_a_set():
    types = {
        f"{table.name}.{column.name}": column.type.value_type
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, JsonText)
    }
    assert types["custom_field.definition"] is FieldDefinition
    assert not [
        name for name, t in types.items() if any(isinstance(p, SETS) for p in parts(msgspec.inspect.type_info(t)))
    ]


def test_the_search_finds_a_set():
    holder = dataclasses.make_dataclass("Holder", [("names", list[frozenset[str]])])
    assert any(isinstance(part, SETS) for part in parts(msgspec.inspect.type_info(holder)))
