"""The texts that `tools/make_operation.py` writes: modules of a package, or a read in its resource's one module."""

import ast
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

QUERY_VERBS = {"batch", "batch_get", "get", "list", "parents", "query", "search", "tree"}


@dataclass(frozen=True)
class Row:
    """One row of an operation's error table."""

    status: int
    code: int
    sentence: str
    name: str


@dataclass(frozen=True)
class Operation:
    """An operation to build: its facts, and where it goes; `package` and `rules` are relative to `src/corehr`."""

    id: str
    method: str
    path: str
    rows: Sequence[Row]
    chapter: str
    resource: str
    package: Path
    rules: Path

    @property
    def verb(self) -> str:
        return self.id.rpartition(".")[2].replace("-", "_")

    @property
    def handler(self) -> str:
        version = self.id.partition(".")[0]
        return self.verb if self.verb.endswith(f"_{version}") else f"{self.verb}_{version}"

    @property
    def module(self) -> str:
        return _module(self.package)

    @property
    def is_read(self) -> bool:
        return self.method == "GET" or self.verb in QUERY_VERBS

    @property
    def path_fields(self) -> list[str]:
        return re.findall(r":(\w+)", self.path)


def _module(path: Path) -> str:
    return ".".join(("corehr", *path.with_suffix("").parts))


# ---------------------------------------------------------------------------------------------- texts


def rules_text(operation: Operation) -> str:
    """Return the module with a rule for each row; a rule without interpretation is not decided."""
    case = f"{_camel(operation.verb)}Case"
    violations, rules = violations_text(operation.rows, case), rulebook_text(operation)
    imported = "Rule, Rulebook" if operation.rows else "Rulebook"
    return f'''"""The rules of {operation.method} {operation.path}, in the order in which they are checked."""

from dataclasses import dataclass

from corehr.apps.handlers import Call
from corehr.engines.rulebook import {imported}
from corehr.kernel.db import Tx


@dataclass(frozen=True)
class {case}:
    """One request; add what the rules read as cached properties."""

    tx: Tx
    call: Call
{violations}

{rules}'''


def violations_text(rows: Sequence[Row], case: str) -> str:
    """Return a violation for each row that is not decided."""
    return "".join(
        f"\n\ndef {row.name}(c: {case}) -> bool:\n    raise NotImplementedError({_quote(_describe(row))})\n"
        for row in rows
    )


def rulebook_text(operation: Operation) -> str:
    """Return the rulebook: a rule for each row; a rule without interpretation is not decided."""
    rules = "".join(f'        Rule({row.code}, {row.name}, ""),\n' for row in operation.rows)
    rules = f"[\n{rules}    ]" if rules else "[]"
    return f'''{operation.verb.upper()}: Rulebook[{_camel(operation.verb)}Case] = Rulebook(
    "{operation.id}",
    {rules},
)
'''


def api_text(operation: Operation) -> str:
    """Return the module with the stub of the handler."""
    kind = "queries" if operation.is_read else "commands"
    return f'''"""The operations on {operation.resource.replace("_", " ")}."""

from corehr.apps.handlers import Call, JsonObject
from corehr.engines.feature import Feature
from {operation.module} import recipes
from {_module(operation.rules)} import {operation.verb.upper()}
from corehr.kernel.db import Tx


def {operation.handler}(tx: Tx, call: Call) -> JsonObject:
    """Handle {operation.method} {operation.path.removeprefix("/open-apis/corehr/")}."""
    raise NotImplementedError({_quote(operation.id)})


FEATURE = Feature(
    "{operation.resource}",
    {kind}={{"{operation.id}": {operation.handler}}},
    rulebooks=({operation.verb.upper()},),
    recipes=recipes.RECIPES,
)
'''


def recipes_text(operation: Operation) -> str:
    """Return the module with the recipes of the operation: an empty request, and none that is refused yet."""
    return f'''"""Recipes of {operation.resource.replace("_", " ")}: requests that get a documented error."""

from collections.abc import Mapping
from typing import Final

from corehr.engines.recipes import RecipeCall, RecipeContext, Recipes


def {operation.verb}(context: RecipeContext) -> RecipeCall:
    """Return a valid request."""
    path = "{operation.path}"
    return {{"method": "{operation.method}", "path": path, "query": {{}}, "body": {_empty_body(operation)}}}


def refused_{operation.verb}(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the requests that the state of the demo company refuses."""
    return {{}}


RECIPES: Final[Mapping[str, Recipes]] = {{
    "{operation.id}": Recipes({operation.verb}, refused_{operation.verb}),
}}
'''


def tests_text(operation: Operation) -> str:
    """Return the test module: one failing test for a success, and one for each row."""
    cases = "".join(
        f"\n\ndef test_{row.name}(world):\n    pytest.fail({_quote('not written: ' + _describe(row))})\n"
        for row in operation.rows
    )
    if operation.path_fields and not operation.rows:
        cases = '\n\ndef test_an_unknown_record_is_refused(world):\n    pytest.fail("not written: 99992402")\n'
    subject, states = "response", "its fields, and the refusal of an unknown record"
    if operation.rows:
        subject, states = "error table", "each row is refused, its nearest allowed request is not"
    return f'''"""The {subject} of {operation.id}: {states}."""

import pytest


def test_a_valid_request_succeeds(world):
    pytest.fail("not written: the data of the response{"" if operation.is_read else ", and the events of a change"}")
{cases}'''


