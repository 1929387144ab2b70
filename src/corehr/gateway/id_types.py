"""Conversion between the id types of the wire and CoreHR ids, at every field that the spec marks as an id.

Opaque ids (`opaque_ids.py`) need no read. External ids (user_id, people_admin_id, department_id) are the company's own;
they are looked up in the IdDirectory, once per id type and request. An id that matches nothing becomes UNKNOWN_ID, and
the operation's rulebook decides which error that is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from corehr.apps.id_directory import IdDirectory
from corehr.apps.opaque_ids import OpaqueIdCodec, is_corehr_id, open_department_id_codec, open_id_codec, union_id_codec
from corehr.apps.registry import App
from corehr.gateway.schemas import Arguments
from corehr.kernel.db import Tx
from corehr.kernel.ids import UNKNOWN_ID
from corehr.spec.loader import Field, Operation

USER_ID_TYPE = "user_id_type"
DEPARTMENT_ID_TYPE = "department_id_type"

_COREHR_ID_TYPES = frozenset({"people_corehr_id", "people_corehr_department_id"})
_EXTERNAL_EMPLOYMENT_ID_TYPES = frozenset({"user_id", "people_admin_id"})
_EXTERNAL_ID_TYPES = _EXTERNAL_EMPLOYMENT_ID_TYPES | {"department_id"}
_ID_TYPES = _COREHR_ID_TYPES | _EXTERNAL_ID_TYPES | {"open_id", "union_id", "open_department_id"}


# ----------------------------------------------------------------------------------------------- paths to the ids

IdField = tuple[str, bool]
"""Id type, and whether a CoreHR id is accepted as well."""

Converters = Mapping[IdField, Callable[[Any], Any]]
Convert = Callable[[Any, Converters], Any]
"""Returns the value with every id in it converted; what changes is copied, not changed in place."""

Keys = tuple[str, ...]
_EACH = "[]"
"""Stands in a path for every element of a list."""


class _IdPaths:
    """The paths to the ids in some sections of an operation, for one requested pair of id types."""

    def __init__(
        self, sections: Mapping[str, Sequence[Field]], kinds: Mapping[str, str], *, for_response: bool
    ) -> None:
        self._kinds, self._for_response = kinds, for_response
        paths = [path for name, fields in sections.items() for path in self._find_paths(fields, (name,))]
        self.id_fields = {id_field for _, id_field in paths}
        self._external_id_paths = [(keys, kind) for keys, (kind, _) in paths if kind in _EXTERNAL_ID_TYPES]
        self.has_external_ids = bool(self._external_id_paths)
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
        if self._for_response and (
            field.output_id_type == "corehr" or kind in _COREHR_ID_TYPES or kind not in _ID_TYPES
        ):
            return None
        return kind, field.accepts_corehr_id

    def _object_converter(self, fields: Sequence[Field]) -> Convert | None:
        member_converters = tuple(
            (field.name, convert_member) for field in fields if (convert_member := self._converter(field)) is not None
        )
        if not member_converters:
            return None

        def convert(data: Any, converters: Converters) -> Any:
            if not isinstance(data, dict):
                return data
            converted = dict(data)
            for name, convert_member in member_converters:
                value = converted.get(name)
                if value is not None:
                    converted[name] = convert_member(value, converters)
            return converted

        return convert

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


def _values_at(sections: Mapping[str, Any], keys: Keys) -> list[Any]:
    """Return the values that the keys lead to; values without the expected shape are skipped."""
    values: list[Any] = [sections]
    for key in keys:
        if key == _EACH:
            values = [element for value in values if isinstance(value, list | tuple) for element in value]
        else:
            values = [value.get(key) for value in values if isinstance(value, dict)]
    return values


def _list_converter(convert_element: Convert) -> Convert:
    def convert(values: Any, converters: Converters) -> Any:
        return [convert_element(value, converters) for value in values] if isinstance(values, list | tuple) else values

    return convert


# ------------------------------------------------------------------------------------------------ conversion

_LookedUp = Mapping[str, Mapping[str, str]]


class IdTranslator:
    """Converts the ids in the requests and responses of one operation."""

    def __init__(self, operation: Operation, directory: IdDirectory) -> None:
        self._request_sections = {"path": operation.path_params, "query": operation.query, "body": operation.body}
        self._response_sections = {"data": operation.response}
        self._directory = directory
        self._id_paths: dict[tuple[str, str], tuple[_IdPaths, _IdPaths]] = {}

    def resolve(self, tx: Tx, app: App, arguments: Arguments) -> Arguments:
        """Return the arguments with CoreHR ids; an empty id stays empty, an unknown one becomes UNKNOWN_ID."""
        id_paths, _ = self._id_paths_for(arguments)
        if not id_paths.by_section:
            return arguments
        sections = {"path": arguments.path, "query": arguments.query, "body": arguments.body}
        found: dict[str, Mapping[str, str]] = {}
        if id_paths.has_external_ids:
            for kind, values in id_paths.external_ids_in(sections).items():
                look_up = (
                    self._directory.employments_by_external_id
                    if kind in _EXTERNAL_EMPLOYMENT_ID_TYPES
                    else self._directory.departments_by_external_id
                )
                found[kind] = look_up(tx, kind, values)
        converters = {id_field: _resolver(id_field, app, found) for id_field in id_paths.id_fields}
        for name, convert in id_paths.by_section:
            sections[name] = convert(sections[name], converters)
        return Arguments(**sections)

    def render(self, tx: Tx, app: App, arguments: Arguments, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data with ids of the requested types; an id is empty where it has no value of that type."""
        _, id_paths = self._id_paths_for(arguments)
        if not id_paths.by_section:
            return data
        found: dict[str, Mapping[str, str]] = {}
        if id_paths.has_external_ids:
            for kind, ids in id_paths.external_ids_in({"data": data}).items():
                look_up = (
                    self._directory.external_ids_of_employments
                    if kind in _EXTERNAL_EMPLOYMENT_ID_TYPES
                    else self._directory.external_ids_of_departments
                )
                found[kind] = look_up(tx, kind, ids)
        converters = {id_field: _renderer(id_field, app, found) for id_field in id_paths.id_fields}
        [(_, convert)] = id_paths.by_section
        rendered: Mapping[str, Any] = convert(data, converters)
        return rendered

    def _id_paths_for(self, arguments: Arguments) -> tuple[_IdPaths, _IdPaths]:
        user_id_type = arguments.query.get(USER_ID_TYPE, "people_corehr_id")
        department_id_type = arguments.query.get(DEPARTMENT_ID_TYPE, "people_corehr_department_id")
        # an id type that does not exist gets this far only where the rulebook owns the parameter and refuses it
        id_types = (
            user_id_type if user_id_type in _ID_TYPES else UNKNOWN_ID,
            department_id_type if department_id_type in _ID_TYPES else UNKNOWN_ID,
        )
        id_paths = self._id_paths.get(id_types)
        if id_paths is None:
            kinds = {USER_ID_TYPE: id_types[0], DEPARTMENT_ID_TYPE: id_types[1]}
            request_paths, response_paths = (
                _IdPaths(self._request_sections, kinds, for_response=False),
                _IdPaths(self._response_sections, kinds, for_response=True),
            )
            id_paths = self._id_paths[id_types] = request_paths, response_paths
        return id_paths


