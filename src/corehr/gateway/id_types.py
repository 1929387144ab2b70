"""Conversion between the id types of the wire and CoreHR ids, at every field that the spec marks as an id.

Opaque ids (`opaque_ids.py`) need no read. External ids (user_id, people_admin_id, department_id) are the company's own;
they are looked up in the IdDirectory, once per id type and request. An id of the platform that cannot be resolved is
refused here (`id_errors.py`); a CoreHR id, or a people_admin_id, becomes UNKNOWN_ID, and the operation's rulebook
decides which error that is.
"""

from collections.abc import Callable, Mapping
from typing import Any

from corehr.apps.id_directory import IdDirectory
from corehr.apps.opaque_ids import OpaqueIdCodec, is_corehr_id, open_department_id_codec, open_id_codec, union_id_codec
from corehr.apps.registry import App
from corehr.gateway.id_errors import OPEN_ID_OF_ANOTHER_APP, UNKNOWN_ID_CODES, InvalidId, InvalidIdError
from corehr.gateway.id_paths import (
    COREHR_ID_TYPES,
    EXTERNAL_EMPLOYMENT_ID_TYPES,
    EXTERNAL_ID_TYPES,
    ID_TYPES,
    OPAQUE_ID_TYPES,
    IdField,
    IdPaths,
)
from corehr.gateway.schemas import Arguments
from corehr.kernel.db import Tx
from corehr.kernel.ids import UNKNOWN_ID
from corehr.spec.loader import Operation

USER_ID_TYPE = "user_id_type"
DEPARTMENT_ID_TYPE = "department_id_type"

_LookedUp = Mapping[str, Mapping[str, str]]
_Resolve = Callable[[Any], str]


class IdTranslator:
    """Converts the ids in the requests and responses of one operation."""

    def __init__(self, operation: Operation, directory: IdDirectory) -> None:
        self._request_sections = {"path": operation.path_params, "query": operation.query, "body": operation.body}
        self._response_sections = {"data": operation.response}
        self._directory = directory
        self._id_paths: dict[tuple[str, str], tuple[IdPaths, IdPaths]] = {}

    def resolve(self, tx: Tx, app: App, arguments: Arguments) -> Arguments:
        """Return the arguments with CoreHR ids; an optional id that is empty is left out, a required one stays empty.

        Raises InvalidIdError for an id of the platform that is none, names nobody, or is an open_id of another app.
        That the record of an opaque id still exists is not read here, see `require_existing`.
        """
        id_paths, _ = self._id_paths_for(arguments)
        if not id_paths.by_section:
            return arguments
        sections = _sections_of(arguments)
        found: dict[str, Mapping[str, str]] = {}
        if id_paths.has_external_ids:
            for kind, values in id_paths.external_ids_in(sections).items():
                look_up = (
                    self._directory.employments_by_external_id
                    if kind in EXTERNAL_EMPLOYMENT_ID_TYPES
                    else self._directory.departments_by_external_id
                )
                found[kind] = look_up(tx, kind, values)
        refused: set[tuple[IdField, str]] = set()
        resolvers = {id_field: _resolver(id_field, app, found, refused) for id_field in id_paths.id_fields}
        resolved: dict[str, Any] = dict(sections)
        for name, convert in id_paths.by_section:
            resolved[name] = convert(sections[name], resolvers)
        if refused:
            raise InvalidIdError(
                [
                    InvalidId(path, value, id_field[0], _refusal_code(id_field[0], value, app))
                    for path, value, id_field in id_paths.located_ids_in(sections)
                    if (id_field, value) in refused
                ]
            )
        return Arguments(**resolved)

    def require_existing(self, tx: Tx, app: App, arguments: Arguments) -> None:
        """Raise InvalidIdError when an opaque id among the arguments, which were resolved, names no record.

        An opaque id is given out for a record only, and records are not deleted: this happens after an older state of
        the database was restored.
        """
        id_paths, _ = self._id_paths_for(arguments)
        if not id_paths.has_opaque_ids:
            return
        opaque_ids = [
            (path, value, kind, id)
            for path, value, (kind, _) in id_paths.located_ids_in(_sections_of(arguments))
            if kind in OPAQUE_ID_TYPES and (id := _OPAQUE[kind](app).decode(value)) != UNKNOWN_ID
        ]
        departments = {id for _, _, kind, id in opaque_ids if kind == "open_department_id"}
        employments = {id for _, _, kind, id in opaque_ids if kind != "open_department_id"}
        existing = {
            *(self._directory.existing_departments(tx, sorted(departments)) if departments else ()),
            *(self._directory.existing_employments(tx, sorted(employments)) if employments else ()),
        }
        if invalid := [
            InvalidId(path, value, kind, UNKNOWN_ID_CODES[kind])
            for path, value, kind, id in opaque_ids
            if id not in existing
        ]:
            raise InvalidIdError(invalid)

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
                    if kind in EXTERNAL_EMPLOYMENT_ID_TYPES
                    else self._directory.external_ids_of_departments
                )
                found[kind] = look_up(tx, kind, ids)
        converters = {id_field: _renderer(id_field, app, found) for id_field in id_paths.id_fields}
        [(_, convert)] = id_paths.by_section
        rendered: Mapping[str, Any] = convert(data, converters)
        return rendered

    def _id_paths_for(self, arguments: Arguments) -> tuple[IdPaths, IdPaths]:
        user_id_type = arguments.query.get(USER_ID_TYPE, "people_corehr_id")
        department_id_type = arguments.query.get(DEPARTMENT_ID_TYPE, "people_corehr_department_id")
        # an id type that does not exist gets this far only where the rulebook owns the parameter and refuses it
        id_types = (
            user_id_type if user_id_type in ID_TYPES else UNKNOWN_ID,
            department_id_type if department_id_type in ID_TYPES else UNKNOWN_ID,
        )
        id_paths = self._id_paths.get(id_types)
        if id_paths is None:
            kinds = {USER_ID_TYPE: id_types[0], DEPARTMENT_ID_TYPE: id_types[1]}
            request_paths, response_paths = (
                IdPaths(self._request_sections, kinds, for_response=False),
                IdPaths(self._response_sections, kinds, for_response=True),
            )
            id_paths = self._id_paths[id_types] = request_paths, response_paths
        return id_paths


