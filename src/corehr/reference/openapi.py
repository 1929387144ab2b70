"""`GET /openapi.json`: every operation that is built, as OpenAPI 3.1."""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final, Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from corehr.gateway.errors import PLATFORM_ERRORS, RATE_LIMITED
from corehr.gateway.headers import LOG_ID, RATE_LIMIT_LIMIT, RATE_LIMIT_RESET, REQUEST_ID
from corehr.gateway.token_endpoints import (
    CUSTOM_APP_ENDPOINTS,
    RESEND_TICKET_PATH,
    STORE_APP_TOKEN_PATH,
    STORE_TENANT_TOKEN_PATH,
)
from corehr.gateway.validator import INT64_RANGE, has_closed_enum, is_required
from corehr.kernel.db import encode_json
from corehr.spec.fields import Field
from corehr.spec.loader import Operation, Spec

JsonObject = dict[str, Any]
Location = Literal["path", "query", "body", "response"]
MessagesByStatus = dict[int, dict[int, list[str]]]
"""Messages by code by HTTP status; a code of the platform has an empty list."""

_DESCRIPTION = """\
Every operation of this server. A refused request is answered with a code and a message; a code has no meaning \
without its operation. An unknown path is answered with 404 and plain text. A member that is null counts as absent, a \
whole number is written without a decimal point, and U+0000 is refused everywhere.

`x-apps`, `x-tokens`: the kinds of apps and tokens the operation is documented for. `x-scopes`: the app must have one of
them; a field of a response is left out unless the app has one. `x-field-scopes`: all scopes that show a field.
`x-value-scopes`: the scopes that a value of this parameter needs. `x-rate-limits`: `calls` of one app in `seconds`.
`x-updated`: the day of the page this was taken from. `x-id-type`: the type of id, or the parameter that selects it.
`x-refers-to`: what the id identifies. `x-idempotency-key`: requests with the same value are the same request.
`x-note`: what the schema does not express."""

_RULEBOOK_NOTE = "The operation's rules check it: a missing or ill-formed value is answered with one of its own codes."
_PROSE_NOTE = "The page requires it in its prose; a request without it is not refused for its shape."
_TYPES: Final = {"string": "string", "int": "integer", "boolean": "boolean", "number": "number"}
_EXAMPLE_LOG_ID = "20261120093512A1B2C3D4E5F6A7B8C9D0"


def routes(spec: Spec, operation_ids: Iterable[str]) -> list[Route]:
    """Return the route `/openapi.json`; the document is encoded once."""
    body = encode_json(document(spec, operation_ids))

    async def get_document(request: Request) -> Response:
        return Response(body, media_type="application/json")

    return [Route("/openapi.json", get_document)]


def document(spec: Spec, operation_ids: Iterable[str]) -> JsonObject:
    """Return the document of these operations and of the endpoints that issue tokens."""
    paths: dict[str, JsonObject] = {
        path: {"post": _token_operation(path, endpoint)} for path, endpoint in _TOKEN_ENDPOINTS.items()
    }
    for operation in (spec.operations[id] for id in sorted(set(operation_ids))):
        path = re.sub(":([^/]+)", r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "corehr",
            "version": version("corehr"),
            "description": _DESCRIPTION,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"tenant_access_token": []}],
        "paths": paths,
        "components": _components(),
    }


# ------------------------------------------------------------------------------------------------ operations


def _operation(operation: Operation) -> JsonObject:
    responses = {"200": _success_response(operation)}
    responses |= {str(status): _error_response(codes) for status, codes in sorted(_error_messages(operation).items())}
    found: JsonObject = {"operationId": operation.id, "tags": [operation.id.split(".")[1]], "responses": responses}
    if operation.deprecated:
        found["deprecated"] = True
    parameters = [_parameter("path", field) for field in operation.path_params]
    parameters += [_parameter("query", field) for field in operation.query]
    if parameters:
        found["parameters"] = parameters
    if operation.body and operation.method != "GET":
        content = {operation.content_type: {"schema": _object(operation.body, "body")}}
        found["requestBody"] = {"required": any(map(is_required, operation.body)), "content": content}
    return found | {
        "x-apps": operation.app_types,
        "x-tokens": operation.token_types,
        "x-scopes": operation.scopes,
        "x-field-scopes": operation.field_scopes,
        "x-rate-limits": [{"calls": limit.count, "seconds": limit.seconds} for limit in operation.limits],
        "x-updated": operation.updated.isoformat(),
    }


def _parameter(location: Literal["path", "query"], field: Field) -> JsonObject:
    schema = _schema(field, location)
    if schema.get("type") == "string" and (location == "path" or is_required(field)):
        schema["minLength"] = schema.get("minLength") or 1  # an empty one counts as absent
    deprecated = {"deprecated": True} if schema.pop("deprecated", False) else {}
    return {
        "name": field.name,
        "in": location,
        "required": location == "path" or is_required(field),
        **deprecated,
        "schema": schema,
    }


