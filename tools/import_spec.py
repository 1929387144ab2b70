"""Convert a folder of extracted API facts (JSON) into the TOML that `corehr.spec.loader` reads.

    python tools/import_spec.py FACTS --operation v1.job_change.create --event corehr.job_data.changed_v1
    python tools/import_spec.py FACTS --inventory PAGES --all --out SOME_FOLDER

FACTS holds `operations/*.json`, `events/*.json`, `enums.json` and `errors.json`. Entries that are not named keep
their text in the existing files; entries are sorted by name, so the same facts always give the same text.
PAGES holds the pages of the documentation, those of CoreHR in `corehr-v1/<chapter>/`. The inventory keeps the chapter
of each operation; an operation is written to `operations/<chapter>/<resource>.toml`, its number of error rows to the
inventory.
The notation of a field is described at the top of `src/corehr/spec/fields.py`.
"""

import argparse
import datetime as dt
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]
Entries = dict[str, JsonObject]

SCALARS = {"string": "string", "int": "int", "boolean": "boolean", "number(float)": "number"}
SECTIONS = {"path": "path_params", "query": "query", "body": "body", "response": "response"}
DEFAULT_OUT = Path(__file__).resolve().parent.parent / "src" / "corehr" / "spec"
WIDTH = 120

PAGES_OF_COREHR = "corehr-v1"
CHAPTERS = {
    "basic-compensation": "compensation",
    "basic-infomation": "basic_data",
    "common_data-id": "common_data",
    "contract": "contracts",
    "employee": "employees",
    "job-management": "job_management",
    "job_change": "job_changes",
    "offboarding": "offboardings",
    "organization-management": "organization",
    "pre_hire": "pre_hires",
    "process-form_variable_data": "processes",
    "siganture": "signatures",
    "workforce_plan": "workforce_plans",
}
"""Our name of a folder of pages below `corehr-v1/`; a folder that is not here keeps its name."""

CHAPTERS_OF_OLD_PAGES = {
    "country_regions": "basic_data",
    "currencies": "basic_data",
    "departments": "organization",
    "jobs": "job_management",
    "offboardings": "offboardings",
    "persons": "employees",
    "pre_hires": "pre_hires",
    "processes": "processes",
    "subdivisions": "basic_data",
    "subregions": "basic_data",
}
"""The chapter of a resource's deprecated operations, whose pages left `corehr-v1/`: that of their successors."""

EVENT_KEYS = {"event", "updated", "deprecated", "apps", "scopes_any_of", "field_scopes", "push", "body"}
OPERATION_KEYS = {"id", "method", "path", "updated", "deprecated", "apps", "tokens", "scopes_any_of", "field_scopes"}
OPERATION_KEYS |= {"rate", "errors", "more_errors", "retired_errors", "binary", "content", *SECTIONS.values()}


# ---------------------------------------------------------------------------------------------- facts to entries


def field_lines(fields: Iterable[JsonObject], prefix: str = "") -> list[str]:
    """Return one line per field, a parent before its members; `prefix` is the parent's dotted path, with its dot."""
    lines: list[str] = []
    for field in map(_move_values_to_enum_name, fields):
        name, kind = field["name"], field["type"]
        brackets = kind[kind.index("[") :] if kind.endswith("]") else ""
        base = SCALARS.get(kind.removesuffix(brackets), "object")
        words = [f"{prefix}{name}", base + brackets + ("!" if field.get("required") else ""), *_attribute_words(field)]
        if any(character.isspace() for word in words for character in word):
            raise SystemExit(f"{prefix}{name}: the notation has no spaces inside a word: {words}")
        lines.append(" ".join(words))
        lines.extend(field_lines(field.get("fields", []), f"{prefix}{name}{brackets}."))
    return lines


def _move_values_to_enum_name(field: JsonObject) -> JsonObject:
    """Return a field of the page's type "enum" as an object whose member `enum_name` has the values of the field."""
    if field["type"].removesuffix("[]") != "enum":
        return field
    stated: JsonObject = {key: field[key] for key in ("enum", "enum_of", "enum_open") if key in field}
    members = [stated | member if member["name"] == "enum_name" else member for member in field.get("fields", [])]
    return {key: value for key, value in field.items() if key not in stated} | {"fields": members}


