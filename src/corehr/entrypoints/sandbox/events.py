"""What happened, in the words of one app."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Literal

from starlette.requests import Request

from corehr.entrypoints.demo.apps import FIRST
from corehr.entrypoints.sandbox.door import Refused, bad, whole
from corehr.gateway.apps import App
from corehr.gateway.envelopes import EventRenderer
from corehr.kernel import event_log, outbox
from corehr.kernel.clock import epoch_millis, parse_timestamp
from corehr.kernel.db import Row, Tx
from corehr.kernel.ids import SEEDED_IDS_START

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation

MOST: Final = 10_000
USUAL: Final = 1000
MADE: Final = SEEDED_IDS_START + (1 << 32)
"""Beyond the events by which a demo company was made."""


class Events:
    """GET events."""

    def __init__(self, installation: "Installation") -> None:
        self._installation = installation

    async def get(self, request: Request) -> dict[str, Any]:
        """In order; from `since` on, or, when that is left out, from when the demo company was made."""
        house, query = self._installation, request.query_params
        app = await house.apps.get(query.get("app_id", FIRST))
        if app is None or app.tenant != house.tenant.id:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such app")
        since, limit, type = _since(query.get("since")), whole(request, "limit", USUAL, MOST), query.get("type")
        if type is not None and not type.isprintable():
            raise bad("type must be the name of an event")
        state = _state(query.get("delivery"))
        if state and type:
            raise bad("ask for a type or for a state of delivery, not for both")

        def read(tx: Tx) -> list[dict[str, Any]]:
            if state:
                seqs = outbox.list_seqs_by_state(tx, app.app_id, state, since=since, limit=limit)
                found = tx.fetch_all(event_log.SELECT_BY_SEQ, seqs=seqs)
            elif type:
                found = tx.fetch_all(event_log.SELECT_SINCE_BY_TYPE, type=type, since=since, limit=limit)
            else:
                found = tx.fetch_all(event_log.SELECT_SINCE, since=since, limit=limit)
            return shown(tx, house.event_renderer, app, found)

        return {"items": await house.store.query(house.tenant.id, read)}


def shown(tx: Tx, envelopes: EventRenderer, app: App, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Events as an app is told of them, and what became of their deliveries to whichever app."""
    deliveries = outbox.list_by_events(tx, [row["seq"] for row in rows])
    return [
        {
            "event_id": event_log.event_id(tx.tenant, row["seq"]),
            "event_type": row["type"],
            "create_time": epoch_millis(parse_timestamp(row["at"])),
            "subject": row["subject"],
            "event": words,
            "deliveries": deliveries.get(row["seq"], []),
        }
        for row, words in zip(rows, envelopes.bodies_for(tx, app, rows), strict=True)
    ]


def _state(text: str | None) -> Literal["waiting", "given_up"] | None:
    match text:
        case None | "waiting" | "given_up":
            return text
    raise bad("delivery must be waiting or given_up")


def _since(id: str | None) -> int:
    if id is None:
        return MADE
    try:
        place = event_log.seq_of(id)
    except ValueError:
        raise bad("since must be the id of an event: 32 hexadecimal digits") from None
    if place >= 1 << 63:
        raise bad("there is no such event")
    return place