def _describe(row: Row) -> str:
    return textwrap.shorten(f"{row.status}, {row.code}: {row.sentence}", 80, placeholder=" …")


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


# ---------------------------------------------------------------------------------------------- one module

MODULE_IMPORTS = """
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corehr.apps.handlers import Call, JsonObject
from corehr.engines.recipes import RecipeCall, RecipeContext, Recipes
from corehr.engines.rulebook import Rule, Rulebook
from corehr.kernel import tenants
from corehr.kernel.db import Tx
from corehr.kernel.errors import INVALID_FIELD
"""
"""What a read may need; ruff removes those that it does not."""


def module_with_read(operation: Operation, module_text: str) -> str:
    """Return the text of a resource's one module with the rulebook, handler and recipe of a read before `FEATURE`."""
    tree = ast.parse(module_text)
    feature = next(
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "FEATURE"
    )
    lines = module_text.splitlines(keepends=True)
    docstring_end = tree.body[0].end_lineno or 0
    before, after = lines[docstring_end : feature.lineno - 1], lines[feature.end_lineno :]
    entity = re.search(r"^(\w+)(?:: Final)? = Entity\(", module_text, re.MULTILINE)
    return "".join(
        [
            *lines[:docstring_end],
            MODULE_IMPORTS,
            *before,
            "\n\n",
            read_text(operation, entity.group(1) if entity else None),
            "\n\n",
            _feature_text(operation, feature.value, module_text),
            *after,
        ]
    )


def read_text(operation: Operation, entity: str | None) -> str:
    """Return the case, rules, handler and recipe; an unknown id of a page without error rows is an invalid field."""
    case, book, fields = f"{_camel(operation.verb)}Case", operation.verb.upper(), operation.path_fields
    properties, violations, rulebook = "", violations_text(operation.rows, case), rulebook_text(operation)
    if entity and fields and not operation.rows:
        field, name = fields[-1], f"{fields[-1].removesuffix('_id')}_is_unknown"
        properties = f'''
    @cached_property
    def body(self) -> Mapping[str, Any] | None:
        """The record as of the tenant's today, or None."""
        return {entity}.body_as_of(self.tx, self.call.path["{field}"], tenants.today(self.tx))
'''
        violations = f'''

def {name}(c: {case}) -> Mapping[str, str] | None:
    if c.body is not None:
        return None
    description = "{field} is not a valid id or does not exist"
    return {{"field": "{field}", "value": c.call.path["{field}"], "description": description}}
'''
        rule = f'[Rule(INVALID_FIELD, {name}, "no record with this id has begun; the page has no code")]'
        rulebook = rulebook.replace("[]", rule)
    recipe_path = re.sub(r":\w+$", f"{{context.fact('{operation.resource}', 'active')}}", operation.path)
    return f'''@dataclass(frozen=True)
class {case}:
    """One request; add what the rules read as cached properties."""

    tx: Tx
    call: Call
{properties}{violations}

{rulebook}

def {operation.handler}(tx: Tx, call: Call) -> JsonObject:
    """Handle {operation.method} {operation.path.removeprefix("/open-apis/corehr/")}."""
    case = {case}(tx, call)
    {book}.check(case)
    raise NotImplementedError({_quote(operation.id)})


def valid_{operation.handler}(context: RecipeContext) -> RecipeCall:
    """Return a valid request."""
    path = {"f" if "{" in recipe_path else ""}"{recipe_path}"
    return {{"method": "{operation.method}", "path": path, "query": {{}}, "body": {_empty_body(operation)}}}
'''


def _feature_text(operation: Operation, feature: ast.expr, module_text: str) -> str:
    """Return the assignment of `FEATURE` with the operation added to what it has."""
    assert isinstance(feature, ast.Call)
    arguments = [ast.get_source_segment(module_text, argument) or "" for argument in feature.args]
    values = {keyword.arg: ast.get_source_segment(module_text, keyword.value) or "" for keyword in feature.keywords}
    for name, brackets, item in (
        ("queries", "{}", f'"{operation.id}": {operation.handler}'),
        ("rulebooks", "()", operation.verb.upper()),
        ("recipes", "{}", f'"{operation.id}": Recipes(valid_{operation.handler})'),
    ):
        present = values.get(name, brackets)[:-1].rstrip().rstrip(",")
        comma = "" if present == brackets[0] else ", "
        values[name] = f"{present}{comma}{item}{',' if brackets == '()' else ''}{brackets[1]}"
    arguments += [f"{name}={text}" for name, text in values.items()]
    return f"FEATURE = Feature({', '.join(arguments)},)\n"


def _empty_body(operation: Operation) -> str:
    return "None" if operation.method == "GET" else "{}"