def _attribute_words(field: JsonObject) -> list[str]:
    words: dict[str, Callable[[Any], str]] = {
        "default": lambda value: f"={value}",
        "enum": lambda values: "{" + "|".join(values) + "}",
        "enum_open": lambda _: "open",
        "range": _render_range,
        "len": lambda bounds: "len:" + _render_range(bounds),
        "enum_of": lambda name: f"enum:{name}",
        "pattern": lambda pattern: f"pattern:{pattern}",
        "id": lambda kind: f"id:{kind}",
        "ref": lambda kinds: f"ref:{kinds if isinstance(kinds, str) else ','.join(kinds)}",
        "field_scope": lambda scopes: f"scope:{','.join(scopes)}",
        "value_scope": lambda by_value: " ".join(f"scope[{value}]:{','.join(s)}" for value, s in by_value.items()),
        "required_in_prose": lambda _: "required-in-prose",
        "deprecated": lambda _: "deprecated",
    }
    _require_known_keys(field["name"], field, {*words, "name", "type", "fields", "required"})
    return [word for key, write_word in words.items() if key in field for word in write_word(field[key]).split(" ")]


def _render_range(bounds: list[Any]) -> str:
    low, high = ("" if bound is None else str(bound) for bound in bounds)
    return f"{low}..{high}"


def operation_entry(facts: JsonObject) -> JsonObject:
    """Return the TOML table of one operation; raise SystemExit when the facts have a key without a place in it."""
    _require_known_keys(facts["id"], facts, OPERATION_KEYS)
    entry: JsonObject = {"http": f"{facts['method']} {facts['path']}", "updated": _date(facts["updated"])}
    entry |= {"deprecated": True} if facts["deprecated"] else {}
    entry |= {key: facts[key] for key in ("content", "binary") if key in facts}
    entry |= {"apps": facts["apps"], "tokens": facts["tokens"], "scopes": facts["scopes_any_of"]}
    entry |= {"field_scopes": sorted(facts["field_scopes"])} if facts["field_scopes"] else {}
    entry["rate"] = " & ".join(facts["rate"])
    entry |= {section: field_lines(facts[key]) for section, key in SECTIONS.items() if facts[key]}
    entry["errors"] = facts["errors"]
    return entry | {key: facts[key] for key in ("more_errors", "retired_errors") if key in facts}


def event_entry(facts: JsonObject) -> JsonObject:
    """Return the TOML table of one event; its `body` has the fields of the `event` member of a delivery."""
    _require_known_keys(facts["event"], facts, EVENT_KEYS)
    if facts["push"] != "Webhook" or [field["name"] for field in facts["body"]] != ["event"]:
        raise SystemExit(f"{facts['event']}: expected a webhook with one member `event`")
    entry: JsonObject = {"updated": _date(facts["updated"])}
    entry |= {"deprecated": True} if facts["deprecated"] else {}
    entry |= {"apps": facts["apps"], "scopes": facts["scopes_any_of"]}
    entry |= {"field_scopes": sorted(facts["field_scopes"])} if facts["field_scopes"] else {}
    return entry | {"body": field_lines(facts["body"][0].get("fields", []))}


def _require_known_keys(name: str, facts: JsonObject, known_keys: set[str]) -> None:
    if unknown := set(facts) - known_keys:
        raise SystemExit(f"{name}: add to the importer the keys {sorted(unknown)}")


def _date(milliseconds: str) -> dt.date:
    return dt.datetime.fromtimestamp(int(milliseconds) / 1000, dt.UTC).date()


# ---------------------------------------------------------------------------------------------- entries to text


def render(entries: Entries, comment: str) -> str:
    """Return the text of one file: a comment, then one table per entry, sorted by name."""
    tables = [f"# {comment}\n"]
    for name in sorted(entries):
        rows = "".join(f"{key} = {_render_value(key, value)}\n" for key, value in entries[name].items())
        tables.append(f"[{_render_string(name, literal=False)}]\n{rows}")
    return "\n".join(tables)


def _render_value(key: str, value: Any) -> str:
    if isinstance(value, list):
        items = [_render_inline(item, literal=key in SECTIONS) for item in value]
        flat = f"[{', '.join(items)}]"
        one_per_line = key in SECTIONS or key in ("errors", "more") or len(f"{key} = {flat}") > WIDTH
        return "[\n" + "".join(f"  {item},\n" for item in items) + "]" if one_per_line and items else flat
    return _render_inline(value)


