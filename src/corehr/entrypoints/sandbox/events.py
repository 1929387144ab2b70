"""What happened, in the words of one app."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.requests import Request

from corehr.entrypoints.demo.apps import FIRST
from corehr.entrypoints.sandbox.door import Refused, bad, whole
from corehr.gateway import made_ids
from corehr.gateway.apps import App
from corehr.gateway.fields import Field
from corehr.gateway.spec import Spec
from corehr.hr.people import records as people
from corehr.kernel import event_log
from corehr.kernel.clock import milliseconds, moment
from corehr.kernel.db import Row, Tx, decode_json
from corehr.kernel.ids import SEED_BASE

if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation

MOST: Final = 10_000
USUAL: Final = 1000
MADE: Final = SEED_BASE + (1 << 32)
"""Beyond the events by which a demo company was made."""

_TARGET: Final = "target_user_id"


class Events:
    """GET events."""

    def __init__(self, installation: "Installation") -> None:
        self._installation = installation

    async def get(self, request: Request) -> dict[str, Any]:
        """In order; from `since` on, or, when that is left out, from when the demo company was made."""
        house, query = self._installation, request.query_params
        app = await house.apps.find(query.get("app_id", FIRST))
        if app is None or app.tenant != house.tenant.tenant:
            raise Refused(HTTPStatus.NOT_FOUND, "there is no such app")
        since, limit, type = _since(query.get("since")), whole(request, "limit", USUAL, MOST), query.get("type")
        if type is not None and not type.isprintable():
            raise bad("type must be the name of an event")

        def read(tx: Tx) -> list[dict[str, Any]]:
            if type:
                found = tx.all(event_log.SINCE_OF_TYPE, type=type, since=since, limit=limit)
            else:
                found = tx.all(event_log.SINCE, since=since, limit=limit)
            return spoken(tx, house.spec, app, found)

        return {"items": await house.store.query(house.tenant.tenant, read)}


def spoken(tx: Tx, spec: Spec, app: App, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Events as an app is told of them; facts of which the spec knows no event stay as they are."""
    facts = [decode_json(row["facts"]) for row in rows]
    persons = people.many(tx, sorted({f["employment_id"] for f in facts if f.get("employment_id")}))
    items = []
    for row, said in zip(rows, facts, strict=True):
        known = spec.events.get(row["type"])
        target = next((f for f in known.body if f.name == _TARGET), None) if known else None
        person = persons.get(said.get("employment_id", ""))
        words = {**said, _TARGET: _ids(app, person, target.fields)} if target and person else said
        items.append(
            {
                "event_id": event_log.event_id(tx.tenant, row["seq"]),
                "event_type": row["type"],
                "create_time": milliseconds(moment(row["at"])),
                "subject": row["subject"],
                "event": words,
                "deliveries": [],
            }
        )
    return items


def _ids(app: App, person: people.Employment, fields: Sequence[Field]) -> Mapping[str, str]:
    """The person's ids, as far as the app's scopes let it see them."""
    speak: Mapping[str, Callable[[], str]] = {
        "open_id": lambda: made_ids.speak_open_id(app.server_key, app.app_id, person.id),
        "union_id": lambda: made_ids.speak_union_id(app.server_key, person.id),
        "user_id": lambda: person.user_id,
    }
    return {f.name: speak[f.name]() for f in fields if f.name in speak and app.holds(f.scopes)}


def _since(id: str | None) -> int:
    if id is None:
        return MADE
    try:
        place = event_log.place(id)
    except ValueError:
        raise bad("since must be the id of an event: 32 hexadecimal digits") from None
    if place >= 1 << 63:
        raise bad("there is no such event")
    return place
