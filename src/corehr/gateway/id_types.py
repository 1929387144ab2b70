"""Ids as an app speaks them, turned into CoreHR's own and back, wherever the spec marks a field as an id.

Made ids (`made_ids.py`) need no read. user_id, people_admin_id and department_id are the company's own and are asked
of the Directory, once per kind and request. What names nobody becomes UNKNOWN: the operation's rulebook answers that.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from corehr.gateway.apps import App
from corehr.gateway.made_ids import Permutation, is_corehr, open_department_ids, open_ids, union_ids
from corehr.gateway.shapes import Arguments
from corehr.gateway.spec import Field, Operation
from corehr.kernel.clock import IsoDate
from corehr.kernel.db import Tx
from corehr.kernel.feature import DataRange
from corehr.kernel.ids import UNKNOWN_ID

PEOPLE = "user_id_type"
DEPARTMENTS = "department_id_type"

_COREHR = frozenset({"people_corehr_id", "people_corehr_department_id"})
_OF_PEOPLE = frozenset({"user_id", "people_admin_id"})
_IN_DIRECTORY = _OF_PEOPLE | {"department_id"}
_KINDS = _COREHR | _IN_DIRECTORY | {"open_id", "union_id", "open_department_id"}


class Directory(Protocol):
    """The ids that a company gave its people and departments. An answer leaves out what names nobody."""

    def people_by(self, tx: Tx, id_type: str, values: Sequence[str]) -> Mapping[str, str]:
        """Employment ids by the given ids, of type user_id or people_admin_id."""
        ...

    def people_as(self, tx: Tx, id_type: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Ids of type user_id or people_admin_id by employment id."""
        ...

    def departments_by(self, tx: Tx, id_type: str, values: Sequence[str]) -> Mapping[str, str]:
        """CoreHR department ids by the given ids, of type department_id."""
        ...

    def departments_as(self, tx: Tx, id_type: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Ids of type department_id by CoreHR department id."""
        ...

    def is_within(self, tx: Tx, data_range: DataRange, employment_id: str, day: IsoDate) -> bool:
        """Whether the person works in one of the range's departments on a day."""
        ...


# ------------------------------------------------------------------------------------------------ where ids stand

Leaf = tuple[str, bool]
"""Kind of id, and whether a CoreHR id is taken as well."""

Speak = Mapping[Leaf, Callable[[Any], Any]]
Convert = Callable[[Any, Speak], Any]
"""A value with every id in it spoken anew; what changes is copied, not changed in place."""


class _Ways:
    """The ways to the ids of some sections of an operation, for one pair of id types asked for."""

    def __init__(self, sections: Mapping[str, Sequence[Field]], kinds: Mapping[str, str], *, outward: bool) -> None:
        self._kinds, self._outward = kinds, outward
        self.leaves: set[Leaf] = set()
        ways = ((name, self._members(fields)) for name, fields in sections.items())
        self.by_section = tuple((name, way) for name, way in ways if way is not None)
        self.directory = sorted({kind for kind, _ in self.leaves if kind in _IN_DIRECTORY})

    def _members(self, fields: Sequence[Field]) -> Convert | None:
        ways = tuple((field.name, way) for field in fields if (way := self._way(field)) is not None)
        if not ways:
            return None

        def convert(holder: Any, speak: Speak) -> Any:
            if not isinstance(holder, dict):
                return holder
            changed = dict(holder)
            for name, way in ways:
                value = changed.get(name)
                if value is not None:
                    changed[name] = way(value, speak)
            return changed

        return convert

    def _way(self, field: Field) -> Convert | None:
        if field.item is not None:
            element = self._way(field.item)
            return None if element is None else _each(element)
        if field.id is None:
            return self._members(field.fields)
        kind = self._kinds.get(field.id, field.id)
        if self._outward and (field.id_out == "corehr" or kind in _COREHR or kind not in _KINDS):
            return None
        leaf = (kind, field.id_also_corehr)
        self.leaves.add(leaf)
        return lambda value, speak: speak[leaf](value)

    def in_directory(self, sections: Mapping[str, Any]) -> dict[str, list[str]]:
        """By kind, the ids in these sections that the Directory must be asked for."""
        found: dict[str, set[str]] = {kind: set() for kind in self.directory}

        def note(kind: str) -> Callable[[Any], Any]:
            ids = found.get(kind)
            return lambda value: ids.add(value) if ids is not None and isinstance(value, str) and value else None

        speak = {leaf: note(leaf[0]) for leaf in self.leaves}
        for name, way in self.by_section:
            way(sections[name], speak)
        return {kind: sorted(ids) for kind, ids in found.items() if ids}


def _each(element: Convert) -> Convert:
    def convert(values: Any, speak: Speak) -> Any:
        return [element(value, speak) for value in values] if isinstance(values, list | tuple) else values

    return convert


# ------------------------------------------------------------------------------------------------ conversion

_Found = Mapping[str, Mapping[str, str]]


class IdTypes:
    """The ids in the requests and answers of one operation."""

    def __init__(self, operation: Operation, directory: Directory) -> None:
        self._asked = {"path": operation.path_params, "query": operation.query, "body": operation.body}
        self._answered = {"data": operation.response}
        self._directory = directory
        self._ways: dict[tuple[str, str], tuple[_Ways, _Ways]] = {}

    def inward(self, tx: Tx, app: App, given: Arguments) -> Arguments:
        """The arguments with CoreHR ids; an empty id stays empty."""
        ways, _ = self._ways_for(given)
        if not ways.by_section:
            return given
        sections = {"path": given.path, "query": given.query, "body": given.body}
        found: dict[str, Mapping[str, str]] = {}
        if ways.directory:
            for kind, values in ways.in_directory(sections).items():
                by = self._directory.people_by if kind in _OF_PEOPLE else self._directory.departments_by
                found[kind] = by(tx, kind, values)
        speak = {leaf: _reader(leaf, app, found) for leaf in ways.leaves}
        for name, way in ways.by_section:
            sections[name] = way(sections[name], speak)
        return Arguments(**sections)

    def outward(self, tx: Tx, app: App, given: Arguments, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer with ids of the types asked for; empty where there is no id of that type."""
        _, ways = self._ways_for(given)
        if not ways.by_section:
            return data
        found: dict[str, Mapping[str, str]] = {}
        if ways.directory:
            for kind, ids in ways.in_directory({"data": data}).items():
                spoken_as = self._directory.people_as if kind in _OF_PEOPLE else self._directory.departments_as
                found[kind] = spoken_as(tx, kind, ids)
        speak = {leaf: _speaker(leaf, app, found) for leaf in ways.leaves}
        [(_, way)] = ways.by_section
        spoken: Mapping[str, Any] = way(data, speak)
        return spoken

    def _ways_for(self, given: Arguments) -> tuple[_Ways, _Ways]:
        people = given.query.get(PEOPLE, "people_corehr_id")
        departments = given.query.get(DEPARTMENTS, "people_corehr_department_id")
        # a type that does not exist is the rulebook's to refuse, where it gets this far
        asked = (people if people in _KINDS else UNKNOWN_ID, departments if departments in _KINDS else UNKNOWN_ID)
        ways = self._ways.get(asked)
        if ways is None:
            kinds = {PEOPLE: asked[0], DEPARTMENTS: asked[1]}
            inward, outward = _Ways(self._asked, kinds, outward=False), _Ways(self._answered, kinds, outward=True)
            ways = self._ways[asked] = inward, outward
        return ways


def _reader(leaf: Leaf, app: App, found: _Found) -> Callable[[Any], str]:
    kind, also_corehr = leaf
    known = _reads(kind, app, found)

    def read(given: Any) -> str:
        if not isinstance(given, str):  # a field its rulebook owns may hold anything
            return UNKNOWN_ID
        if not given:
            return given
        id = known(given)
        return given if id == UNKNOWN_ID and also_corehr and is_corehr(given) else id

    return read


def _reads(kind: str, app: App, found: _Found) -> Callable[[str], str]:
    if kind in _IN_DIRECTORY:
        by = found.get(kind, {})
        return lambda given: by.get(given, UNKNOWN_ID)
    if kind in _COREHR:
        return lambda given: given if is_corehr(given) else UNKNOWN_ID
    made = _MADE.get(kind)
    return made(app).read if made is not None else lambda given: UNKNOWN_ID


def _speaker(leaf: Leaf, app: App, found: _Found) -> Callable[[Any], Any]:
    kind, _ = leaf
    if kind in _IN_DIRECTORY:
        spoken = found.get(kind, {})
        return lambda id: spoken.get(id, "") if isinstance(id, str) else id
    speak = _MADE[kind](app).speak
    return lambda id: speak(id) if isinstance(id, str) else id


_MADE: Mapping[str, Callable[[App], Permutation]] = {
    "open_id": lambda app: open_ids(app.server_key, app.app_id),
    "union_id": lambda app: union_ids(app.server_key),
    "open_department_id": lambda app: open_department_ids(app.server_key),
}
