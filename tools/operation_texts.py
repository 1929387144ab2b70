"""The texts that `tools/make_operation.py` writes into the package of a resource.

A text is complete: with every import that it may need, unused ones included. The caller removes those, and formats.
"""

import textwrap
from collections.abc import Sequence

from tools.operation import Operation, Row, Subject, module_name, quote

EMPLOYMENTS = "from corehr.hr.employees.employments import records as employments"

# ---------------------------------------------------------------------------------------------- rules


def rules_text(operation: Operation) -> str:
    """Return the module with the case, a violation for each row that is not decided, and the rulebook."""
    subject = operation.subject
    return f'''"""The rules of {operation.method} {operation.path}, in the order in which they are checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corehr.apps.handlers import Call
from corehr.apps.scopes import DataRange
from corehr.engines.rulebook import Rule, Rulebook, invalid_field
from corehr.hr.violations import employment_is_missing, employment_is_outside_data_range
from corehr.kernel.db import Row, Tx
from corehr.kernel.errors import INVALID_FIELD
{subject.type_import if subject else ""}

{_case_text(operation)}
{_unknown_text(operation)}{violations_text(operation.rows, operation.case)}

{rulebook_text(operation)}'''


def _case_text(operation: Operation) -> str:
    subject, arguments = operation.subject, "    arguments: Mapping[str, Any]\n" if operation.arguments else ""
    if subject is None:
        members = "    call: Call\n" if operation.is_read else arguments
        return f'''@dataclass(frozen=True)
class {operation.case}:
    """One request; what the rules read of records are cached properties."""

    tx: Tx
{members}'''
    loaded = "employment_or_none" if subject.is_employment else "record_or_none"
    employment_ids = f"""
    @property
    def employment_ids(self) -> Sequence[str]:
        return [self.{subject.noun}{".id" if subject.is_employment else subject.employment_id}]
"""
    return f'''@dataclass(frozen=True)
class {operation.case}:
    """One request about one {subject.words}; `{loaded}` is None when there is none with the id."""

    tx: Tx
{arguments}    {loaded}: {subject.type} | None
{"    data_range: DataRange" if subject.employment_id else ""}

    @property
    def {subject.noun}(self) -> {subject.type}:
        assert self.{loaded} is not None, "the rulebook checks the {subject.words} first"
        return self.{loaded}
{employment_ids if subject.employment_id else ""}'''


def _unknown_text(operation: Operation) -> str:
    subject = operation.subject
    if subject is None or subject.is_employment or not operation.refuses_unknown_field:
        return ""
    return f"""

def {subject.is_unknown}(c: {operation.case}) -> bool:
    return c.record_or_none is None
"""


def violations_text(rows: Sequence[Row], case: str) -> str:
    """Return a violation for each row that is not decided."""
    return "".join(
        f"\n\ndef {row.name}(c: {case}) -> bool:\n    raise NotImplementedError({quote(_describe(row))})\n"
        for row in rows
    )


def rulebook_text(operation: Operation) -> str:
    """Return the rulebook: a rule for each row, not decided while it has no interpretation.

    An unknown record without a row, and one outside the data range, are decided.
    """
    rules = _unknown_field_rules(operation) if operation.refuses_unknown_field else []
    for row in operation.rows:
        rules.append(f'Rule({row.code}, {row.name}, "")')
        if row is operation.unknown_row and operation.subject and operation.subject.employment_id:
            reason = "the employment is outside the app's data range, so it counts as unknown"
            rules.append(f"Rule({row.code}, employment_is_outside_data_range, {quote(reason)})")
    return f'''{operation.book}: Rulebook[{operation.case}] = Rulebook(
    "{operation.id}",
    [{"".join(f"{rule}," for rule in rules)}],
)
'''


def _unknown_field_rules(operation: Operation) -> list[str]:
    subject = operation.subject
    assert subject is not None

    def rule(violation: str, reason: str) -> str:
        interpretation = quote(f"{reason}; the page has no code")
        return f'Rule(INVALID_FIELD, invalid_field({violation}, "{subject.field}"), {interpretation})'

    rules = [rule(subject.is_unknown, f"there is no {subject.words} with this id")]
    if subject.employment_id:
        range_reason = "the employment is outside the app's data range, so it counts as unknown"
        rules.append(rule("employment_is_outside_data_range", range_reason))
    return rules


# ---------------------------------------------------------------------------------------------- records, commands


