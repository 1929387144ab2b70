"""Renders events for one app: the `event` member from the stored payload, and the envelope around it.

Stored payloads are the same for all apps. The app's own open ids, the fields that its scopes show and whether the event
is for it at all are decided when it is delivered.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from corehr.apps import opaque_ids
from corehr.apps.id_directory import IdDirectory
from corehr.apps.registry import App
from corehr.apps.scopes import FieldScopeFilter
from corehr.delivery.subscribers import Subscriber
from corehr.kernel.clock import epoch_millis, parse_timestamp
from corehr.kernel.db import Row, Tx, encode_json
from corehr.kernel.event_log import event_id
from corehr.spec.fields import Field
from corehr.spec.loader import EventType, Spec

_TARGET_FIELD: Final = "target_user_id"
_PRE_HIRE_EVENTS: Final = "corehr.pre_hire."
_EMPLOYMENT_FIELD: Final = "employment_id"


class EventRenderer:
    """Renders events for apps as the spec defines them."""

    def __init__(self, spec: Spec, directory: IdDirectory) -> None:
        self._directory = directory
        self._event_types = spec.events
        self._field_filters = {name: FieldScopeFilter(event.body) for name, event in spec.events.items()}
        self._targets = {
            name: next((f.fields for f in event.body if f.name == _TARGET_FIELD), None)
            for name, event in spec.events.items()
        }

    def bodies_for(self, tx: Tx, app: App, events: Sequence[Row]) -> list[Mapping[str, Any]]:
        """Return the `event` member of each event for this app; of a type that the spec lacks, the stored payload."""
        payloads = [dict(row["payload"]) for row in events]
        employment_ids = {
            payload[_EMPLOYMENT_FIELD]
            for row, payload in zip(events, payloads, strict=True)
            if self._targets.get(row["type"]) and payload.get(_EMPLOYMENT_FIELD)
        }
        user_ids = (
            self._directory.external_ids_of_employments(tx, "user_id", sorted(employment_ids)) if employment_ids else {}
        )
        return [
            self._body_for(app, row["type"], payload, user_ids) for row, payload in zip(events, payloads, strict=True)
        ]

    def _body_for(self, app: App, type: str, payload: dict[str, Any], user_ids: Mapping[str, str]) -> Mapping[str, Any]:
        target, employment_id = self._targets.get(type), payload.get(_EMPLOYMENT_FIELD, "")
        if target and employment_id in user_ids:
            payload[_TARGET_FIELD] = _target_ids(app, employment_id, user_ids[employment_id], target)
        field_filter = self._field_filters.get(type)
        return field_filter.apply(app.scopes, payload) if field_filter else payload

    def skip_reasons(self, tx: Tx, app: App, types: Collection[str], events: Sequence[Row]) -> list[str | None]:
        """Return for each event the reason why it must not be delivered to the app, or None."""
        reasons = [self._not_subscribed_reason(app, types, row["type"]) for row in events]
        if app.data_range.everyone:
            return reasons
        for index, row in enumerate(events):
            event_type = self._event_types[row["type"]] if reasons[index] is None else None
            employment_id = row["payload"].get(_EMPLOYMENT_FIELD) if event_type and event_type.data_range else None
            if employment_id and not self._directory.is_in_data_range(
                tx, app.data_range, employment_id, parse_timestamp(row["recorded_at"])
            ):
                reasons[index] = "the employment is outside the app's data range"
        return reasons

    def _not_subscribed_reason(self, app: App, types: Collection[str], type: str) -> str | None:
        if type not in types:
            return "the app no longer subscribes to this event type"
        if type not in self._event_types:
            return "this version of corehr does not know this event type"
        if not may_subscribe(app, self._event_types[type]):
            return "the app no longer has a scope for this event type"
        if app.pre_hires == "none" and type.startswith(_PRE_HIRE_EVENTS):
            return "the app may not see pre-hires"
        return None


def build_envelope(app: App, subscriber: Subscriber, row: Row, body: Mapping[str, Any]) -> bytes:
    """Return the body to send: the envelope of schema 2.0, as compact JSON."""
    header = {
        "event_id": event_id(app.tenant, row["seq"]),
        "token": subscriber.verification_token,
        "create_time": epoch_millis(parse_timestamp(row["recorded_at"])),
        "event_type": row["type"],
        "tenant_key": app.tenant_key,
        "app_id": app.app_id,
    }
    return encode_json({"schema": "2.0", "header": header, "event": body})


def may_subscribe(app: App, event: EventType) -> bool:
    """Return whether the event is available to apps of this type, and the app has one of its scopes."""
    return app.type_in_spec in event.app_types and app.has_any_scope(event.scopes)


def _target_ids(app: App, employment_id: str, user_id: str, fields: Sequence[Field]) -> Mapping[str, str]:
    encoders: Mapping[str, Callable[[], str]] = {
        "open_id": lambda: opaque_ids.encode_open_id(app.server_key, app.app_id, employment_id),
        "union_id": lambda: opaque_ids.encode_union_id(app.server_key, employment_id),
        "user_id": lambda: user_id,
    }
    return {f.name: encoders[f.name]() for f in fields if f.name in encoders}
