"""The errors of the platform's gateway as faults: any operation can be made to respond with them."""

from collections.abc import Iterator
from typing import Final

from corehr.gateway.errors import (
    GENERAL_ERRORS,
    MISSING_SCOPE,
    PLATFORM_ERRORS,
    RATE_LIMITED,
    PlatformError,
    rate_limit_headers,
)
from corehr.gateway.id_errors import OPEN_ID_OF_ANOTHER_APP, UNKNOWN_ID_CODES, InvalidId, InvalidIdError
from corehr.gateway.scopes import missing_scope_error
from corehr.gateway.validator import type_error
from corehr.kernel.errors import INVALID_FIELD, INVALID_TYPE
from corehr.spec.fields import Field
from corehr.spec.loader import Operation

PLATFORM_CODES: Final = frozenset({*PLATFORM_ERRORS, *GENERAL_ERRORS})
"""The codes that the platform may respond with to any operation."""

_DEFAULT_LIMIT: Final = 100
"""The calls that are allowed where no page states a limit."""

_INVALID_ID: Final = "not_existed"
_ID_TYPES: Final = {code: id_type for id_type, code in UNKNOWN_ID_CODES.items()} | {OPEN_ID_OF_ANOTHER_APP: "open_id"}
_ID_CODES: Final = range(99992351, 99992382)
_REFUSED_BY: Final = "fault"


def platform_error(code: int, operation: Operation | None, app_id: str, reset_seconds: int) -> PlatformError:
    """Return the error with one of PLATFORM_CODES, with the details and headers that it has in the field.

    `reset_seconds` is when a rate limit ends. A token endpoint is no operation.
    """
    if code == RATE_LIMITED:
        limits = operation.limits if operation else ()
        limit = limits[0].count if limits else _DEFAULT_LIMIT
        return PlatformError(code, _REFUSED_BY, headers=rate_limit_headers(limit, reset_seconds))
    if operation is None:
        return PlatformError(code, _REFUSED_BY)
    if code == MISSING_SCOPE:
        return missing_scope_error(app_id, operation.scopes, _REFUSED_BY)
    if code == INVALID_TYPE:
        return PlatformError(code, _REFUSED_BY, type_error(_first_field(operation), None).msg)
    if code == INVALID_FIELD:
        name = _first_field(operation)
        violations = [{"field": name, "description": f"{name} is required"}]
        return PlatformError(code, _REFUSED_BY, error_members={"field_violations": violations})
    if code in _ID_CODES:
        return _id_error(code, operation)
    return PlatformError(code, _REFUSED_BY)


def _id_error(code: int, operation: Operation) -> PlatformError:
    field = next((path for path, field in _fields(operation) if field.id_type), _first_field(operation))
    if code not in _ID_TYPES:
        violations = [{"field": field, "value": _INVALID_ID, "description": GENERAL_ERRORS[code][1]}]
        return PlatformError(code, _REFUSED_BY, error_members={"field_violations": violations})
    error = InvalidIdError([InvalidId(field, _INVALID_ID, _ID_TYPES[code], code)])
    return PlatformError(code, _REFUSED_BY, error.msg, error.error_members)


def _first_field(operation: Operation) -> str:
    """Return the path of the first required field of a request, or of the first one."""
    fields = list(_fields(operation))
    return next((path for path, field in fields if field.required), fields[0][0] if fields else "body")


def _fields(operation: Operation) -> Iterator[tuple[str, Field]]:
    """Yield the fields of a request with their dotted paths, an object before its members."""
    for section in (operation.body, operation.query, operation.path_params):
        for field in section:
            yield from _with_members(field.name, field)


def _with_members(path: str, field: Field) -> Iterator[tuple[str, Field]]:
    element = field.item or field
    yield path, element
    for member in element.fields:
        yield from _with_members(f"{path}.{member.name}", member)
