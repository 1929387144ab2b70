"""One command is one transaction; everything a command may touch hangs from its Tx."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

import msgspec

from corehr.kernel import event_log, outbox
from corehr.kernel.clock import stamp
from corehr.kernel.event_log import Event
from corehr.kernel.ids import Ids
from corehr.kernel.statements import Statement

T = TypeVar("T")
Row = dict[str, Any]
encode_json = msgspec.json.Encoder().encode
decode_json = msgspec.json.decode


class Connection(Protocol):
    """What a store's driver must be able to do."""

    def all(self, statement: Statement, params: Mapping[str, Any]) -> list[Row]: ...

    def run(self, statement: Statement, params: Mapping[str, Any]) -> int: ...

    def run_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None: ...

    def lock(self, keys: Sequence[int], *, shared: bool) -> bool: ...


class Tx:
    """A transaction of one tenant: its connection, a frozen moment, new ids and the events it will record."""

    __slots__ = ("_connection", "_events", "_ids", "now", "recorded_at", "tenant")

    def __init__(self, connection: Connection, tenant: str, now: datetime, ids: Ids) -> None:
        self._connection = connection
        self._ids = ids
        self._events: list[Event] = []
        self.tenant = tenant
        self.now = now
        self.recorded_at = stamp(now)

    def all(self, statement: Statement, **params: Any) -> list[Row]:
        """Every row, as dictionaries by column name."""
        params["tenant"] = self.tenant
        return self._connection.all(statement, params)

    def one(self, statement: Statement, **params: Any) -> Row | None:
        """The first row, if any."""
        rows = self.all(statement, **params)
        return rows[0] if rows else None

    def run(self, statement: Statement, **params: Any) -> int:
        """Change rows; how many were changed."""
        params["tenant"] = self.tenant
        return self._connection.run(statement, params)

    def run_many(self, statement: Statement, rows: Sequence[Row]) -> None:
        """The same change for each of `rows`, sent together."""
        for row in rows:
            row["tenant"] = self.tenant
        if rows:
            self._connection.run_many(statement, rows)

    def lock(self, names: Iterable[str], *, shared: bool = False) -> bool:
        """Keep these names until the command ends: alone, or `shared` with others who only depend on them.

        For what has no row of its own to lock. True when others may have acted before it was ours; on SQLite
        nobody else writes meanwhile.
        """
        keys = sorted({_key(self.tenant, name) for name in names})
        return bool(keys) and self._connection.lock(keys, shared=shared)

    def new_id(self) -> str:
        return str(self._ids.next())

    def emit(self, event: Event) -> None:
        """Record an event with this command: it is written with the command's rows, or not at all."""
        self._events.append(event)

    def record_events(self) -> None:
        """Write what was emitted, and whom it is to be told; the store calls it last, before the command's end."""
        if not self._events:
            return
        rows = [
            {
                "seq": self._ids.next(),
                "type": e.type,
                "subject": e.subject,
                "at": self.recorded_at,
                "facts": encode_json(e.facts).decode(),
            }
            for e in self._events
        ]
        self.run_many(event_log.APPEND, rows)
        self.run(outbox.FAN_OUT, seqs=[row["seq"] for row in rows])
        self._events.clear()


def _key(tenant: str, name: str) -> int:
    """A signed 64-bit number for a name; two names that share one only wait for each other needlessly."""
    return int.from_bytes(blake2b(f"{tenant}/{name}".encode(), digest_size=8).digest(), "big", signed=True)


Work = Callable[[Tx], T]


class Store(Protocol):
    """Where the rows are. Commands change them, one after the other per person; queries only read."""

    def command(self, tenant: str, work: Work[T], at: datetime | None = None) -> Awaitable[T]:
        """Run `work` in one durable transaction, at the tenant's present or the moment given."""
        ...

    def query(self, tenant: str, work: Work[T]) -> Awaitable[T]:
        """Run `work` over one consistent reading of what is committed."""
        ...

    def command_now(self, tenant: str, work: Work[T], at: datetime | None = None, ids: Ids | None = None) -> T:
        """As `command`, for callers outside an event loop; `ids` replaces the store's own for this command."""
        ...

    def script(self, sql: Sequence[str]) -> None:
        """Run statements that belong to no tenant: schema changes."""
        ...

    def close(self) -> None: ...