def _success_response(operation: Operation) -> JsonObject:
    if operation.binary:
        return _response("The file.", {}, media_type="application/octet-stream")
    members = {"code": {"const": 0}, "msg": {"type": "string"}, "data": _object(operation.response, "response")}
    schema = {"type": "object", "required": list(members), "properties": members}
    return _response("Success.", schema)


def _error_messages(operation: Operation) -> MessagesByStatus:
    """Return every error of the operation: its own in the order of its page, then the platform's."""
    rows: MessagesByStatus = {}
    for code, (status, message) in operation.errors.items():
        rows.setdefault(status, {})[code] = [message]
    for code, message in operation.shared_errors:
        if code and code not in operation.errors:  # the shared lists give no status
            rows.setdefault(400, {}).setdefault(code, []).append(message)
    own = {code for codes in rows.values() for code in codes}
    for code, (status, _) in PLATFORM_ERRORS.items():
        if code not in own:
            rows.setdefault(status, {})[code] = []
    return rows


def _error_response(codes: Mapping[int, list[str]]) -> JsonObject:
    examples: JsonObject = {}
    for code, messages in codes.items():
        if not messages:
            examples[str(code)] = {"$ref": f"#/components/examples/{code}"}
        for number, message in enumerate(messages, 1):
            examples[str(code) if number == 1 else f"{code}-{number}"] = _example(code, message)
    schema = {"allOf": [{"$ref": "#/components/schemas/Error"}], "properties": {"code": {"enum": list(codes)}}}
    return _response("Error: `code` and `msg` say why.", schema, examples, rate_limited=RATE_LIMITED in codes)


def _example(code: int, message: str) -> JsonObject:
    error = {"log_id": _EXAMPLE_LOG_ID, "troubleshooter": f"… log_id={_EXAMPLE_LOG_ID}"}
    return {"value": {"code": code, "msg": message, "error": error}}


def _response(
    description: str,
    schema: JsonObject,
    examples: JsonObject | None = None,
    *,
    media_type: str = "application/json",
    rate_limited: bool = False,
) -> JsonObject:
    names = [LOG_ID, REQUEST_ID, *((RATE_LIMIT_LIMIT, RATE_LIMIT_RESET) if rate_limited else ())]
    headers = {name.decode(): {"$ref": f"#/components/headers/{name.decode()}"} for name in names}
    content = {"schema": schema} | ({"examples": examples} if examples else {})
    return {"description": description, "headers": headers, "content": {media_type: content}}


# ------------------------------------------------------------------------------------------------ fields


def _object(fields: Iterable[Field], location: Location) -> JsonObject:
    found: JsonObject = {"type": "object", "properties": {field.name: _schema(field, location) for field in fields}}
    required_names = [field.name for field in fields if is_required(field)] if location != "response" else []
    return found | ({"required": required_names} if required_names else {})


def _schema(field: Field, location: Location) -> JsonObject:
    if field.item is not None:
        low, high = field.length or (0, None)
        found = {"type": "array", "items": _schema(field.item, location)} | _limits("Items", low or None, high)
    elif field.type == "object":
        found = _object(field.fields, location) if field.fields else {"type": "object"}
    else:
        found = _scalar(field, location)
    return found | _annotations(field)


def _scalar(field: Field, location: Location) -> JsonObject:
    found: JsonObject = {"type": _TYPES[field.type]}
    if field.enum:
        found["enum" if has_closed_enum(field) else "examples"] = field.enum
    if field.type == "int" and not has_closed_enum(field):
        low, high = field.range or (None, None)
        low, high = INT64_RANGE[0] if low is None else low, INT64_RANGE[1] if high is None else high
        found |= {"format": "int64"} | _limits("imum", low, high)
    elif field.type == "string" and field.range is not None:  # a number as text
        found |= _numeric_string(*field.range, location)
    elif field.range is not None:
        found |= _limits("imum", *field.range)
    if field.length is not None:
        found |= _limits("Length", field.length[0] or None, field.length[1])
    if field.pattern is not None:
        found["pattern"] = field.pattern
    if field.format is not None:
        found |= {"format": field.format, "pattern": "^(19|[2-9])"}  # days before 1900 are refused
    return found


def _numeric_string(low: float | None, high: float | None, location: Location) -> JsonObject:
    """Return the limits of a number that is sent as text; in a body it may also be sent as a number."""
    if location == "response":
        return {}
    limits = _limits("imum", low, high)
    return limits | (
        {"type": ["string", "integer"], "pattern": "^-?[0-9]{1,19}$"} if location == "body" else {"type": "integer"}
    )