def records_text(operation: Operation) -> str:
    """Return the functions of records that the operation needs and that do not exist; empty if there are all."""
    subject, texts = operation.subject, {}
    if subject and not subject.is_employment:
        signature = f"(tx: Tx, id: str) -> {subject.type} | None:"
        texts["get"] = f'def get{signature}\n    """Return the {subject.words}, or None."""'
        if not operation.is_read and not subject.employment_id:
            docstring = f"Lock the {subject.words} until the command ends and return it, or None."
            texts["lock"] = f'def lock{signature}\n    """{docstring}"""'
    if not operation.is_read:
        target = f"{subject.noun}: {subject.type}" if subject else "arguments: Mapping[str, Any]"
        docstring = f"Change the rows as {operation.id} does, and emit the events."
        texts[operation.function] = f'def {operation.function}(tx: Tx, {target}) -> None:\n    """{docstring}"""'
    missing = {name: text for name, text in texts.items() if name not in operation.existing_functions}
    if not missing:
        return ""
    functions = "\n\n".join(
        f"{text}\n    raise NotImplementedError({quote(f'{operation.id}: {name}')})\n" for name, text in missing.items()
    )
    return f'''"""Records of {operation.resource.replace("_", " ")}."""

from collections.abc import Mapping
from typing import Any

from corehr.kernel.db import Row, Tx
{subject.type_import if subject and operation.employments == "employments" else ""}

{functions}'''


def commands_text(operation: Operation) -> str:
    """Return the module with the command: locks, rulebook, primitive."""
    subject = operation.subject
    parameters, values = _command_parameters(operation), ["tx"]
    if operation.arguments:
        values.append("arguments")
    if subject:
        values.append(_locked_record(operation, subject))
    if subject and subject.employment_id:
        values.append("data_range")
    changed = f"case.{subject.noun}" if subject else "arguments"
    return f'''"""The commands on {operation.resource.replace("_", " ")}."""

from collections.abc import Mapping
from typing import Any

from corehr.apps.scopes import DataRange
{EMPLOYMENTS if operation.employments == "employments" else ""}
from {operation.module} import records
from {module_name(operation.rules)} import {operation.book}, {operation.case}
from corehr.kernel.db import Row, Tx
{subject.type_import if subject else ""}

def {operation.function}({", ".join(parameters)}) -> None:
    """Lock, check {operation.book} and change the records; if a rule is violated, nothing is written."""
    case = {operation.case}({", ".join(values)})
    {operation.book}.check(case)
    records.{operation.function}(tx, {changed})
{_lock_text(operation)}'''


def _command_parameters(operation: Operation) -> list[str]:
    subject = operation.subject
    parameters = ["tx: Tx", *(f"{field}: str" for field in operation.path_fields)]
    if operation.arguments:
        parameters.append("arguments: Mapping[str, Any]")
    if subject and subject.employment_id:
        parameters.append("data_range: DataRange")
    return parameters


def _locked_record(operation: Operation, subject: Subject) -> str:
    """Return the expression that locks and loads the record of a command."""
    if subject.in_path:
        id = subject.field
    else:
        id = f'arguments["{subject.field}"]' if subject.required else f'arguments.get("{subject.field}") or ""'
    if subject.is_employment:
        return f"{operation.employments}.lock(tx, {id})"
    return f"_lock_and_load(tx, {id})" if subject.employment_id else f"records.lock(tx, {id})"


def _lock_text(operation: Operation) -> str:
    subject = operation.subject
    if subject is None or subject.is_employment or subject.employment_id is None:
        return ""
    return f'''

def _lock_and_load(tx: Tx, id: str) -> {subject.type} | None:
    """Lock the employment of the {subject.words} and return the {subject.words}, read again under the lock, or None."""
    {subject.noun} = records.get(tx, id)
    if {subject.noun} is None:
        return None
    employments.lock(tx, {subject.noun}{subject.employment_id})
    return records.get(tx, id)
'''


# ---------------------------------------------------------------------------------------------- api


def api_text(operation: Operation) -> str:
    """Return the module with the handler, and FEATURE at its end."""
    return f'''"""The operations on {operation.resource.replace("_", " ")}."""

from corehr.apps.handlers import Call, JsonObject
from corehr.engines.feature import Feature
{EMPLOYMENTS if operation.employments == "employments" else ""}
from {operation.module} import commands, recipes, records
from {module_name(operation.rules)} import {operation.book}, {operation.case}
from corehr.kernel.db import Tx


def {operation.handler}(tx: Tx, call: Call) -> JsonObject:
    """Handle {operation.method} {operation.short_path}."""
{_handler_body(operation)}

{_feature_text(operation)}'''


