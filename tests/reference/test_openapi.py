"""The OpenAPI document: valid, complete, and as strict as the gateway, no more."""

import datetime as dt
import json
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from corehr.app.features import COMMANDS, QUERIES
from corehr.gateway import token_endpoints
from corehr.gateway.errors import PLATFORM_ERRORS
from corehr.gateway.token_endpoints import CUSTOM_APP_ENDPOINTS
from corehr.kernel.db import encode_json
from corehr.reference.openapi import document
from corehr.spec import loader as gateway_spec
from corehr.spec.fields import FieldParser
from corehr.spec.loader import Operation, RateLimit, Spec

SPEC = gateway_spec.load()
BUILT = sorted({*COMMANDS, *QUERIES})


def rendered_document(spec: Spec, built: list[str]) -> Any:
    """Return the document as a client reads it."""
    return json.loads(encode_json(document(spec, built)))


DOCUMENT = rendered_document(SPEC, BUILT)


def operations_by_id(openapi: Any) -> dict[str, Any]:
    return {operation["operationId"]: operation for path in openapi["paths"].values() for operation in path.values()}


def rendered_operation(
    *body: str, query: tuple[str, ...] = (), response: tuple[str, ...] = (), **overrides: Any
) -> Any:
    """Return what the document says of an operation with these fields."""
    parse = FieldParser({"known": ("a", "b")}).parse
    defaults: dict[str, Any] = {
        "id": "v1.record.create",
        "method": "POST",
        "path": "/records/:record_id",
        "updated": dt.date(2024, 1, 1),
        "deprecated": False,
        "app_types": ("custom",),
        "token_types": ("tenant_access_token",),
        "scopes": ("a:b",),
        "field_scopes": ("a:c",),
        "limits": (RateLimit(1000, 60), RateLimit(50, 1)),
        "path_params": parse(["record_id string!"], "path"),
        "query": parse(query, "query"),
        "body": parse(body, "body"),
        "response": parse(response, "response"),
        "errors": MappingProxyType({}),
    }
    operation = Operation(**defaults | overrides)
    return operations_by_id(rendered_document(Spec({operation.id: operation}, {}), [operation.id]))[operation.id]


def body_schema(operation: Any) -> Any:
    return operation["requestBody"]["content"]["application/json"]["schema"]


