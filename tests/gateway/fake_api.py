"""A fake API behind the gateway: a spec of four operations, their handlers, an id directory, and a client."""

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy.schema import CreateIndex, CreateTable

from corehr.apps import registry as app_rows
from corehr.apps.handlers import Call, JsonObject
from corehr.apps.registry import App, AppRegistry, app_table
from corehr.apps.tickets import is_valid_ticket
from corehr.gateway import token_endpoints
from corehr.gateway.exchange import RequestHook
from corehr.gateway.http_app import HttpApp
from corehr.gateway.idempotency import idempotency
from corehr.gateway.pipeline import Gateway
from corehr.gateway.rate_limits import RateLimiter
from corehr.gateway.token_endpoints import TokenEndpoints
from corehr.gateway.tokens import TokenIssuer
from corehr.kernel import tenants
from corehr.kernel.clock import Clock, real_seconds
from corehr.kernel.db import Store, Tx
from corehr.kernel.event_log import event
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.keys import KeyRing
from corehr.kernel.sqlite import SqliteStore
from corehr.kernel.statements import insert_into, metadata, select_by, tenant_table, text_column
from corehr.server.asgi import RootApp
from corehr.spec.fields import FieldParser
from corehr.spec.loader import Operation, RateLimit, Spec

SERVER_KEY = "the key of the fake company"
ANN, BOB = "7000000000000000001", "7000000000000000002"
LEGAL = "7100000000000000001"

note = tenant_table("note", text_column("id", key=True), text_column("about"))
metadata.remove(note)  # not a table of the product
KEYS = KeyRing(["5" * 64], "")
INSERT_NOTE, SELECT_NOTES = insert_into(note), select_by(note)


def operation(id: str, http: str, **more: Any) -> Operation:
    """Return an operation built from lines of the spec's notation; by default every app may call it."""
    method, path = http.split(" ")
    parse = FieldParser({"colour": ("red", "blue")}).parse
    sections: dict[str, Any] = {
        section: parse(more.pop(name, ()), f"toy.{name}")
        for name, section in {"path": "path_params", "query": "query", "body": "body", "response": "response"}.items()
    }
    attributes: dict[str, Any] = {
        "updated": date(2026, 1, 1),
        "deprecated": False,
        "app_types": ("custom", "isv"),
        "token_types": ("tenant_access_token",),
        "scopes": ("toy:read", "toy:write"),
        "field_scopes": (),
        "limits": (),
        "errors": {},
    }
    return Operation(id=id, method=method, path=path, **sections, **{**attributes, **more})


USER_ID_TYPE_FIELD = (
    "user_id_type string =open_id {open_id|union_id|user_id|people_corehr_id} "
    "scope[user_id]:contact:user.employee_id:readonly"
)
DEPARTMENT_ID_TYPE_FIELD = (
    "department_id_type string =people_corehr_department_id "
    "{open_department_id|department_id|people_corehr_department_id}"
)

CREATE = operation(
    "toy.note.create",
    "POST /open-apis/toy/v1/notes",
    app_types=("custom",),
    limits=(RateLimit(1000, 60), RateLimit(50, 1)),
    query=[USER_ID_TYPE_FIELD, DEPARTMENT_ID_TYPE_FIELD],
    body=[
        "employment_id string! id:user_id_type",
        "text string len:0..5000",
        "size int 1..10",
        "key string idempotency",
    ],
    response=[
        "note_id string",
        "employment_id string id:user_id_type",
        "secret string scope:toy:secret:read",
    ],
    errors=MappingProxyType(
        {
            1160001: (400, "param is invalid"),
            1160103: (500, "general internal server error code"),
            1161129: (400, 'Unable to submit this task as pre-hire is in the "{{label}}" stage.'),
        }
    ),
)
GET = operation(
    "toy.note.get",
    "GET /open-apis/toy/v1/notes/:note_id",
    path=["note_id string!"],
    query=[USER_ID_TYPE_FIELD],
    response=["note_id string", "about string id:user_id_type"],
)
RECENT = operation("toy.note.recent", "GET /open-apis/toy/v1/notes/recent", response=["items string[]"])
UNBUILT = operation("toy.note.delete", "DELETE /open-apis/toy/v1/notes/:note_id", path=["note_id string!"])

SPEC = Spec(MappingProxyType({built.id: built for built in (GET, RECENT, CREATE, UNBUILT)}), MappingProxyType({}))


def create(tx: Tx, call: Call) -> JsonObject:
    id = tx.new_id()
    tx.execute(INSERT_NOTE, id=id, about=call.body["employment_id"])
    return {"note_id": id, "employment_id": call.body["employment_id"], "secret": "s", "text": call.body.get("text")}


def get(tx: Tx, call: Call) -> JsonObject:
    return {"note_id": call.path["note_id"], "about": ANN}


def recent(tx: Tx, call: Call) -> JsonObject:
    return {"items": [row["about"] for row in tx.fetch_all(SELECT_NOTES)]}


