"""The texts that `tools/make_operation.py` adds to a resource that is one module: a read of it."""

import ast
import re
from collections.abc import Mapping
from typing import Any

from tools.operation import Operation, quote
from tools.operation_texts import recipe_functions, rulebook_text, violations_text

MODULE_IMPORTS = """
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from corehr.apps.handlers import Call, JsonObject
from corehr.engines.entity import encode_i18n
from corehr.engines.recipes import UNKNOWN_RECORD_ID, RecipeCall, RecipeContext, Recipes
from corehr.engines.rulebook import Rule, Rulebook, invalid_field
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
    """Return the case, rules, handler and recipes; an unknown id without a row is an invalid field."""
    subject, unknown, body = operation.subject, "", ""
    if subject and entity:
        body = f'''
    @cached_property
    def body(self) -> Mapping[str, Any] | None:
        """The body of the {subject.words} as of the tenant's today, or None."""
        return {entity}.body_as_of(self.tx, self.call.path["{subject.field}"], tenants.today(self.tx))
'''
    if subject and operation.refuses_unknown_field:
        holds = "return c.body is None" if entity else f"raise NotImplementedError({quote(subject.is_unknown)})"
        unknown = f"\n\ndef {subject.is_unknown}(c: {operation.case}) -> bool:\n    {holds}\n"
    about = f"about one {subject.words}; `body` is None when there is none with the id" if body and subject else ""
    recipes, _ = recipe_functions(operation, _recipe(operation))
    return f'''@dataclass(frozen=True)
class {operation.case}:
    """One request{f" {about}" if about else "; what the rules read of records are cached properties"}."""

    tx: Tx
    call: Call
{body}{unknown}{violations_text(operation.rows, operation.case)}

{rulebook_text(operation)}

def {operation.handler}(tx: Tx, call: Call) -> JsonObject:
    """Handle {operation.method} {operation.short_path}."""
    case = {operation.case}(tx, call)
    {operation.book}.check(case)
{_response_text(operation, is_entity=bool(body))}

{recipes}'''


def _recipe(operation: Operation) -> str:
    return f"valid_{operation.name}"


def _response_text(operation: Operation, *, is_entity: bool) -> str:
    """Return the end of the handler: the members that every entity has, if the response is one."""
    response = _entity_in_response(operation)
    if response is None or not is_entity or operation.subject is None:
        return f"    raise NotImplementedError({quote(f'{operation.id}: the data of the response')})\n"
    id = f'call.path["{operation.subject.field}"]'
    texts = (encoded_member(member, id) for member in response["fields"])
    members = ", ".join(text for text in texts if text)
    return f"""    assert case.body is not None, "the rulebook checks it"
    return {{"{response["name"]}": {{{members}}}}}
"""


def encoded_member(member: Mapping[str, Any], id: str) -> str | None:
    """Return the member of a response that every entity has, as text of a dictionary; None for another member."""
    match member["name"], member["type"]:
        case "id", _:
            return f'"id": {id}'
        case "name", "i18n[]":
            return '"name": encode_i18n(case.body["name"])'
        case ("active" | "code") as name, _:
            return f'"{name}": case.body["{name}"]'
    return None


def members_left(operation: Operation) -> list[str]:
    """Return the members of the response that a person has to write."""
    response = _entity_in_response(operation)
    members = response["fields"] if response else operation.facts["response"]
    return [member["name"] for member in members if response is None or encoded_member(member, "") is None]


def _entity_in_response(operation: Operation) -> Mapping[str, Any] | None:
    """Return the one field of the response, if it is an object with an id."""
    match operation.facts["response"]:
        case [{"fields": fields, "type": str(type)} as field] if not type.endswith("[]"):
            return field if any(member["name"] == "id" for member in fields) else None
    return None


def _feature_text(operation: Operation, feature: ast.expr, module_text: str) -> str:
    """Return the assignment of `FEATURE` with the operation added to what it has."""
    assert isinstance(feature, ast.Call)
    arguments = [ast.get_source_segment(module_text, argument) or "" for argument in feature.args]
    values = {keyword.arg: ast.get_source_segment(module_text, keyword.value) or "" for keyword in feature.keywords}
    for name, brackets, item in (
        ("queries", "{}", f'"{operation.id}": {operation.handler}'),
        ("rulebooks", "()", operation.book),
        ("recipes", "{}", f'"{operation.id}": {recipe_functions(operation, _recipe(operation))[1]}'),
    ):
        present = values.get(name, brackets)[:-1].rstrip().rstrip(",")
        comma = "" if present == brackets[0] else ", "
        values[name] = f"{present}{comma}{item}{',' if brackets == '()' else ''}{brackets[1]}"
    arguments += [f"{name}={text}" for name, text in values.items()]
    return f"FEATURE = Feature({', '.join(arguments)},)\n"