def data_schema(operation: Any) -> Any:
    return operation["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["data"]


def field_schema(line: str) -> Any:
    """Return the schema of one field of a body."""
    (schema,) = body_schema(rendered_operation(line))["properties"].values()
    return schema


def schemas(node: Any) -> Iterator[Any]:
    """Yield every schema in a node, at any depth."""
    for name, child in node.items() if isinstance(node, dict) else enumerate(node):
        if name == "schema":
            yield child
        elif isinstance(child, dict | list):
            yield from schemas(child)


# ------------------------------------------------------------------------------------------------ the whole


def test_it_is_valid_openapi_and_its_schemas_are_valid_json_schema():
    assert DOCUMENT["openapi"] == "3.1.0"
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []
    for schema in (*schemas(DOCUMENT["paths"]), *DOCUMENT["components"]["schemas"].values()):
        jsonschema_rs.meta.validate(schema)


def test_every_reference_leads_somewhere():
    text = json.dumps(DOCUMENT)
    for pointer in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        found = DOCUMENT
        for name in pointer.split("/"):
            found = found[name]


@pytest.mark.parametrize("id", BUILT)
def test_every_operation_that_is_built_has_every_row_of_its_page(id):
    operation, page = operations_by_id(DOCUMENT)[id], SPEC.operations[id]
    path = "/".join(f"{{{part[1:]}}}" if part[:1] == ":" else part for part in page.path.split("/"))
    assert operation is DOCUMENT["paths"][path][page.method.lower()]
    assert operation.get("deprecated", False) == page.deprecated
    assert operation["x-scopes"] == list(page.scopes)
    for code, (status, message) in page.errors.items():
        assert error_example(operation, status, code)["msg"] == message
    for code, (status, message) in PLATFORM_ERRORS.items():
        if code not in page.errors:
            assert error_example(operation, status, code)["msg"] == message


def error_example(operation: Any, status: int, code: int) -> Any:
    """Return the example of one error."""
    response = operation["responses"][str(status)]["content"]["application/json"]
    assert code in response["schema"]["properties"]["code"]["enum"]
    example = response["examples"][str(code)]
    if "$ref" in example:
        example = DOCUMENT["components"]["examples"][example["$ref"].rpartition("/")[2]]
    assert example["value"]["code"] == code
    return example["value"]


def test_what_is_not_built_is_absent():
    assert list(operations_by_id(rendered_document(SPEC, ["v2.job_change.revoke"]))) == [
        *operations_by_id(rendered_document(SPEC, [])),
        "v2.job_change.revoke",
    ]


def test_token_endpoints_are_included():
    paths = [path for path in DOCUMENT["paths"] if path.startswith("/open-apis/auth/")]
    assert paths == [
        *CUSTOM_APP_ENDPOINTS,
        token_endpoints.STORE_APP_TOKEN_PATH,
        token_endpoints.STORE_TENANT_TOKEN_PATH,
        token_endpoints.RESEND_TICKET_PATH,
    ]
    for path in paths:
        assert path in token_endpoints.PATHS
        assert DOCUMENT["paths"][path]["post"]["security"] == []


# ------------------------------------------------------------------------------------------------ one operation


def test_an_operation_with_what_openapi_has_no_field_for():
    operation = rendered_operation(deprecated=True)
    assert operation["deprecated"] is True
    assert (operation["x-scopes"], operation["x-field-scopes"], operation["x-apps"]) == (["a:b"], ["a:c"], ["custom"])
    assert operation["x-rate-limits"] == [{"calls": 1000, "seconds": 60}, {"calls": 50, "seconds": 1}]
    assert operation["parameters"] == [
        {"name": "record_id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    ]
    assert "requestBody" not in operation


def test_a_message_of_a_shared_list_is_included_and_one_without_a_code_is_not():
    rows = ((7, "one"), (7, "two"), (0, "none"), (8, "shared"))
    responses = rendered_operation(shared_errors=rows, errors=MappingProxyType({8: (403, "own")}))["responses"]
    assert set(responses["400"]["content"]["application/json"]["examples"]) >= {"7", "7-2"}
    assert responses["403"]["content"]["application/json"]["schema"]["properties"]["code"]["enum"] == [8]
    assert {"0", "8"}.isdisjoint(responses["400"]["content"]["application/json"]["examples"])


def test_a_file_is_an_octet_stream():
    assert list(rendered_operation(binary=True)["responses"]["200"]["content"]) == ["application/octet-stream"]


# ------------------------------------------------------------------------------------------------ fields

INT64 = {"format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}
RULEBOOK_NOTE = "The operation's rules check it: a missing or ill-formed value is answered with one of its own codes."
PROSE_NOTE = "The page requires it in its prose; a request without it is not refused for its shape."


@pytest.mark.parametrize(
    ("line", "schema"),
    [
        ("x string", {"type": "string"}),
        ("x string len:0..50", {"type": "string", "maxLength": 50}),
        ("x string len:2..", {"type": "string", "minLength": 2}),
        ("x string {a|b}", {"type": "string", "enum": ["a", "b"]}),
        ("x string {a|b} open", {"type": "string", "examples": ["a", "b"]}),
        ("x string enum:known", {"type": "string", "enum": ["a", "b"]}),
        ("x string pattern:^a", {"type": "string", "pattern": "^a"}),
        ("x string format:date", {"type": "string", "format": "date", "pattern": "^(19|[2-9])"}),
        (
            "x string 1..100",
            {"type": ["string", "integer"], "minimum": 1, "maximum": 100, "pattern": "^-?[0-9]{1,19}$"},
        ),
        ("x int", {"type": "integer", **INT64}),
        ("x int 1..", {"type": "integer", **INT64, "minimum": 1}),
        ("x int {1|2}", {"type": "integer", "enum": [1, 2]}),
        ("x number 0.5..", {"type": "number", "minimum": 0.5}),
        ("x boolean", {"type": "boolean"}),
        ("x object", {"type": "object"}),
        ("x int[] len:1..3", {"type": "array", "items": {"type": "integer", **INT64}, "minItems": 1, "maxItems": 3}),
        ("x string[] =[]", {"type": "array", "items": {"type": "string"}, "default": []}),
        ("x string rulebook", {"type": "string", "x-note": RULEBOOK_NOTE}),
        ("x string required-in-prose", {"type": "string", "x-note": PROSE_NOTE}),
        ("x string deprecated", {"type": "string", "deprecated": True}),
        ("x string idempotency", {"type": "string", "x-idempotency-key": True}),
        ("x string id:user_id_type", {"type": "string", "x-id-type": "user_id_type"}),
        ("x string ref:job,job_level", {"type": "string", "x-refers-to": ["job", "job_level"]}),
    ],
)
def test_a_field_follows_its_line(line, schema):
    assert field_schema(line) == schema


def test_a_required_field_is_required_unless_the_rulebook_owns_it_or_it_has_a_default():
    operation = rendered_operation(
        "a string!", "b string", "c string! rulebook", "d int! =20", query=("q int! 1..9", "r string! rulebook")
    )
    assert body_schema(operation)["required"] == ["a"]
    assert operation["requestBody"]["required"] is True
    assert {parameter["name"]: parameter["required"] for parameter in operation["parameters"]} == {
        "record_id": True,
        "q": True,
        "r": False,
    }
    assert rendered_operation("c string! rulebook")["requestBody"]["required"] is False


def test_members_of_objects_in_lists_are_included():
    schema = body_schema(rendered_operation("x object[]!", "x[].y object", "x[].y.z string!"))
    inner = {"type": "object", "properties": {"z": {"type": "string"}}, "required": ["z"]}
    assert schema["properties"]["x"] == {"type": "array", "items": {"type": "object", "properties": {"y": inner}}}


def test_a_numeric_string_in_the_query_is_an_integer():
    parameters = rendered_operation(query=("page_size string! 1..100", "token string!", "old string deprecated"))[
        "parameters"
    ][1:]
    assert parameters[0]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100}
    assert parameters[1]["schema"] == {"type": "string", "minLength": 1}, "an empty one counts as absent"
    assert parameters[2] == {
        "name": "old",
        "in": "query",
        "required": False,
        "deprecated": True,
        "schema": {"type": "string"},
    }


def test_a_field_of_a_response_is_never_required_and_lists_its_scopes():
    schema = data_schema(rendered_operation(response=("x string! scope:a:c", "y int", "z string 1..9")))
    assert schema == {
        "type": "object",
        "properties": {
            "x": {"type": "string", "x-scopes": ["a:c"]},
            "y": {"type": "integer", **INT64},
            "z": {"type": "string"},
        },
    }
