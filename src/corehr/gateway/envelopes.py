"""What one app is told of an event: the facts in its words, and the envelope around them.

Facts are neutral as they are stored. The app's own open ids, the fields its scopes show it and whether the event is for
it at all are decided when it is told.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from corehr.gateway import made_ids
from corehr.gateway.answers import encode
from corehr.gateway.apps import App
from corehr.gateway.fields import Field
from corehr.gateway.id_types import Directory
from corehr.gateway.scopes import Veil
from corehr.gateway.spec import EventType, Spec
from corehr.kernel import tenants
from corehr.kernel.clock import epoch_millis, local_date, parse_timestamp
from corehr.kernel.db import Row, Tx, decode_json
from corehr.kernel.event_log import event_id
from corehr.kernel.subscribers import Subscriber

_TARGET: Final = "target_user_id"
_PERSON: Final = "employment_id"


class Envelopes:
    """Speaks of events to apps, by the spec."""

    def __init__(self, spec: Spec, directory: Directory) -> None:
        self._directory = directory
        self._known = spec.events
        self._veils = {name: Veil(event.body) for name, event in spec.events.items()}
        self._targets = {
            name: next((f.fields for f in event.body if f.name == _TARGET), None) for name, event in spec.events.items()
        }

    def words(self, tx: Tx, app: App, events: Sequence[Row]) -> list[Mapping[str, Any]]:
        """The `event` member of each as this app is told it; of what the spec does not know, the facts as they are."""
        facts = [decode_json(row["facts"]) for row in events]
        asked = {
            said[_PERSON]
            for row, said in zip(events, facts, strict=True)
            if self._targets.get(row["type"]) and said.get(_PERSON)
        }
        people = self._directory.people_as(tx, "user_id", sorted(asked)) if asked else {}
        return [self._words(app, row["type"], said, people) for row, said in zip(events, facts, strict=True)]

    def _words(self, app: App, type: str, said: dict[str, Any], people: Mapping[str, str]) -> Mapping[str, Any]:
        target, person = self._targets.get(type), said.get(_PERSON, "")
        if target and person in people:
            said[_TARGET] = _ids(app, person, people[person], target)
        veil = self._veils.get(type)
        return veil.hide(app.scopes, said) if veil else said

    def withheld(self, tx: Tx, app: App, types: Collection[str], events: Sequence[Row]) -> list[str | None]:
        """For each event, why the app must not be told of it; None where it may."""
        reasons = [self._not_subscribed(app, types, row["type"]) for row in events]
        if app.data_range.everyone:
            return reasons
        tenant = tenants.get(tx)
        assert tenant is not None
        for at, row in enumerate(events):
            known = self._known[row["type"]] if reasons[at] is None else None
            person = decode_json(row["facts"]).get(_PERSON) if known and known.data_range else None
            if person and not self._directory.is_within(
                tx, app.data_range, person, local_date(parse_timestamp(row["at"]), tenant.time_zone)
            ):
                reasons[at] = "the person is outside the app's data range"
        return reasons

    def _not_subscribed(self, app: App, types: Collection[str], type: str) -> str | None:
        if type not in types:
            return "the app does not subscribe to this any more"
        if type not in self._known:
            return "this version of corehr knows no such event"
        if not may_subscribe(app, self._known[type]):
            return "the app has no scope for this any more"
        return None


def envelope(app: App, subscriber: Subscriber, row: Row, words: Mapping[str, Any]) -> bytes:
    """The body that is sent: schema 2.0, compact JSON."""
    header = {
        "event_id": event_id(app.tenant, row["seq"]),
        "token": subscriber.verification_token,
        "create_time": epoch_millis(parse_timestamp(row["at"])),
        "event_type": row["type"],
        "tenant_key": app.tenant_key,
        "app_id": app.app_id,
    }
    return encode({"schema": "2.0", "header": header, "event": words})


def may_subscribe(app: App, event: EventType) -> bool:
    """Whether the event is there for apps of this kind, and the app holds one of its scopes."""
    return app.listed_as in event.apps and app.holds(event.scopes)


def _ids(app: App, person: str, user_id: str, fields: Sequence[Field]) -> Mapping[str, str]:
    speak: Mapping[str, Callable[[], str]] = {
        "open_id": lambda: made_ids.speak_open_id(app.server_key, app.app_id, person),
        "union_id": lambda: made_ids.speak_union_id(app.server_key, person),
        "user_id": lambda: user_id,
    }
    return {f.name: speak[f.name]() for f in fields if f.name in speak}