def _limits(suffix: str, low: float | None, high: float | None) -> JsonObject:
    return {f"{prefix}{suffix}": limit for prefix, limit in (("min", low), ("max", high)) if limit is not None}


def _annotations(field: Field) -> JsonObject:
    """Return what the spec says of the field besides the shape of its values."""
    note = _RULEBOOK_NOTE if field.rulebook_owned else _PROSE_NOTE if field.required_in_prose else None
    found = {
        "default": field.default,
        "deprecated": field.deprecated,
        "x-note": note,
        "x-id-type": field.id_type,
        "x-refers-to": field.references,
        "x-scopes": field.scopes,
        "x-value-scopes": dict(field.value_scopes),
        "x-idempotency-key": field.idempotency,
    }
    return {name: value for name, value in found.items() if value or (name == "default" and value is not None)}


# ------------------------------------------------------------------------------------------------ tokens, shared parts


class _TokenEndpoint(NamedTuple):
    """An endpoint that issues tokens: its request fields, the prefixes of its tokens by name, and its error codes."""

    request_fields: Sequence[str]
    token_prefixes: Mapping[str, str]
    error_codes: Sequence[int]


_APP_CREDENTIALS = ("app_id", "app_secret")
_TOKEN_ENDPOINTS: Mapping[str, _TokenEndpoint] = {
    **{
        path: _TokenEndpoint(_APP_CREDENTIALS, dict.fromkeys(names, "t-"), (10003, 10005, 10014))
        for path, names in CUSTOM_APP_ENDPOINTS.items()
    },
    STORE_APP_TOKEN_PATH: _TokenEndpoint(
        (*_APP_CREDENTIALS, "app_ticket"), {"app_access_token": "a-"}, (10003, 10005, 10012, 10014)
    ),
    STORE_TENANT_TOKEN_PATH: _TokenEndpoint(
        ("app_access_token", "tenant_key"), {"tenant_access_token": "t-"}, (10003, 10013, 10014)
    ),
    RESEND_TICKET_PATH: _TokenEndpoint(_APP_CREDENTIALS, {}, (10003, 10014, 10016)),
}


def _token_operation(path: str, endpoint: _TokenEndpoint) -> JsonObject:
    """Return the operation that issues a token, or resends a ticket; success and error both have HTTP status 200."""
    request_properties = {name: {"type": "string", "minLength": 1} for name in endpoint.request_fields}
    success: JsonObject = {"code": {"const": 0}, "msg": {"type": "string"}}
    if endpoint.token_prefixes:
        success["expire"] = {"type": "integer", "minimum": 1}
    success |= {name: {"type": "string", "pattern": f"^{prefix}"} for name, prefix in endpoint.token_prefixes.items()}
    failure = {"code": {"enum": endpoint.error_codes}, "msg": {"type": "string"}}
    variants = [{"type": "object", "required": list(members), "properties": members} for members in (success, failure)]
    response = _response("A token and the seconds until it expires, or an error code.", {"oneOf": variants})
    schema = {"type": "object", "required": list(request_properties), "properties": request_properties}
    return {
        "operationId": path.removeprefix("/open-apis/").replace("/", "."),
        "tags": ["auth"],
        "security": [],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": response},
    }


def _components() -> JsonObject:
    text, integer = {"type": "string"}, {"type": "integer"}
    headers = {
        LOG_ID: ("The id of this request in the log.", True, text),
        REQUEST_ID: ("The id the client gave the request, or the log id.", True, text),
        RATE_LIMIT_LIMIT: ("The number of calls allowed, when the rate limit was exceeded.", False, integer),
        RATE_LIMIT_RESET: ("Seconds until calls are accepted again.", False, integer),
    }
    error_properties: JsonObject = {
        "log_id": text,
        "troubleshooter": text,
        "field_violations": {"type": "array", "items": _field_violation()},
    }
    error_properties["permission_violations"] = {"type": "array", "items": {"type": "object"}}
    error = {"type": "object", "required": ["log_id", "troubleshooter"], "properties": error_properties}
    members = {"code": integer, "msg": text, "error": error}
    return {
        "headers": {
            name.decode(): {"description": description, "required": always, "schema": schema}
            for name, (description, always, schema) in headers.items()
        },
        "schemas": {"Error": {"type": "object", "required": list(members), "properties": members}},
        "examples": {str(code): _example(code, message) for code, (_, message) in PLATFORM_ERRORS.items()},
        "securitySchemes": {
            "tenant_access_token": {
                "type": "http",
                "scheme": "bearer",
                "description": "The token that an app gets for its id and secret; this server accepts no user tokens.",
            }
        },
    }


def _field_violation() -> JsonObject:
    members = {name: {"type": "string"} for name in ("field", "description", "value")}
    return {"type": "object", "required": ["field", "description"], "properties": members}
