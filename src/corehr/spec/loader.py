"""Loads the spec: what the pages document of each operation and event, with our deliberate corrections.

The notation of a field is described in `fields.py`. `corrections.toml` has one table per operation or event; a row
gives a path (its section first, `*` within a segment), its evidence (doc, sdk, recorded, inferred) and the reason:

    rulebook_owned = [["body.employment_id", "doc", "why"]]            the operation's rulebook owns the constraints
    amend = [["body.*_date", "format:date", "inferred", "why"]]        words to add to a line, or to replace in it
    add = [["body.new", "string ref:location", "sdk", "why"]]          a field the page does not have
    data_range = [true, "doc", "why"]                                  of an event: its employee must be in range
"""

import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

from corehr.spec.fields import SCALAR_TYPES, Field, FieldParser, SpecError

__all__ = ["EventType", "Field", "Operation", "RateLimit", "Spec", "SpecError", "load"]

_SPEC_DIR = Path(__file__).resolve().parent.parent / "spec"
_SECTIONS = ("path", "query", "body", "response")
_OPERATION_CORRECTIONS = ("rulebook_owned", "amend", "add"), _SECTIONS
_EVENT_CORRECTIONS = ("data_range", "amend", "add"), ("body",)
_EMPLOYMENT_FIELD = "employment_id"
_EVIDENCE = ("doc", "sdk", "recorded", "inferred")
_PERIOD_SECONDS = {"s": 1, "min": 60}

