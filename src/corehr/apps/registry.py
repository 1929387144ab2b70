"""Apps: their credentials, their scopes, and their data range."""

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any, Literal

import sqlalchemy as sa

from corehr.apps.scopes import ALL_SCOPES, DataRange, PreHireAccess, Scopes
from corehr.kernel.clock import real_now, to_timestamp
from corehr.kernel.db import Row, Store, Tx, decode_json, encode_json
from corehr.kernel.ids import random_hex
from corehr.kernel.statements import (
    bind,
    in_tenant,
    insert_into,
    integer_column,
    matches,
    statement,
    tenant_table,
    text_column,
    update_columns,
)
from corehr.kernel.tenants import DEFAULT_TENANT_ID, decrypt_server_key, tenant

AppType = Literal["custom", "store"]

_REFRESH_AFTER_SECONDS = 0.5
_MAX_AGE_SECONDS = 1.0

app_table = tenant_table(
    "app",
    text_column("app_id", key=True),
    text_column("name"),
    text_column("type"),
    text_column("secret_hash"),
    text_column("previous_secret_hash", optional=True),
    text_column("previous_secret_until", optional=True),
    text_column("scopes"),
    text_column("data_range"),
    text_column("pre_hires"),
    integer_column("enabled"),
    text_column("created_at"),
    text_column("tokens_revoked_at", optional=True),
)

_with_tenant_keys = sa.select(app_table, tenant.c.server_key, tenant.c.tenant_key).join(
    tenant, tenant.c.tenant == app_table.c.tenant
)
_INSERT = insert_into(app_table)
_SELECT_ALL = statement(_with_tenant_keys.where(in_tenant(app_table)).order_by(app_table.c.app_id))
# the only queries without a tenant: a request names its app before its tenant is known
_SELECT_OF_ALL_TENANTS = statement(_with_tenant_keys)
_SELECT_ONE_OF_ALL_TENANTS = statement(
    _with_tenant_keys.where(
        app_table.c.tenant.in_(sa.select(tenant.c.tenant)),  # so that it is found by the primary key
        app_table.c.app_id == bind("app_id"),
    )
)
_SELECT_SECRET = statement(sa.select(app_table.c.secret_hash).where(*matches(app_table, "app_id")))
_UPDATE_SECRET = update_columns(
    app_table, "secret_hash", "previous_secret_hash", "previous_secret_until", by=("app_id",)
)
_UPDATE_TOKENS_REVOKED_AT = update_columns(app_table, "tokens_revoked_at", by=("app_id",))
_UPDATE_ENABLED = update_columns(app_table, "enabled", by=("app_id",))


@dataclass(frozen=True, slots=True)
class App:
    """An app of one tenant. `app_id` is unique in the installation: `cli_` and 16 hexadecimal digits.

    `scopes` are the names of its scopes, or ALL_SCOPES; `created_at` is a timestamp of real time; `tenant_key` is the
    platform's id of the tenant. Tokens issued before `tokens_revoked_at`, a timestamp of real time, are not valid.
    `previous_secret_until` is the timestamp of real time until which the secret before the last rotation is accepted
    too, or None.
    """

    tenant: str
    tenant_key: str
    app_id: str
    name: str
    type: AppType
    scopes: Scopes
    data_range: DataRange
    pre_hires: PreHireAccess
    enabled: bool
    created_at: str
    tokens_revoked_at: str | None = field(default=None, kw_only=True)
    secret_hash: str = field(repr=False)
    server_key: str = field(repr=False)
    previous_secret_hash: str | None = field(default=None, repr=False)
    previous_secret_until: str | None = None

    @property
    def type_in_spec(self) -> str:
        """Return the app's type as the pages name it: custom or isv."""
        return "isv" if self.type == "store" else self.type

    def has_any_scope(self, any_of: Collection[str]) -> bool:
        """Return whether the app has one of these scopes; True when `any_of` is empty."""
        return isinstance(self.scopes, str) or not any_of or not self.scopes.isdisjoint(any_of)

    def has_secret(self, app_secret: str) -> bool:
        """Return whether this is the app's secret, or the one before it while that is accepted too."""
        hashed = _hash_secret(self.app_id, app_secret)
        if hmac.compare_digest(self.secret_hash, hashed):
            return True
        until, previous = self.previous_secret_until, self.previous_secret_hash
        if until is None or previous is None or to_timestamp(real_now()) >= until:
            return False
        return hmac.compare_digest(previous, hashed)


def generate_app_id() -> str:
    return f"cli_{random_hex(16)}"


def create_app(
    tx: Tx,
    name: str,
    *,
    type: AppType = "custom",
    scopes: Scopes = ALL_SCOPES,
    data_range: Literal["all", "none"] | Collection[str] = "none",
    pre_hires: PreHireAccess = "none",
    app_id: str | None = None,
    app_secret: str | None = None,
    created_at: str | None = None,
) -> tuple[str, str]:
    """Insert an app and return its id and secret, generated unless they are given.

    `data_range` may be a collection of department ids. `created_at` is a timestamp, the real time by default; the
    windows in which tokens are issued are counted from it.
    """
    app_id = app_id or generate_app_id()
    app_secret = app_secret or random_hex()
    tx.execute(
        _INSERT,
        app_id=app_id,
        name=name,
        type=type,
        secret_hash=_hash_secret(app_id, app_secret),
        previous_secret_hash=None,
        previous_secret_until=None,
        scopes=ALL_SCOPES if scopes == ALL_SCOPES else encode_json(sorted(scopes)).decode(),
        data_range=data_range if isinstance(data_range, str) else encode_json(sorted(data_range)).decode(),
        pre_hires=pre_hires,
        enabled=1,
        created_at=created_at or to_timestamp(real_now()),
        tokens_revoked_at=None,
    )
    return app_id, app_secret