def _handler_body(operation: Operation) -> str:
    subject, data = operation.subject, quote(f"{operation.id}: the data of the response")
    if not operation.is_read:
        values = ["tx", *(f'call.path["{field}"]' for field in operation.path_fields)]
        values += [f"call.{operation.arguments}"] if operation.arguments else []
        values += ["call.data_range"] if subject and subject.employment_id else []
        result = f"raise NotImplementedError({data})" if operation.facts["response"] else "return {}"
        return f"    commands.{operation.function}({', '.join(values)})\n    {result}\n"
    values = ["tx", "call"]
    if subject:
        section = "path" if subject.in_path else "body"
        id = (
            f'call.{section}["{subject.field}"]' if subject.required else f'call.{section}.get("{subject.field}") or ""'
        )
        values = ["tx", f"call.{operation.arguments}"] if operation.arguments else ["tx"]
        values.append(f"{operation.employments if subject.is_employment else 'records'}.get(tx, {id})")
        values += ["call.data_range"] if subject.employment_id else []
    return f"""    case = {operation.case}({", ".join(values)})
    {operation.book}.check(case)
    raise NotImplementedError({data})
"""


def _feature_text(operation: Operation) -> str:
    members = "".join(f"{name}={value}," for name, value in feature_members(operation).items())
    return f'FEATURE = Feature("{operation.resource}", {members})'


def feature_members(operation: Operation) -> dict[str, str]:
    """Return what the operation adds to the FEATURE of its package."""
    return {
        "queries" if operation.is_read else "commands": f'{{"{operation.id}": {operation.handler}}}',
        "rulebooks": f"({operation.book},)",
        "recipes": "recipes.RECIPES",
    }


# ---------------------------------------------------------------------------------------------- recipes, tests


def recipe_functions(operation: Operation, function: str) -> tuple[str, str]:
    """Return the functions of the recipes, the first named `function`, and the expression that combines them.

    The unknown record has a request if no row of the page is about it; codes of rows have one when they are decided.
    """
    subject, path, parameter, about = operation.subject, operation.path, "", ""
    body, query = "{}" if operation.facts["body"] else "None", "{}"
    if subject:
        about = f", about the {subject.words} with this id or else one of the demo company"
        parameter = f", {subject.field}: str | None = None"
        if any(parameter["name"] == "user_id_type" for parameter in operation.facts["query"]):
            query = '{"user_id_type": "people_corehr_id"}'
        record = f"{subject.field} or {operation.recipe_fact}"
        if subject.in_path:
            path = path.replace(f":{subject.field}", f"{{{record}}}")
        else:
            body = f'{{"{subject.field}": {record}}}'
    valid = f'''def {function}(context: RecipeContext{parameter}) -> RecipeCall:
    """Return a valid request{about}."""
    path = {"f" if "{" in path else ""}"{path}"
    return {{"method": "{operation.method}", "path": path, "query": {query}, "body": {body}}}
'''
    if not operation.rows and not operation.refuses_unknown_field:
        return valid, f"Recipes({function})"
    unknown = f"INVALID_FIELD: {function}(context, UNKNOWN_RECORD_ID)" if operation.refuses_unknown_field else ""
    refused = f"refused_{operation.name}"
    return (
        f'''{valid}

def {refused}(context: RecipeContext) -> dict[int, RecipeCall]:
    """Return by code the requests that the state of the demo company refuses."""
    return {{{unknown}}}
''',
        f"Recipes({function}, {refused})",
    )


def recipes_text(operation: Operation) -> str:
    """Return the module with the recipes, and RECIPES at its end."""
    functions, _ = recipe_functions(operation, operation.function)
    return f'''"""Recipes of {operation.resource.replace("_", " ")}: requests that get a documented error."""

from collections.abc import Mapping
from typing import Final

from corehr.engines.recipes import UNKNOWN_RECORD_ID, RecipeCall, RecipeContext, Recipes
from corehr.kernel.errors import INVALID_FIELD


{functions}

RECIPES: Final[Mapping[str, Recipes]] = {{{recipe_entry(operation)},}}
'''


def recipe_entry(operation: Operation) -> str:
    return f'"{operation.id}": {recipe_functions(operation, operation.function)[1]}'


def tests_text(operation: Operation) -> str:
    """Return the test module: failing tests for a success, for each row and for what is refused without one."""
    subject = operation.subject
    cases = [(row.name, _describe(row)) for row in operation.rows]
    if subject and operation.refuses_unknown_field:
        cases.insert(0, (f"{subject.noun}_is_unknown", f"99992402 with the field {subject.field}"))
    if subject and subject.employment_id:
        cases.insert(1, ("employment_is_outside_data_range", "as for an unknown id, by APP_ONE_DEPARTMENT"))
    tests = "".join(
        f"\n\ndef test_{name}(world):\n    pytest.fail({quote('not written: ' + expected)})\n"
        for name, expected in cases
    )
    success = "the data of the response" + ("" if operation.is_read else ", and the events of a change")
    return f'''"""The rules of {operation.id}, each with a refused and its nearest allowed request, and its response."""

import pytest


def test_a_valid_request_succeeds(world):
    pytest.fail("not written: {success}")
{tests}'''


def _describe(row: Row) -> str:
    return textwrap.shorten(f"{row.status}, {row.code}: {row.sentence}", 80, placeholder=" …")
