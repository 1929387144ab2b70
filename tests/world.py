"""The vocabulary of the tests: one demo company, called over HTTP as an app calls it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
import sqlalchemy as sa

from corehr.app.settings import Settings
from corehr.kernel.db import Tx
from corehr.kernel.statements import in_tenant, metadata, statement
from corehr.server.asgi import open_application

APP_ALL = "cli_a000000000000001"
APP_NO_SCOPES = "cli_a000000000000002"
APP_NO_FIELD_SCOPES = "cli_a000000000000003"
APP_STORE = "cli_a000000000000004"
APP_ONE_DEPARTMENT = "cli_a000000000000005"
APP_SECRETS = {
    APP_ALL: "demo-secret-all",
    APP_NO_SCOPES: "demo-secret-none",
    APP_NO_FIELD_SCOPES: "demo-secret-narrow",
    APP_STORE: "demo-secret-store",
    APP_ONE_DEPARTMENT: "demo-secret-part",
}

CREATE_JOB_CHANGE_PATH = "/open-apis/corehr/v1/job_changes"
QUERY_JOB_DATA_PATH = "/open-apis/corehr/v2/employees/job_datas/query"
TENANT_TOKEN_PATH = "/open-apis/auth/v3/tenant_access_token/internal"

_SELECT_ALL = [(table.name, statement(sa.select(table).where(in_tenant(table)))) for table in metadata.sorted_tables]


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def code(self) -> int:
        return self.json["code"]

    @property
    def data(self) -> Any:
        assert self.status == 200, self.body
        assert self.code == 0, self.body
        return self.json["data"]

    def assert_ok(self) -> None:
        """Assert status 200 and code 0, whatever the data."""
        assert (self.status, self.code) == (200, 0), self.body

    def error(self) -> tuple[int, int, str]:
        """Return the HTTP status, the code and the message."""
        return self.status, self.json["code"], self.json["msg"]


class World:
    """One test's own installation of the demo company. By default the sandbox is on and rate limits are off."""

    def __init__(self, url: str, *, rate_limits: bool = False, sandbox: bool = True) -> None:
        self.url = url
        self._runner = asyncio.Runner()
        self.application = open_application(Settings(db=url, sandbox=sandbox, rate_limits=rate_limits))
        self.installation = self.application.installation
        self._runner.run(self.installation.start())
        self._tokens: dict[str, str] = {}
        self._named: Any = None

    def close(self) -> None:
        self._runner.run(self.installation.stop())
        self._runner.close()

    # -- requests ----------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        app: str | None = None,
    ) -> Response:
        """Send one request, with the token of `app` if given. `body` is encoded as JSON; bytes are sent as they are."""
        return self._runner.run(self._request(method, path, body, query=query, headers=headers, app=app))

    def call(self, method: str, path: str, body: Any = None, *, app: str = APP_ALL, **query: Any) -> Response:
        """Call the Open API as an app."""
        return self.request(method, path, body, query=query, app=app)

    def concurrently(self, calls: Iterable[Sequence[Any]]) -> list[Response]:
        """Send `(method, path, body)` or `(method, path, body, query)` at once; return the responses in their order."""

        async def gather_all() -> list[Response]:
            await self._token(APP_ALL)
            requests = [
                self._request(method, path, body, query=query[0] if query else None, app=APP_ALL)
                for method, path, body, *query in calls
            ]
            return await asyncio.gather(*requests)

        return self._runner.run(gather_all())

    def sandbox(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Call the sandbox, which must answer 200; return the JSON of its response."""
        response = self.request(method, f"/sandbox/{path}", body, query=query)
        assert response.status == 200, response.body
        return response.json

    # -- the company -------------------------------------------------------------------------------------------

    @property
    def named(self) -> Any:
        """The named records, as GET /sandbox/world returns them; read once."""
        if self._named is None:
            self._named = self.sandbox("GET", "world")
        return self._named

    def employment(self, name: str) -> Any:
        return self.named["employments"][name]

    def hire(self, count: int = 1) -> list[Any]:
        """Create plain active employments and return them."""
        return list(self.sandbox("POST", "world/employees", {"count": count})["employments"].values())

    def today(self) -> str:
        return self.sandbox("GET", "clock")["now"][:10]

    def advance(self, **duration: int) -> None:
        """Advance the world clock by days, hours or minutes."""
        self.sandbox("POST", "clock/advance", duration)

    def events(self, event_type: str, since: str | None = None) -> list[Any]:
        """Return up to 1000 recorded events of a type, oldest first, after the event id `since` if it is given."""
        query = {"type": event_type, "limit": 1000} | ({"since": since} if since else {})
        return self.sandbox("GET", "events", **query)["items"]

    def all_events(self, event_type: str) -> list[Any]:
        """Return every recorded event of a type, oldest first."""
        events: list[Any] = []
        while page := self.events(event_type, events[-1]["event_id"] if events else None):
            events += page
        return events

    def in_transaction(self, function: Callable[[Tx], Any]) -> Any:
        """Run a function over the primitives of records, for states that no operation produces; return its result."""
        return self.installation.store.command_sync(self.installation.tenant.id, function)

    def fingerprint(self) -> str:
        """Return a hash over every row of the tenant, which is equal as long as no row changes."""

        def digest_rows(tx: Tx) -> str:
            digest = hashlib.sha256()
            for name, select_all in _SELECT_ALL:
                digest.update(name.encode())
                for row in sorted(map(repr, tx.fetch_all(select_all))):
                    digest.update(row.encode())
            return digest.hexdigest()

        return self.in_transaction(digest_rows)

    def refused_by(self) -> str:
        """Return the name of the rule that refused the last request."""
        return str(self.sandbox("GET", "requests", limit=1)["items"][-1]["rule"])

    # -- job changes -------------------------------------------------------------------------------------------

    def create_job_change(
        self, employment_id: str, transfer_info: Mapping[str, Any], *, app: str = APP_ALL, **body: Any
    ) -> Response:
        """Create a direct job change effective today; `body` overrides members. Ids are CoreHR's."""
        return self.call(
            "POST",
            CREATE_JOB_CHANGE_PATH,
            self.job_change_body(employment_id, transfer_info, **body),
            app=app,
            **COREHR_ID_TYPES,
        )

    def job_change_body(self, employment_id: str, transfer_info: Mapping[str, Any], **body: Any) -> dict[str, Any]:
        """Return the body of `create_job_change`; a member that is None is left out."""
        defaults = {
            "transfer_mode": 1,
            "employment_id": employment_id,
            "transfer_type_unique_identifier": "internal_transfer",
            "effective_date": body.pop("effective_date", None) or self.today(),
            "transfer_info": dict(transfer_info),
        }
        return {k: v for k, v in (defaults | body).items() if v is not None}

    def approve(self, process_id: str, *, approve: bool = True) -> None:
        """Approve every task of the process, node after node, until none is pending; or reject the first one."""
        while tasks := self.pending_tasks(process_id):
            for task in tasks:
                self.answer_task(process_id, task["approver_id"], 3 if approve else 2).assert_ok()
            if not approve:
                return

    def answer_task(self, process_id: str, approver_id: str, status: int, **body: Any) -> Response:
        path = f"/open-apis/corehr/v2/processes/{process_id}/approvers/{approver_id}"
        request_body = {"status": status, "system_approval": True, "reason": "given by a test"} | body
        return self.call("PUT", path, request_body, user_id_type="people_corehr_id")

    def pending_tasks(self, process_id: str) -> list[Any]:
        tasks = self.sandbox("GET", f"records/processes/{process_id}")["tasks"]
        return [task for task in tasks if task["status"] == 1]

    def revoke(self, job_change_id: str, operator_id: str | None = None, **query: Any) -> Response:
        request_body = {"operator_id": operator_id or self.employment("process_admin")["id"]}
        return self.call(
            "POST",
            f"/open-apis/corehr/v2/job_changes/{job_change_id}/revoke",
            request_body,
            **(COREHR_ID_TYPES | query),
        )

    def job_data(self, employment_id: str, day: str) -> Any:
        """Return the job data of an employment as of a day, by the API, or None."""
        request_body = {"employment_ids": [employment_id], "data_date": day}
        items = self.call("POST", QUERY_JOB_DATA_PATH, request_body, page_size=10, **COREHR_ID_TYPES).data["items"]
        return items[0]["job_datas"][0] if items else None

    # -- internals ---------------------------------------------------------------------------------------------

    def await_(self, awaitable: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await awaitable

        return self._runner.run(wait())

    async def _token(self, app: str) -> str:
        if app not in self._tokens:
            credentials = {"app_id": app, "app_secret": APP_SECRETS[app]}
            response = await self._request("POST", TENANT_TOKEN_PATH, credentials)
            self._tokens[app] = response.json["tenant_access_token"]
        return self._tokens[app]

    async def _request(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        app: str | None = None,
    ) -> Response:
        request_headers = {"host": "127.0.0.1", **(headers or {})}
        if app is not None:
            request_headers["authorization"] = f"Bearer {await self._token(app)}"
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        return await asgi_request(self.application.asgi, method, path, raw, query or {}, request_headers)


COREHR_ID_TYPES = {"user_id_type": "people_corehr_id", "department_id_type": "people_corehr_department_id"}


async def asgi_request(
    app: Any, method: str, path: str, body: bytes, query: Mapping[str, Any], headers: Mapping[str, str]
) -> Response:
    """Send one HTTP request to an ASGI application without a socket."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(query, doseq=True).encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8321),
    }
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    response: dict[str, Any] = {"body": b""}

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            response["status"] = message["status"]
            response["headers"] = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            response["body"] += message.get("body", b"")

    await app(scope, receive, send)
    return Response(response["status"], response["headers"], response["body"])
