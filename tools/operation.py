"""An operation to build, as `tools/make_operation.py` reads it from the facts: its page, its record, its place."""

import builtins
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUERY_VERBS = {"batch", "batch_get", "get", "list", "parents", "query", "search", "tree"}
UNKNOWN_SENTENCE = re.compile(r"\b(not exists?|does ?n.t exist|not found|unknown|no such)\b")


@dataclass(frozen=True)
class Row:
    """One row of an operation's error table."""

    status: int
    code: int
    sentence: str
    name: str


@dataclass(frozen=True)
class Subject:
    """The record that a request is about, and the field of the request that names it.

    `type` is what `get` of its records returns. `employment_id` reads the employment from a record of it; it is None
    for records that belong to no employment.
    """

    field: str
    in_path: bool
    required: bool
    noun: str
    type: str
    type_import: str
    employment_id: str | None

    @property
    def is_employment(self) -> bool:
        return self.noun == "employment"

    @property
    def words(self) -> str:
        return self.noun.replace("_", " ")

    @property
    def is_unknown(self) -> str:
        """The name of the violation."""
        return "employment_is_missing" if self.is_employment else f"{self.noun}_is_unknown"


@dataclass(frozen=True)
class Operation:
    """An operation to build: its facts, and where it goes; `package` and `rules` are relative to `src/corehr`.

    `is_versioned` says that another version of the page has the same verb, and `existing_functions` are those that the
    records of the package have already.
    """

    id: str
    facts: Mapping[str, Any]
    rows: Sequence[Row]
    chapter: str
    resource: str
    package: Path
    rules: Path
    is_versioned: bool
    subject: Subject | None
    existing_functions: frozenset[str] = frozenset()
    recipe_fact: str = ""
    """The expression by which a recipe names the record of the demo company that its request is about."""

    @property
    def method(self) -> str:
        return str(self.facts["method"])

    @property
    def path(self) -> str:
        return str(self.facts["path"])

    @property
    def short_path(self) -> str:
        return self.path.removeprefix("/open-apis/corehr/")

    @property
    def verb(self) -> str:
        return self.id.rpartition(".")[2].replace("-", "_")

    @property
    def handler(self) -> str:
        version = self.id.partition(".")[0]
        return self.verb if self.verb.endswith(f"_{version}") else f"{self.verb}_{version}"

    @property
    def name(self) -> str:
        """The verb, with its version if the resource has both."""
        return self.handler if self.is_versioned else self.verb

    @property
    def function(self) -> str:
        """The name of a function for this verb, which is no word of Python."""
        return self.handler if keyword.iskeyword(self.name) or hasattr(builtins, self.name) else self.name

    @property
    def book(self) -> str:
        return self.name.upper()

    @property
    def case(self) -> str:
        return f"{camel(self.name)}Case"

    @property
    def module(self) -> str:
        return module_name(self.package)

    @property
    def employments(self) -> str:
        """The name in the package of the records of employments."""
        return "records" if self.package.name == "employments" else "employments"

    @property
    def is_read(self) -> bool:
        return self.method == "GET" or self.verb in QUERY_VERBS

    @property
    def path_fields(self) -> list[str]:
        return re.findall(r":(\w+)", self.path)

    @property
    def arguments(self) -> str | None:
        """The part of a call that has the arguments beside the path, or None; an id type is resolved before."""
        if self.facts["body"]:
            return "body"
        return "query" if any(not f["name"].endswith("_id_type") for f in self.facts["query"]) else None

    @property
    def unknown_row(self) -> Row | None:
        """The first row about a record that does not exist, if the request is about one."""
        if self.subject is None:
            return None
        words = rf"\b(employ\w*|person|record|id|{self.subject.words})\b"
        rows = [row for row in self.rows if UNKNOWN_SENTENCE.search(row.sentence.lower())]
        return next((row for row in rows if re.search(words, row.sentence.lower())), None)

    @property
    def refuses_unknown_field(self) -> bool:
        """Whether an unknown record is an invalid field: the page has no row for it."""
        return self.subject is not None and self.unknown_row is None


def module_name(path: Path) -> str:
    return ".".join(("corehr", *path.with_suffix("").parts))


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