def list_apps(tx: Tx) -> Sequence[App]:
    """Return the tenant's apps, ordered by app id."""
    return [_from_row(tx, row) for row in tx.fetch_all(_SELECT_ALL)]


def rotate_secret(tx: Tx, app_id: str, *, keep_old: timedelta | None = None) -> str | None:
    """Set and return a new secret, or None when there is no such app. Issued tokens stay valid until they expire.

    The secret that it replaces is accepted for another `keep_old` of real time; an older one no longer.
    """
    row = tx.fetch_one(_SELECT_SECRET, app_id=app_id)
    if row is None:
        return None
    new_secret = random_hex()
    tx.execute(
        _UPDATE_SECRET,
        app_id=app_id,
        secret_hash=_hash_secret(app_id, new_secret),
        previous_secret_hash=row["secret_hash"] if keep_old else None,
        previous_secret_until=to_timestamp(real_now() + keep_old) if keep_old else None,
    )
    return new_secret


def revoke_tokens(tx: Tx, app_id: str, at: str) -> bool:
    """Revoke the tokens that were issued to an app before the timestamp `at`, and return whether the app exists.

    Tokens are dated by the second, so the present one must be later than that in which the last token began.
    """
    return tx.execute(_UPDATE_TOKENS_REVOKED_AT, app_id=app_id, tokens_revoked_at=at) == 1


def set_enabled(tx: Tx, app_id: str, *, enabled: bool) -> bool:
    """Enable or disable an app; return whether it exists."""
    return tx.execute(_UPDATE_ENABLED, app_id=app_id, enabled=int(enabled)) == 1


class AppRegistry:
    """The apps of every tenant, cached in memory; a change by another process is visible within a second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._apps: dict[str, App] = {}
        self._refreshed_at = float("-inf")
        self._running_refreshes = 0

    async def get(self, app_id: str) -> App | None:
        """Return the app, or None. A cached app is at most a second old; of an unknown id one row is read."""
        age = monotonic() - self._refreshed_at
        # one caller refreshes early; the others wait for a refresh only when the cache is a second old
        if age > _MAX_AGE_SECONDS or (age > _REFRESH_AFTER_SECONDS and not self._running_refreshes):
            await self.refresh()
        app = self._apps.get(app_id)
        return app if app is not None else await self._read(app_id)

    async def list_enabled_store_apps(self) -> Sequence[App]:
        """Return the enabled store apps of every tenant, read from the database now."""
        await self.refresh()
        return [app for app in self._apps.values() if app.type == "store" and app.enabled]

    async def _read(self, app_id: str) -> App | None:
        """Return an app that is not cached, such as one created a moment ago, or None."""
        app = await self._store.query(DEFAULT_TENANT_ID, lambda tx: _read_one(tx, app_id))
        if app is not None:
            self._apps[app_id] = app
        return app

    async def refresh(self) -> None:
        """Read all apps again."""
        started_at = monotonic()
        self._running_refreshes += 1
        try:
            apps = await self._store.query(DEFAULT_TENANT_ID, _list_of_all_tenants)
        finally:
            self._running_refreshes -= 1
        if started_at > self._refreshed_at:
            self._apps = {app.app_id: app for app in apps}
            self._refreshed_at = started_at


def _list_of_all_tenants(tx: Tx) -> Sequence[App]:
    return [_from_row(tx, row) for row in tx.fetch_all(_SELECT_OF_ALL_TENANTS)]


def _hash_secret(app_id: str, app_secret: str) -> str:
    return hmac.digest(app_id.encode(), app_secret.encode(errors="surrogatepass"), "sha256").hex()


def _read_one(tx: Tx, app_id: str) -> App | None:
    row = tx.fetch_one(_SELECT_ONE_OF_ALL_TENANTS, app_id=app_id)
    return _from_row(tx, row) if row else None


def _from_row(tx: Tx, row: Row) -> App:
    values: dict[str, Any] = dict(row)
    values["server_key"] = decrypt_server_key(tx.keys, values["tenant"], values["server_key"])
    scopes, data_range = values["scopes"], values["data_range"]
    values["scopes"] = ALL_SCOPES if scopes == ALL_SCOPES else frozenset(decode_json(scopes))
    if data_range == "all" or values["type"] == "store":  # the range of a store app cannot be narrowed
        values["data_range"] = DataRange(everyone=True)
    else:
        departments = () if data_range == "none" else decode_json(data_range)
        values["data_range"] = DataRange(everyone=False, departments=frozenset(departments))
    values["pre_hires"] = "all" if values["type"] == "store" else values["pre_hires"]
    values["enabled"] = bool(values["enabled"])
    return App(**values)