def _render_inline(value: Any, *, literal: bool = False) -> str:
    """Return a TOML value on one line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_render_inline, value))}]"
    if isinstance(value, str):
        return _render_string(value, literal=literal)
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _render_string(value: str, *, literal: bool) -> str:
    """Return a TOML string; field lines are literal strings, which load three times as fast."""
    if (literal or "\\" in value or '"' in value) and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# ---------------------------------------------------------------------------------------------- chapters


def read_page_chapters(pages: Path) -> dict[str, str]:
    """Return the chapter of each operation that has a page below `corehr-v1/`, by its `page_key`."""
    chapters: dict[str, str] = {}
    for page in sorted((pages / PAGES_OF_COREHR).rglob("*.md")):
        text = page.read_text("utf-8")
        url = re.search(r"^\| HTTP URL \| https://[^/ ]+(/open-apis/\S+) \|", text, re.MULTILINE)
        method = re.search(r"^\| HTTP Method \| (\w+) \|", text, re.MULTILINE)
        if url and method:
            folder = page.relative_to(pages / PAGES_OF_COREHR).parts[0]
            chapters[page_key(method[1], url[1])] = CHAPTERS.get(folder, folder)
    return chapters


def page_key(method: str, path: str) -> str:
    """Return the method and the path without the names of its parameters, which pages write in several ways."""
    return method + " " + re.sub(r":\w+", ":", path)


def chapter_of(resource: str, facts: JsonObject, page_chapters: Mapping[str, str]) -> str:
    """Return the chapter of an operation; raise SystemExit when neither a page nor our table has it."""
    chapter = page_chapters.get(page_key(facts["method"], facts["path"])) or CHAPTERS_OF_OLD_PAGES.get(resource)
    if chapter is None:
        raise SystemExit(f"{facts['id']}: has no page in {PAGES_OF_COREHR}/; add {resource} to CHAPTERS_OF_OLD_PAGES")
    return chapter


def read_inventory_chapters(folder: Path) -> dict[str, str]:
    """Return the chapter of each operation, by id, from the inventory of a spec folder."""
    path = folder / "inventory.toml"
    if not path.exists():
        raise SystemExit(f"{path}: missing; write it first with --inventory PAGES")
    operations = tomllib.loads(path.read_text("utf-8"))["operations"]
    return {id: entry["chapter"] for id, entry in operations.items()}


# ---------------------------------------------------------------------------------------------- files


def merge_file(path: Path, new: Entries, comment: str) -> None:
    """Write `new` into the file, keeping its existing entries under other names."""
    if new:
        existing = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(existing | new, comment), "utf-8")


def write_shared_lists(folder: Path, facts: Path) -> None:
    """Write the shared lists that the written entries refer to: `enums.toml`, and `errors.toml` if one is used."""
    written = [tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*/**/*.toml"))]
    entries = [entry for file in written for entry in file.values()]
    lines = [line for entry in entries for section in SECTIONS for line in entry.get(section, [])]
    enum_names = {word[5:] for line in lines for word in line.split(" ") if word.startswith("enum:")}
    enums = json.loads((facts / "enums.json").read_text("utf-8"))
    errors = json.loads((facts / "errors.json").read_text("utf-8"))
    used_enums = {name: {"values": values} for name, values in enums.items() if name in enum_names}
    names = {entry["more_errors"] for entry in entries if "more_errors" in entry}
    used_errors = {name: {"more": [[code or 0, text or ""] for code, text in errors[name]]} for name in sorted(names)}
    merge_file(folder / "enums.toml", used_enums, "Lists of values that several fields share (`enum:<name>`).")
    merge_file(
        folder / "errors.toml", used_errors, "Further errors that operations share: [code, message], 0 for none."
    )


def read_facts(folder: Path, key: str) -> dict[str, tuple[str, JsonObject]]:
    """Return (file stem, facts) of every operation or event of the folder, by name."""
    found: dict[str, tuple[str, JsonObject]] = {}
    for path in sorted(folder.glob("*.json")):
        for facts in json.loads(path.read_text("utf-8")):
            if facts[key] in found:
                raise SystemExit(f"{path.name}: {facts[key]} was already in {found[facts[key]][0]}.json")
            found[facts[key]] = (path.stem, facts)
    return found


def write_operations(ids: Iterable[str], operations: dict[str, tuple[str, JsonObject]], folder: Path) -> int:
    """Write the named operations into the files of their chapters and resources; return how many."""
    chapters, files = read_inventory_chapters(folder) if ids else {}, dict[tuple[str, str], Entries]()
    for id in dict.fromkeys(ids):
        resource, facts = _get_facts(id, "operations", operations)
        files.setdefault((chapters[id], resource), {})[id] = operation_entry(facts)
    for (chapter, resource), entries in files.items():
        merge_file(folder / "operations" / chapter / f"{resource}.toml", entries, _comment("operations", resource))
        update_inventory(folder, entries)
    return sum(map(len, files.values()))


def write_events(names: Iterable[str], events: dict[str, tuple[str, JsonObject]], folder: Path) -> int:
    """Write the named events into the files of their resources; return how many."""
    files: dict[str, Entries] = {}
    for name in dict.fromkeys(names):
        resource, facts = _get_facts(name, "events", events)
        files.setdefault(resource, {})[name] = event_entry(facts)
    for resource, entries in files.items():
        merge_file(folder / "events" / f"{resource}.toml", entries, _comment("events", resource))
    return sum(map(len, files.values()))


def _get_facts(name: str, kind: str, facts_by_name: dict[str, tuple[str, JsonObject]]) -> tuple[str, JsonObject]:
    if name not in facts_by_name:
        raise SystemExit(f"{name}: not among the {len(facts_by_name)} {kind} of the facts")
    return facts_by_name[name]


def _comment(kind: str, resource: str) -> str:
    return f"The {kind} of {resource}, by the page. Written by tools/import_spec.py; differ in corrections.toml."


def write_inventory(
    operations: dict[str, tuple[str, JsonObject]],
    events: dict[str, tuple[str, JsonObject]],
    pages: Path,
    folder: Path,
) -> None:
    """Write `inventory.toml`: every operation with its chapter and number of error rows, and every event."""
    page_chapters = read_page_chapters(pages)
    lines = ["# What the platform documents in all. Written by tools/import_spec.py --inventory.", "", "[operations]"]
    for name, (resource, facts) in sorted(operations.items()):
        chapter = chapter_of(resource, facts, page_chapters)
        places = f'chapter = "{chapter}", resource = "{resource}"'
        lines.append(f'"{name}" = {{ {places}, errors = {len(facts["errors"])} }}')
    lines += ["", "[events]"]
    lines += [f'"{name}" = {{ resource = "{resource}" }}' for name, (resource, _) in sorted(events.items())]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "inventory.toml").write_text("\n".join([*lines, ""]), "utf-8")


def update_inventory(folder: Path, entries: Entries) -> None:
    """Write the number of error rows of these operations into the inventory."""
    path = folder / "inventory.toml"
    text = path.read_text("utf-8")
    for id, entry in entries.items():
        line = rf'^("{re.escape(id)}" = .*errors = )\d+'
        text = re.sub(line, rf"\g<1>{len(entry['errors'])}", text, flags=re.MULTILINE)
    path.write_text(text, "utf-8")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="Import API facts into the spec.")
    parser.add_argument("facts", type=Path, help="folder with operations/, events/, enums.json, errors.json")
    parser.add_argument("--operation", action="append", default=[], metavar="ID")
    parser.add_argument("--event", action="append", default=[], metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every operation and every event")
    parser.add_argument("--inventory", type=Path, metavar="PAGES", help="write the list of all operations and events")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="the spec folder to write")
    options = parser.parse_args(arguments)
    operations = read_facts(options.facts / "operations", "id")
    events = read_facts(options.facts / "events", "event")
    if options.inventory:
        write_inventory(operations, events, options.inventory, options.out)
    written = (
        write_operations(operations if options.all else options.operation, operations, options.out),
        write_events(events if options.all else options.event, events, options.out),
    )
    write_shared_lists(options.out, options.facts)
    print(f"{written[0]} operations, {written[1]} events -> {options.out}")


if __name__ == "__main__":
    main(sys.argv[1:])