def _resolver(id_field: IdField, app: App, found: _LookedUp) -> Callable[[Any], str]:
    kind, also_corehr = id_field
    resolve_kind = _resolve_kind(kind, app, found)

    def resolve(value: Any) -> str:
        if not isinstance(value, str):  # a rulebook-owned field may have any type
            return UNKNOWN_ID
        if not value:
            return value
        id = resolve_kind(value)
        return value if id == UNKNOWN_ID and also_corehr and is_corehr_id(value) else id

    return resolve


def _resolve_kind(kind: str, app: App, found: _LookedUp) -> Callable[[str], str]:
    if kind in _EXTERNAL_ID_TYPES:
        ids_by_external_id = found.get(kind, {})
        return lambda value: ids_by_external_id.get(value, UNKNOWN_ID)
    if kind in _COREHR_ID_TYPES:
        return lambda value: value if is_corehr_id(value) else UNKNOWN_ID
    codec_for = _OPAQUE.get(kind)
    return codec_for(app).decode if codec_for is not None else lambda value: UNKNOWN_ID


def _renderer(id_field: IdField, app: App, found: _LookedUp) -> Callable[[Any], Any]:
    kind, _ = id_field
    if kind in _EXTERNAL_ID_TYPES:
        external_ids = found.get(kind, {})
        return lambda id: external_ids.get(id, "") if isinstance(id, str) else id
    encode = _OPAQUE[kind](app).encode
    return lambda id: encode(id) if isinstance(id, str) else id


_OPAQUE: Mapping[str, Callable[[App], OpaqueIdCodec]] = {
    "open_id": lambda app: open_id_codec(app.server_key, app.app_id),
    "union_id": lambda app: union_id_codec(app.server_key),
    "open_department_id": lambda app: open_department_id_codec(app.server_key),
}
