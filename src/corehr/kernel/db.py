"""One command is one transaction; everything a command may touch hangs from its Tx."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

import msgspec

from corehr.kernel import event_log, outbox
from corehr.kernel.clock import to_timestamp
from corehr.kernel.event_log import Event
from corehr.kernel.ids import Ids
from corehr.kernel.statements import Statement

T = TypeVar("T")
Row = dict[str, Any]
encode_json = msgspec.json.Encoder().encode
decode_json = msgspec.json.decode


class Connection(Protocol):
    """What a store's driver must be able to do."""

    def fetch_all(self, statement: Statement, params: Mapping[str, Any]) -> list[Row]: ...

    def execute(self, statement: Statement, params: Mapping[str, Any]) -> int: ...

    def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None: ...

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
        self.recorded_at = to_timestamp(now)

    def fetch_all(self, statement: Statement, **params: Any) -> list[Row]:
        """Every row, as dictionaries by column name."""
        params["tenant"] = self.tenant
        return self._connection.fetch_all(statement, params)

    def fetch_one(self, statement: Statement, **params: Any) -> Row | None:
        """The first row, if any."""
        rows = self.fetch_all(statement, **params)
        return rows[0] if rows else None

    def execute(self, statement: Statement, **params: Any) -> int:
        """Change rows; how many were changed."""
        params["tenant"] = self.tenant
        return self._connection.execute(statement, params)

    def execute_many(self, statement: Statement, rows: Sequence[Row]) -> None:
        """The same change for each of `rows`, sent together."""
        for row in rows:
            row["tenant"] = self.tenant
        if rows:
            self._connection.execute_many(statement, rows)

    def lock_names(self, names: Iterable[str], *, shared: bool = False) -> bool:
        """Keep these names until the command ends: alone, or `shared` with others who only depend on them.

        For what has no row of its own to lock. True when others may have acted before it was ours; on SQLite
        nobody else writes meanwhile.
        """
        keys = sorted({_lock_key(self.tenant, name) for name in names})
        return bool(keys) and self._connection.lock(keys, shared=shared)

    def new_id(self) -> str:
        return str(self._ids.next())

    def emit(self, event: Event) -> None:
        """Record an event with this command: it is written with the command's rows, or not at all."""
        self._events.append(event)

    def flush_events(self) -> None:
        """Write what was emitted, and whom it is to be told; the store calls it last, before the command's end."""
        if not self._events:
            return
        rows = [
            {
                "seq": self._ids.next(),
                "type": event.type,
                "subject": event.subject,
                "at": self.recorded_at,
                "facts": encode_json(event.payload).decode(),
            }
            for event in self._events
        ]
        self.execute_many(event_log.INSERT, rows)
        self.execute(outbox.FAN_OUT, seqs=[row["seq"] for row in rows])
        self._events.clear()


def _lock_key(tenant: str, name: str) -> int:
    """A signed 64-bit number for a name; two names that share one only wait for each other needlessly."""
    return int.from_bytes(blake2b(f"{tenant}/{name}".encode(), digest_size=8).digest(), "big", signed=True)


TxFunction = Callable[[Tx], T]


class Store(Protocol):
    """Where the rows are. Commands change them, one after the other per person; queries only read."""

    def command(self, tenant: str, work: TxFunction[T], at: datetime | None = None) -> Awaitable[T]:
        """Run `work` in one durable transaction, at the tenant's present or the moment given."""
        ...

    def query(self, tenant: str, work: TxFunction[T]) -> Awaitable[T]:
        """Run `work` over one consistent reading of what is committed."""
        ...

    def command_sync(self, tenant: str, work: TxFunction[T], at: datetime | None = None, ids: Ids | None = None) -> T:
        """As `command`, for callers outside an event loop; `ids` replaces the store's own for this command."""
        ...

    def execute_script(self, sql: Sequence[str]) -> None:
        """Run statements that belong to no tenant: schema changes."""
        ...

    def close(self) -> None: ...
