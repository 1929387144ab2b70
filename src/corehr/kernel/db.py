"""Transactions: a command is one transaction, and uses the database, the time and ids only through its `Tx`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol, TypeVar

import msgspec

from corehr.kernel import event_log
from corehr.kernel.clock import to_timestamp
from corehr.kernel.event_log import Event
from corehr.kernel.ids import Ids
from corehr.kernel.keys import NO_KEYS, KeyRing
from corehr.kernel.statements import Statement

T = TypeVar("T")
Row = dict[str, Any]
encode_json = msgspec.json.Encoder().encode
decode_json = msgspec.json.decode


class Record(msgspec.Struct, frozen=True):
    """The base of records: a record is a row of one table, and its fields are the columns."""


to_row: Callable[[Record], Row] = msgspec.structs.asdict
"""Return a record as a row."""


class Connection(Protocol):
    """A connection of a store: runs statements and takes locks in the current transaction."""

    def fetch_all(self, statement: Statement, params: Mapping[str, Any]) -> list[Row]: ...

    def execute(self, statement: Statement, params: Mapping[str, Any]) -> int: ...

    def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None: ...

    def lock(self, exclusive: AbstractSet[int], shared: AbstractSet[int]) -> bool: ...

    def savepoint(self) -> None: ...

    def roll_back_to_savepoint(self) -> None: ...


class Tx:
    """A transaction of one tenant: its connection, one fixed world time, new ids and the events emitted so far.

    `keys` encrypt the secrets that it stores.
    """

    __slots__ = (
        "_after_events",
        "_clock",
        "_connection",
        "_events",
        "_ids",
        "kept",
        "keys",
        "now",
        "recorded_at",
        "tenant",
        "timelines",
    )

    def __init__(
        self,
        connection: Connection,
        tenant: str,
        now: datetime,
        ids: Ids,
        after_events: Sequence[Statement] = (),
        clock: Callable[[], datetime] | None = None,
        *,
        keys: KeyRing = NO_KEYS,
    ) -> None:
        self._connection, self._clock = connection, clock
        self._after_events = after_events
        self._ids = ids
        self._events: list[Event] = []
        self.keys = keys
        self.tenant = tenant
        self.now = now
        self.recorded_at = to_timestamp(now)
        # the current timelines of each entity that was read, by kind: engines.versions reads and writes them
        self.timelines: dict[str, dict[str, Any]] = {}
        # what else was read and cannot change before the transaction ends, under names of those who read it
        self.kept: dict[str, Any] = {}

    def fetch_all(self, statement: Statement, **params: Any) -> list[Row]:
        """Return every row, as dictionaries by column name."""
        params["tenant"] = self.tenant
        return self._connection.fetch_all(statement, params)

    def fetch_one(self, statement: Statement, **params: Any) -> Row | None:
        """Return the first row, or None."""
        rows = self.fetch_all(statement, **params)
        return rows[0] if rows else None

    def execute(self, statement: Statement, **params: Any) -> int:
        """Insert, update or delete rows; return how many were changed."""
        params["tenant"] = self.tenant
        return self._connection.execute(statement, params)

    def execute_many(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Run a statement once for each of `rows`, sent as one batch."""
        for row in rows:
            row["tenant"] = self.tenant
        if rows:
            self._connection.execute_many(statement, rows)

    def lock_names(self, exclusive: Iterable[str], shared: Iterable[str] = ()) -> bool:
        """Lock names until the command ends: exclusively, or `shared` with commands that only depend on them.

        Used where no row exists to lock. The names of one call are locked in an order that is the same for all
        commands, so that commands cannot deadlock on the names of one call each. Returns whether other commands may
        have changed rows before the locks were obtained; never on SQLite, whose commands run one at a time.
        """
        exclusive_keys = {_lock_key(self.tenant, name) for name in exclusive}
        shared_keys = {_lock_key(self.tenant, name) for name in shared}
        return self._connection.lock(exclusive_keys, shared_keys - exclusive_keys)

    def savepoint(self) -> None:
        """Begin a part of the command that only locks and reads, and that `unlock_to_savepoint` can repeat."""
        self._connection.savepoint()

    def unlock_to_savepoint(self) -> None:
        """Release the locks that were obtained since the savepoint."""
        self._connection.roll_back_to_savepoint()

    def take_instant(self) -> None:
        """Take the present instant as that of the command, which has waited for the lock of what it changes.

        What it records is then later than what the commands before it have recorded. A command that runs as of a given
        instant keeps it, and so does every command on SQLite, where commands do not wait for each other's locks.
        """
        if self._clock is not None:
            self.now = self._clock()
            self.recorded_at = to_timestamp(self.now)

    def new_id(self) -> str:
        return str(self._ids.next())

    def emit(self, event: Event) -> None:
        """Emit an event; it is written in the same transaction as the command's rows."""
        self._events.append(event)

    def flush_events(self) -> None:
        """Insert the emitted events, then run `after_events`; the store calls it as the last step before COMMIT."""
        if not self._events:
            return
        rows = [
            {
                "seq": self._ids.next(),
                "type": event.type,
                "subject": event.subject,
                "recorded_at": self.recorded_at,
                "payload": event.payload,
            }
            for event in self._events
        ]
        self.execute_many(event_log.INSERT, rows)
        seqs = [row["seq"] for row in rows]
        for statement in self._after_events:
            self.execute(statement, seqs=seqs)
        self._events.clear()


def _lock_key(tenant: str, name: str) -> int:
    """Return a signed 64-bit lock key for a name; names with the same key wait for each other, without other harm."""
    return int.from_bytes(blake2b(f"{tenant}/{name}".encode(), digest_size=8).digest(), "big", signed=True)


TxFunction = Callable[[Tx], T]


class Store(Protocol):
    """A database of many tenants. Commands change rows, one at a time per employment; queries only read.

    The store sets `has_failed` when the database could not commit a command; who finds that it can again resets it.
    """

    has_failed: bool

    keys: KeyRing

    def command(self, tenant: str, work: TxFunction[T], at: datetime | None = None) -> Awaitable[T]:
        """Run `work` in one durable transaction, at the instant `at` or else the tenant's world time."""
        ...

    def query(self, tenant: str, work: TxFunction[T]) -> Awaitable[T]:
        """Run `work` on one consistent snapshot of the committed rows."""
        ...

    def command_sync(self, tenant: str, work: TxFunction[T], at: datetime | None = None, ids: Ids | None = None) -> T:
        """Run `work` as `command` does, but block the calling thread; `ids` replaces the store's own."""
        ...

    def execute_script(self, sql: Sequence[str]) -> None:
        """Run statements that belong to no tenant, such as schema changes."""
        ...

    def close(self) -> None: ...
