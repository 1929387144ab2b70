"""The sandbox call that lists events, rendered for one app."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from starlette.requests import Request

from corehr.app.installation import Installation
from corehr.apps.registry import App
from corehr.delivery import outbox
from corehr.delivery.renderer import EventRenderer
from corehr.demo.apps import DEFAULT_APP_ID
from corehr.kernel import event_log
from corehr.kernel.clock import epoch_millis, parse_timestamp
from corehr.kernel.db import Row, Tx
from corehr.kernel.ids import SEEDED_IDS_START
from corehr.sandbox.apps import get_app
from corehr.sandbox.router import bad_request, positive_int

MAX_LIMIT: Final = 10_000
DEFAULT_LIMIT: Final = 1000
SEED_EVENTS_END: Final = SEEDED_IDS_START + (1 << 32)
"""Greater than every sequence number of the events with which a demo company was made."""


async def list_events(installation: Installation, request: Request) -> dict[str, Any]:
    """Return events in order, after the event `since`, by default those since the demo company was made.

    Raises SandboxError (404) when there is no such app, (400) when a query parameter is invalid.
    """
    query = request.query_params
    app = await get_app(installation, query.get("app_id", DEFAULT_APP_ID))
    since, limit, type = (
        _parse_since(query.get("since")),
        positive_int(request, "limit", DEFAULT_LIMIT, MAX_LIMIT),
        query.get("type"),
    )
    if type is not None and not type.isprintable():
        raise bad_request("type must be the name of an event")
    state = _parse_state(query.get("delivery"))
    if state and type:
        raise bad_request("give type or delivery, not both")

    def read(tx: Tx) -> list[dict[str, Any]]:
        if state:
            seqs = outbox.list_seqs_by_state(tx, app.app_id, state, since=since, limit=limit)
            found = tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=seqs)
        elif type:
            found = tx.fetch_all(event_log.SELECT_SINCE_BY_TYPE, type=type, since=since, limit=limit)
        else:
            found = tx.fetch_all(event_log.SELECT_SINCE, since=since, limit=limit)
        return render_events(tx, installation.event_renderer, app, found)

    return {"items": await installation.store.query(installation.tenant.id, read)}


def render_events(tx: Tx, renderer: EventRenderer, app: App, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return events with their bodies rendered for one app, and with their deliveries to every app."""
    deliveries = outbox.list_by_events(tx, [row["seq"] for row in rows])
    return [
        {
            "event_id": event_log.event_id(tx.tenant, row["seq"]),
            "event_type": row["type"],
            "create_time": epoch_millis(parse_timestamp(row["recorded_at"])),
            "subject": row["subject"],
            "event": body,
            "deliveries": deliveries.get(row["seq"], []),
        }
        for row, body in zip(rows, renderer.bodies_for(tx, app, rows), strict=True)
    ]


def _parse_state(text: str | None) -> Literal["waiting", "dead"] | None:
    match text:
        case None | "waiting" | "dead":
            return text
    raise bad_request("delivery must be waiting or dead")


def _parse_since(id: str | None) -> int:
    if id is None:
        return SEED_EVENTS_END
    try:
        seq = event_log.seq_of(id)
    except ValueError:
        raise bad_request("since must be the id of an event: 32 hexadecimal digits") from None
    if seq >= 1 << 63:
        raise bad_request("there is no such event")
    return seq