class FakeIdDirectory:
    """An id directory that logs its lookups; Ann has the external id `ann`, Bob has no user_id."""

    def __init__(self) -> None:
        self.lookups: list[tuple[str, ...]] = []

    def employments_by_external_id(self, tx: Tx, id_type: str, values: Any) -> Mapping[str, str]:
        self.lookups.append((id_type, *values))
        return {"ann": ANN} if "ann" in values else {}

    def external_ids_of_employments(self, tx: Tx, id_type: str, ids: Any) -> Mapping[str, str]:
        self.lookups.append((id_type, *ids))
        return {ANN: "ann"} if ANN in ids else {}

    def departments_by_external_id(self, tx: Tx, id_type: str, values: Any) -> Mapping[str, str]:
        self.lookups.append((id_type, *values))
        return {"legal": LEGAL} if "legal" in values else {}

    def external_ids_of_departments(self, tx: Tx, id_type: str, ids: Any) -> Mapping[str, str]:
        self.lookups.append((id_type, *ids))
        return {LEGAL: "legal"} if LEGAL in ids else {}

    def existing_employments(self, tx: Tx, ids: Any) -> Collection[str]:
        self.lookups.append(("existing employments", *ids))
        return {ANN, BOB} & set(ids)

    def existing_departments(self, tx: Tx, ids: Any) -> Collection[str]:
        self.lookups.append(("existing departments", *ids))
        return {LEGAL} & set(ids)


async def no_catch_up(tenant: str) -> None:
    """Do nothing: no day has begun."""


def schema(*tables: Any) -> list[str]:
    """Return the statements that create the tables and their indexes."""
    lines = [str(CreateTable(declared)) for declared in tables]
    return lines + [str(CreateIndex(index)) for declared in tables for index in declared.indexes]


@contextmanager
def sqlite_store(folder: Path) -> Iterator[SqliteStore]:
    """Yield a store with the tables of the gateway, the event log, and the notes."""
    store = SqliteStore(folder / "toy.db", Clock(), TimeOrderedIds(), after_events=(), keys=KEYS)
    store.execute_script(schema(tenants.tenant, app_table, idempotency, event, note))
    try:
        yield store
    finally:
        store.close()


def create_tenant(store: Store, tenant: str = tenants.DEFAULT_TENANT_ID) -> None:
    row = tenants.Tenant(tenant, f"{tenant:>016}", "Toys", "Asia/Shanghai", SERVER_KEY, None, None, None)
    store.command_sync(tenant, lambda tx: tenants.insert(tx, row))


def new_app(store: Store, **attributes: Any) -> App:
    """Insert and return an app; by default a custom app with every scope and the data range of all employees."""
    attributes = {"data_range": "all", **attributes}
    app_id, _ = store.command_sync(tenants.DEFAULT_TENANT_ID, lambda tx: app_rows.create_app(tx, "toy", **attributes))
    apps = store.command_sync(tenants.DEFAULT_TENANT_ID, app_rows.list_apps)
    return next(app for app in apps if app.app_id == app_id)


@dataclass
class Received:
    """A received response; `headers` has the names in the case they were sent in."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def asgi_request(
    app: Any,
    http: str,
    body: Any = None,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
    parts: list[bytes] | None = None,
) -> Received:
    """Call an ASGI app; `body` is sent as JSON unless it is bytes, `parts` are sent one after the other."""
    method, _, target = http.partition(" ")
    path, _, query = target.partition("?")
    request_headers = {**({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in request_headers.items()],
    }
    if parts is None:
        parts = [body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()]
    messages = [
        {"type": "http.request", "body": part, "more_body": index < len(parts) - 1} for index, part in enumerate(parts)
    ]
    got = Received()

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            got.status = message["status"]
            got.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            got.body += message["body"]

    await app(scope, receive, send)
    return got


class FakeApi:
    """The Open API of the fake company, with its store, apps and tokens; `ticket_seconds` is the clock of tickets."""

    def __init__(
        self,
        store: Store,
        *,
        limits: bool = False,
        ticket_seconds: Callable[[], float] = real_seconds,
        resend_ticket: Callable[[App], None] = lambda app: None,
        hook: RequestHook | None = None,
        **more: Any,
    ) -> None:
        self.store = store
        self.apps = AppRegistry(store)
        self.tokens = TokenIssuer(self.apps)
        self.directory = FakeIdDirectory()
        self.gateway = Gateway(
            SPEC,
            store,
            **{
                "commands": {CREATE.id: create},
                "queries": {GET.id: get, RECENT.id: recent},
                "gateway_codes": {},
                "directory": self.directory,
                "tokens": self.tokens,
                "limiter": RateLimiter(enabled=limits),
                "catch_up": no_catch_up,
                "hook": hook,
                **more,
            },
        )
        self.token_endpoints = TokenEndpoints(
            self.apps,
            self.tokens,
            is_valid_ticket=partial(is_valid_ticket, seconds=ticket_seconds),
            resend_ticket=resend_ticket,
        )
        open_api, tokens = HttpApp(self.gateway.respond, hook), HttpApp(self.token_endpoints.respond, hook)
        self.asgi = RootApp(open_api, dict.fromkeys(token_endpoints.PATHS, tokens), open_api, open_api)
        self.app = new_app(store)

    def token(self, app: App | None = None) -> str:
        return self.tokens.issue(app or self.app).text

    async def call_async(self, http: str, body: Any = None, *, app: App | None = None, **more: Any) -> Received:
        return await asgi_request(self.asgi, http, body, token=more.pop("token", self.token(app)), **more)

    def call(self, http: str, body: Any = None, *, app: App | None = None, **more: Any) -> Received:
        """Call the gateway with a token of `app`, by default of `self.app`."""
        return asyncio.run(self.call_async(http, body, app=app, **more))
