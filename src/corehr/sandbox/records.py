"""The sandbox call that returns one record of any kind, as of a day and as known at an instant."""

import re
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, Final

from starlette.requests import Request

from corehr.app.features import RECORD_VIEWS
from corehr.app.installation import Installation
from corehr.apps.handlers import JsonObject
from corehr.kernel.clock import IsoDate, local_date, to_timestamp
from corehr.sandbox.router import SandboxError, bad_request

_UNESCAPED_PLUS: Final = re.compile(r" (\d\d:\d\d)$")
"""The end of a timestamp whose + was not escaped in the query: it arrives as a space."""


async def get_record(installation: Installation, request: Request) -> JsonObject:
    """Return the record as of the day `on`, by default today, as known at `known`, by default now.

    Raises SandboxError (404) when the kind or the record is unknown, (400) when a query parameter is invalid.
    """
    kind, id = request.path_params["kind"], request.path_params["id"]
    view = RECORD_VIEWS.get(kind)
    if view is None:
        raise SandboxError(HTTPStatus.NOT_FOUND, f"there are no {kind}: kinds are {', '.join(sorted(RECORD_VIEWS))}")
    now = installation.clock.now(installation.tenant.id)
    as_of = _parse_as_of(request.query_params.get("on"), local_date(now, installation.tenant.time_zone))
    known_at = _parse_known_at(request.query_params.get("known"), now)
    found = None
    if id.isprintable():
        found = await installation.store.query(
            installation.tenant.id, lambda tx: view(tx, id, as_of, to_timestamp(known_at))
        )
    if found is None:
        raise SandboxError(HTTPStatus.NOT_FOUND, f"there is no {kind} {id}, or it was not known then")
    return found


def _without_tenant(row: dict[str, Any] | None) -> JsonObject | None:
    return {name: value for name, value in row.items() if name != "tenant"} if row else None


def _parse_as_of(text: str | None, today: IsoDate) -> IsoDate:
    if text is None:
        return today
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise bad_request("on must be a day, as 2026-01-05") from None


def _parse_known_at(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        instant = datetime.fromisoformat(_UNESCAPED_PLUS.sub(r"+\1", text))
        if instant.tzinfo is None:
            raise bad_request("known needs a UTC offset, as 2026-01-05T09:00:00+08:00")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad_request("known must be a moment, as 2026-01-05T09:00:00+08:00") from None
