"""Where an operation has ids: the paths to them, and the conversion of every id at these paths."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from corehr.spec.loader import Field

COREHR_ID_TYPES = frozenset({"people_corehr_id", "people_corehr_department_id"})
EXTERNAL_EMPLOYMENT_ID_TYPES = frozenset({"user_id", "people_admin_id"})
EXTERNAL_ID_TYPES = EXTERNAL_EMPLOYMENT_ID_TYPES | {"department_id"}
OPAQUE_ID_TYPES = frozenset({"open_id", "union_id", "open_department_id"})
ID_TYPES = COREHR_ID_TYPES | EXTERNAL_ID_TYPES | OPAQUE_ID_TYPES

IdField = tuple[str, bool]
"""Id type, and whether a CoreHR id is accepted as well."""

Converters = Mapping[IdField, Callable[[Any], Any]]
Convert = Callable[[Any, Converters], Any]
"""Returns the value with every id in it converted; what changes is copied, not changed in place."""

Keys = tuple[str, ...]
_EACH = "[]"
"""Stands in a path for every element of a list."""


class IdPaths:
    """The paths to the ids in some sections of an operation, for one requested pair of id types."""

    def __init__(
        self, sections: Mapping[str, Sequence[Field]], kinds: Mapping[str, str], *, for_response: bool
    ) -> None:
        self._kinds, self._for_response = kinds, for_response
        self._paths = [path for name, fields in sections.items() for path in self._find_paths(fields, (name,))]
        self.id_fields = {id_field for _, id_field in self._paths}
        self._external_id_paths = [(keys, kind) for keys, (kind, _) in self._paths if kind in EXTERNAL_ID_TYPES]
        self.has_external_ids = bool(self._external_id_paths)
        self.has_opaque_ids = any(kind in OPAQUE_ID_TYPES for kind, _ in self.id_fields)
        converters_by_section = ((name, self._object_converter(fields)) for name, fields in sections.items())
        self.by_section = tuple((name, convert) for name, convert in converters_by_section if convert is not None)

    def _find_paths(self, fields: Sequence[Field], parent_keys: Keys) -> Iterator[tuple[Keys, IdField]]:
        """Yield the keys from the sections to each id, and what kind of id it is."""
        for field in fields:
            inner, keys = field, (*parent_keys, field.name)
            while inner.item is not None:
                inner, keys = inner.item, (*keys, _EACH)
            if (id_field := self._id_field(inner)) is not None:
                yield keys, id_field
            yield from self._find_paths(inner.fields, keys)

    def _id_field(self, field: Field) -> IdField | None:
        """Return the kind of id that the field has, or None when its ids stay as they are."""
        if field.id_type is None:
            return None
        kind = self._kinds.get(field.id_type, field.id_type)
        if self._for_response and (field.output_id_type == "corehr" or kind in COREHR_ID_TYPES or kind not in ID_TYPES):
            return None
        return kind, field.accepts_corehr_id

    def _object_converter(self, fields: Sequence[Field]) -> Convert | None:
        member_converters = tuple(
            (field.name, self._is_absent_when_empty(field), convert_member)
            for field in fields
            if (convert_member := self._converter(field)) is not None
        )
        if not member_converters:
            return None

        def convert(data: Any, converters: Converters) -> Any:
            if not isinstance(data, dict):
                return data
            converted = dict(data)
            for name, absent_when_empty, convert_member in member_converters:
                value = converted.get(name)
                if value == "":
                    if absent_when_empty:
                        del converted[name]
                elif value is not None:
                    converted[name] = convert_member(value, converters)
            return converted

        return convert

    def _is_absent_when_empty(self, field: Field) -> bool:
        """Return whether "" means that the field was not sent, as it does where clients send every field they have."""
        optional = not (field.required or field.required_in_prose)
        return optional and field.id_type is not None and not self._for_response

    def _converter(self, field: Field) -> Convert | None:
        if field.item is not None:
            convert_element = self._converter(field.item)
            return None if convert_element is None else _list_converter(convert_element)
        if field.id_type is None:
            return self._object_converter(field.fields)
        id_field = self._id_field(field)
        return None if id_field is None else lambda value, converters: converters[id_field](value)

    def external_ids_in(self, sections: Mapping[str, Any]) -> dict[str, list[str]]:
        """Return the external ids in these sections that must be looked up, sorted, by id type."""
        found: dict[str, set[str]] = {}
        for keys, kind in self._external_id_paths:
            ids = [value for value in _values_at(sections, keys) if isinstance(value, str) and value]
            if ids:
                found.setdefault(kind, set()).update(ids)
        return {kind: sorted(ids) for kind, ids in sorted(found.items())}

    def located_ids_in(self, sections: Mapping[str, Any]) -> Iterator[tuple[str, str, IdField]]:
        """Yield the dotted path, the text and the kind of each id; an empty one only where it is in a list."""
        for (section, *keys), id_field in self._paths:
            for path, value in _located_at(sections[section], tuple(keys)):
                if isinstance(value, str) and (value or keys[-1] == _EACH):
                    yield path, value, id_field


def _values_at(sections: Mapping[str, Any], keys: Keys) -> list[Any]:
    """Return the values that the keys lead to; values without the expected shape are skipped."""
    values: list[Any] = [sections]
    for key in keys:
        if key == _EACH:
            values = [element for value in values if isinstance(value, list | tuple) for element in value]
        else:
            values = [value.get(key) for value in values if isinstance(value, dict)]
    return values


def _located_at(value: Any, keys: Keys, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the value of all that the keys lead to, as `_values_at` does."""
    if not keys:
        yield path, value
    elif keys[0] == _EACH:
        for index, element in enumerate(value if isinstance(value, list | tuple) else ()):
            yield from _located_at(element, keys[1:], f"{path}[{index}]")
    elif isinstance(value, dict):
        yield from _located_at(value.get(keys[0]), keys[1:], f"{path}.{keys[0]}" if path else keys[0])


def _list_converter(convert_element: Convert) -> Convert:
    def convert(values: Any, converters: Converters) -> Any:
        return [convert_element(value, converters) for value in values] if isinstance(values, list | tuple) else values

    return convert