def _sections_of(arguments: Arguments) -> dict[str, Mapping[str, Any]]:
    return {"path": arguments.path, "query": arguments.query, "body": arguments.body}


def _resolver(id_field: IdField, app: App, found: _LookedUp, refused: set[tuple[IdField, str]]) -> _Resolve:
    """Return the conversion to CoreHR ids; it adds to `refused` each id for which the platform has a code."""
    kind, also_corehr = id_field
    resolve_kind = _resolve_kind(kind, app, found)
    has_code = kind in UNKNOWN_ID_CODES

    def resolve(value: Any) -> str:
        if not isinstance(value, str):  # a rulebook-owned field may have any type
            return UNKNOWN_ID
        id = resolve_kind(value)
        if id != UNKNOWN_ID:
            return id
        if also_corehr and is_corehr_id(value):
            return value
        if has_code:
            refused.add((id_field, value))
        return UNKNOWN_ID

    return resolve


def _resolve_kind(kind: str, app: App, found: _LookedUp) -> Callable[[str], str]:
    if kind in EXTERNAL_ID_TYPES:
        ids_by_external_id = found.get(kind, {})
        return lambda value: ids_by_external_id.get(value, UNKNOWN_ID)
    if kind in COREHR_ID_TYPES:
        return lambda value: value if is_corehr_id(value) else UNKNOWN_ID
    codec_for = _OPAQUE.get(kind)
    return codec_for(app).decode if codec_for is not None else lambda value: UNKNOWN_ID


def _refusal_code(kind: str, value: str, app: App) -> int:
    if kind == "open_id" and open_id_codec(app.server_key, app.app_id).is_of_another_app(value):
        return OPEN_ID_OF_ANOTHER_APP
    return UNKNOWN_ID_CODES[kind]


def _renderer(id_field: IdField, app: App, found: _LookedUp) -> Callable[[Any], Any]:
    kind, _ = id_field
    if kind in EXTERNAL_ID_TYPES:
        external_ids = found.get(kind, {})
        return lambda id: external_ids.get(id, "") if isinstance(id, str) else id
    encode = _OPAQUE[kind](app).encode
    return lambda id: encode(id) if isinstance(id, str) else id


_OPAQUE: Mapping[str, Callable[[App], OpaqueIdCodec]] = {
    "open_id": lambda app: open_id_codec(app.server_key, app.app_id),
    "union_id": lambda app: union_id_codec(app.server_key),
    "open_department_id": lambda app: open_department_id_codec(app.server_key),
}