ErrorRow = tuple[int, str]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` calls within `seconds`."""

    count: int
    seconds: int


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation: `path` has `:name` segments, `errors` gives (HTTP status, message) by code.

    `limits` is empty where the page states none. `shared_errors` are rows (code, message) that the page takes from a
    list shared by several operations, without status; there one code may have many messages, and 0 means no code.
    """

    id: str
    method: str
    path: str
    updated: dt.date
    deprecated: bool
    app_types: tuple[str, ...]
    token_types: tuple[str, ...]
    scopes: tuple[str, ...]
    field_scopes: tuple[str, ...]
    limits: tuple[RateLimit, ...]
    path_params: tuple[Field, ...]
    query: tuple[Field, ...]
    body: tuple[Field, ...]
    response: tuple[Field, ...]
    errors: Mapping[int, tuple[int, str]]
    shared_errors: tuple[ErrorRow, ...] = ()
    retired_errors: tuple[int, ...] = ()
    content_type: str = "application/json"
    binary: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EventType:
    """One event type; `body` has the fields of the `event` member of a delivery.

    With `data_range` an app receives the event only if its data range includes the employee in `employment_id`.
    """

    name: str
    updated: dt.date
    deprecated: bool
    app_types: tuple[str, ...]
    scopes: tuple[str, ...]
    field_scopes: tuple[str, ...]
    body: tuple[Field, ...]
    data_range: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """All documented operations by id, and all event types by name."""

    operations: Mapping[str, Operation]
    events: Mapping[str, EventType]


def load(folder: Path | None = None) -> Spec:
    """Return the spec of `folder` (ours when None) with its corrections applied; raise SpecError if it is invalid."""
    folder = folder or _SPEC_DIR
    if not (folder / "operations").is_dir():
        raise SpecError(f"{folder}: no operations/ in it; give the folder that contains operations/ and events/")
    parser = FieldParser({name: tuple(entry["values"]) for name, entry in _read_toml(folder / "enums.toml").items()})
    error_lists = {name: entry["more"] for name, entry in _read_toml(folder / "errors.toml").items()}
    corrections = _read_toml(folder / "corrections.toml")
    operations: dict[str, Operation] = {}
    for file, name, entry in _entries(folder / "operations"):
        source = f"{file}: {name}"
        if name in operations:
            raise SpecError(f"{source}: this id is in two files; delete one")
        _apply_correction(name, entry, corrections.pop(name, {}), *_OPERATION_CORRECTIONS)
        operations[name] = _operation(name, entry, parser, error_lists, source)
    _require_unique_routes(operations.values())
    events: dict[str, EventType] = {}
    for file, name, entry in _entries(folder / "events"):
        source = f"{file}: {name}"
        if name in events:
            raise SpecError(f"{source}: this event is in two files; delete one")
        _apply_correction(name, entry, corrections.pop(name, {}), *_EVENT_CORRECTIONS)
        events[name] = _event(name, entry, parser, source)
    for name in corrections:
        raise SpecError(f"corrections.toml: {name}: no such operation or event; import it or remove the correction")
    return Spec(MappingProxyType(operations), MappingProxyType(events))


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path.name}: not TOML: {error}; correct it or import it again") from error


def _entries(folder: Path) -> Iterable[tuple[str, str, dict[str, Any]]]:
    for path in sorted(folder.rglob("*.toml")):
        for name, entry in _read_toml(path).items():
            yield str(path.relative_to(folder)), name, entry


def _require_unique_routes(operations: Iterable[Operation]) -> None:
    seen: dict[str, str] = {}
    for operation in operations:
        route = f"{operation.method} {re.sub(':[^/]+', ':', operation.path)}"
        if route in seen:
            raise SpecError(f"operations: {operation.id}: has the route of {seen[route]} ({route}); delete one")
        seen[route] = operation.id


# ------------------------------------------------------------------------------------------------ entries


def _operation(
    name: str, entry: dict[str, Any], parser: FieldParser, error_lists: Mapping[str, Any], source: str
) -> Operation:
    try:
        method, path = entry["http"].split(" ")
        shared_errors = error_lists[entry["more_errors"]] if "more_errors" in entry else ()
        fields = {section: parser.parse(entry.get(section, ()), f"{source}.{section}") for section in _SECTIONS}
        return Operation(
            id=name,
            method=method,
            path=path,
            limits=_limits(entry["rate"], source),
            path_params=fields["path"],
            query=fields["query"],
            body=fields["body"],
            response=fields["response"],
            errors=_errors(entry["errors"], source),
            shared_errors=tuple((code, message) for code, message in shared_errors),
            retired_errors=tuple(entry.get("retired_errors", ())),
            content_type=entry.get("content", "application/json"),
            binary=entry.get("binary", False),
            token_types=tuple(entry["tokens"]),
            **_shared_attributes(entry),
        )
    except (KeyError, ValueError) as error:
        raise SpecError(f"{source}: missing or ill-formed {error}; import it again") from error


def _event(name: str, entry: dict[str, Any], parser: FieldParser, source: str) -> EventType:
    try:
        body, data_range = parser.parse(entry.get("body", ()), source), entry.get("data_range", False)
        event = EventType(name=name, body=body, data_range=data_range, **_shared_attributes(entry))
    except KeyError as error:
        raise SpecError(f"{source}: missing {error}; import it again") from error
    if data_range and all(field.name != _EMPLOYMENT_FIELD for field in body):
        raise SpecError(
            f"{source}: no {_EMPLOYMENT_FIELD} in its body to check against the data range; correct data_range"
        )
    return event


def _shared_attributes(entry: dict[str, Any]) -> dict[str, Any]:
    scopes = {key: tuple(entry.get(key, ())) for key in ("scopes", "field_scopes")}
    others = {
        "updated": entry["updated"],
        "deprecated": entry.get("deprecated", False),
        "app_types": tuple(entry["apps"]),
    }
    return scopes | others


def _errors(rows: Sequence[Sequence[Any]], source: str) -> Mapping[int, tuple[int, str]]:
    """Return (HTTP status, message) by code; SpecError when a code is listed twice, which no page does."""
    errors: dict[int, tuple[int, str]] = {}
    for status, code, message in rows:
        if code in errors:
            raise SpecError(f"{source}: error {code} is listed twice; keep the row that the page has")
        errors[code] = (status, message)
    return MappingProxyType(errors)


def _limits(rate: str, source: str) -> tuple[RateLimit, ...]:
    if rate == "special":
        return ()
    limits = []
    for part in rate.split(" & "):
        count, _, period = part.partition("/")
        if not count.isdecimal() or period not in _PERIOD_SECONDS:
            raise SpecError(f"{source}: rate {rate!r} is not like 100/min or 1000/min & 50/s; correct it")
        limits.append(RateLimit(int(count), _PERIOD_SECONDS[period]))
    return tuple(limits)


# ------------------------------------------------------------------------------------------------ corrections


def _apply_correction(
    name: str, entry: dict[str, Any], correction: Mapping[str, list[Any]], kinds: Sequence[str], sections: Sequence[str]
) -> None:
    """Apply `correction` to `entry` in place; only these kinds of correction and these sections are allowed."""
    source = f"corrections.toml: {name}"
    for kind, rows in correction.items():
        if kind not in kinds:
            raise SpecError(f"{source}: {kind!r} is no correction; use {', '.join(kinds)}")
        if kind == "data_range":
            entry[kind] = _parse_data_range(rows, source)
            continue
        for row in rows:
            path, *words = row[:1] + (["rulebook"] if kind == "rulebook_owned" else []) + row[1:]
            if len(words) != 3 or words[1] not in _EVIDENCE or not words[2]:
                raise SpecError(f"{source}: {row}: a row ends with its evidence {_EVIDENCE} and why; complete it")
            section, _, path = path.partition(".")
            lines = entry.setdefault(section, []) if section in sections else []
            done = (
                _add_field(lines, path, words[0]) if kind == "add" else _amend_fields(lines, path, words[0].split(" "))
            )
            if not done or section not in sections:
                advice = "it is there already" if kind == "add" and section in sections else "no such field"
                raise SpecError(f"{source}: {kind} {row[0]}: {advice}; correct the path or remove the row")


def _parse_data_range(row: Any, source: str) -> bool:
    match row:
        case [bool() as restricted, evidence, str(reason)] if evidence in _EVIDENCE and reason:
            return restricted
    raise SpecError(f"{source}: data_range {row}: give true or false, its evidence {_EVIDENCE} and why")


def _add_field(lines: list[str], path: str, rest: str) -> bool:
    """Insert a field after the last member of its object; return False when the object already has it."""
    if any(line.startswith(f"{path} ") for line in lines):
        return False
    parent = path.rpartition(".")[0]
    siblings = [index for index, line in enumerate(lines) if not parent or line.startswith(f"{parent}.")]
    lines.insert(siblings[-1] + 1 if siblings else len(lines), f"{path} {rest}")
    return True


def _amend_fields(lines: list[str], pattern: str, words: list[str]) -> bool:
    """Add `words` to every line whose path matches, replacing words of the same kind; return False when none does."""
    found = False
    kinds = {_keyword_kind(word) for word in words}
    for index, line in enumerate(lines):
        path, *old = line.split(" ")
        if _matches(path, pattern):
            joined = [word for word in old if _keyword_kind(word) not in kinds] + words
            lines[index] = " ".join([path, *sorted(joined, key=lambda word: _keyword_kind(word) != "type")])
            found = True
    return found


def _matches(path: str, pattern: str) -> bool:
    names, patterns = path.replace("[]", "").split("."), pattern.replace("[]", "").split(".")
    return len(names) == len(patterns) and all(map(fnmatchcase, names, patterns))


def _keyword_kind(word: str) -> str:
    if word.removesuffix("!").replace("[]", "") in SCALAR_TYPES:
        return "type"
    if word[:1] in "={":
        return word[:1]
    return ".." if ".." in word and ":" not in word else word.partition(":")[0]
