"""An app that receives every event, by log and by webhook, in a world whose clock stands still."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from corehr.hr.organization import locations
from corehr.kernel.db import Tx
from tests.listener import Listener
from tests.world import APP_ALL, World

MONDAY_10, MONDAY_11, MONDAY_12 = "1767578400", "1767582000", "1767585600"
THURSDAY_0, THURSDAY_0_IN_LONDON = "1767801600", "1767830400"
THURSDAY_10, THURSDAY_11 = "1767837600", "1767841200"
"""Epoch seconds as text, of 5 and 8 January 2026 in Shanghai unless the name says otherwise."""


class EventTrace:
    """The events of a world; its time advances only through `at`, so every time in an event is known."""

    def __init__(self, world: World, listener: Listener) -> None:
        self.world, self._listener = world, listener
        self._last_event_id: str | None = None
        self._now = MONDAY_10
        self.at(MONDAY_10)
        webhook = {"url": listener.url, "verification_token": "v-token"}
        world.sandbox("PUT", f"apps/{APP_ALL}/webhook", webhook)
        listener.requests.clear()

    def at(self, epoch_seconds: str) -> None:
        """Set the world clock and run everything that is due by then."""
        self._now = epoch_seconds
        self.world.sandbox("PUT", "clock", {"now": datetime.fromtimestamp(int(epoch_seconds), UTC).isoformat()})

    def new_events(self, at: str | None = None) -> list[tuple[str, Any]]:
        """Return type, without `corehr.`, and body of every event since the last call, all created at one time.

        Asserts that the webhook received the same bytes, in the order of the log for each subject.
        """
        self.at(self._now)
        since = {"since": self._last_event_id} if self._last_event_id else {}
        items = self.world.sandbox("GET", "events", limit=1000, **since)["items"]
        assert {item["create_time"] for item in items} <= {f"{at or self._now}000"}
        assert self._received_by_subject() == self._expected_by_subject(items)
        if items:
            self._last_event_id = items[-1]["event_id"]
        return [(item["event_type"].removeprefix("corehr."), item["event"]) for item in items]

    def _received_by_subject(self) -> dict[str, list[bytes]]:
        """Return the request bodies that the webhook received since the last call, by subject."""
        subjects = {item["event_id"]: item["subject"] for item in self.world.sandbox("GET", "events")["items"]}
        received = defaultdict(list)
        for request in self._listener.requests:
            received[subjects[request.json["header"]["event_id"]]].append(request.body)
        self._listener.requests.clear()
        return received

    def _expected_by_subject(self, items: list[Any]) -> dict[str, list[bytes]]:
        expected = defaultdict(list)
        for item in items:
            header = {
                "event_id": item["event_id"],
                "token": "v-token",
                "create_time": item["create_time"],
                "event_type": item["event_type"],
                "tenant_key": self.world.named["apps"]["store"]["tenant_key"],
                "app_id": APP_ALL,
            }
            body = {"schema": "2.0", "header": header, "event": item["event"]}
            expected[item["subject"]].append(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())
        return expected


def create_london(world: World) -> str:
    """Create a work city whose days begin eight hours after those of Shanghai, and return its id."""

    def create(tx: Tx) -> str:
        id = tx.new_id()
        body = {"name": {"zh-CN": "伦敦"}, "usages": ["business_site"], "zone": "Europe/London"}
        locations.create(tx, id, "2020-01-01", body)
        return id

    return str(world.in_transaction(create))
