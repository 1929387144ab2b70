"""The vocabulary of the tests: one demo company, asked over HTTP as an app asks it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
import sqlalchemy as sa

from corehr.entrypoints.app import open_installation
from corehr.kernel.db import Tx
from corehr.kernel.settings import Settings
from corehr.kernel.statements import metadata, of_tenant, statement

ALL = "cli_a000000000000001"
NONE = "cli_a000000000000002"
NARROW = "cli_a000000000000003"
STORE = "cli_a000000000000004"
PART = "cli_a000000000000005"
SECRETS = {
    ALL: "demo-secret-all",
    NONE: "demo-secret-none",
    NARROW: "demo-secret-narrow",
    STORE: "demo-secret-store",
    PART: "demo-secret-part",
}

CREATE = "/open-apis/corehr/v1/job_changes"
JOB_DATA = "/open-apis/corehr/v2/employees/job_datas/query"
TOKEN = "/open-apis/auth/v3/tenant_access_token/internal"

_EVERYTHING = [(table.name, statement(sa.select(table).where(of_tenant(table)))) for table in metadata.sorted_tables]


@dataclass(frozen=True)
class Answer:
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

    def passes(self) -> None:
        """It succeeded; what it says does not matter here."""
        assert (self.status, self.code) == (200, 0), self.body

    def says(self) -> tuple[int, int, str]:
        return self.status, self.json["code"], self.json["msg"]


class World:
    """A company of its own for one test; its sandbox is on, its rate limits are off unless asked for."""

    def __init__(self, url: str, *, rate_limits: bool = False, sandbox: bool = True) -> None:
        self.url = url
        self._runner = asyncio.Runner()
        self.house = open_installation(Settings(db=url, sandbox=sandbox, rate_limits=rate_limits))
        self._runner.run(self.house.start())
        self._tokens: dict[str, str] = {}
        self._names: Any = None

    def close(self) -> None:
        self._runner.run(self.house.stop())
        self._runner.close()

    # -- asking ------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        app: str | None = None,
    ) -> Answer:
        """One request; with the token of `app` where one is named. `body` is JSON, or bytes as they are."""
        return self._runner.run(self._request(method, path, body, query=query, headers=headers, app=app))

    def call(self, method: str, path: str, body: Any = None, *, app: str = ALL, **query: Any) -> Answer:
        """One call of the Open API by an app."""
        return self.request(method, path, body, query=query, app=app)

    def together(self, calls: Iterable[Sequence[Any]]) -> list[Answer]:
        """Calls `(method, path, body)` or `(method, path, body, query)` made at one moment, answers in their order."""

        async def gathered() -> list[Answer]:
            await self._token(ALL)
            asked = [
                self._request(method, path, body, query=query[0] if query else None, app=ALL)
                for method, path, body, *query in calls
            ]
            return await asyncio.gather(*asked)

        return self._runner.run(gathered())

    def sandbox(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One call of the sandbox; its answer."""
        answer = self.request(method, f"/sandbox/{path}", body, query=query)
        assert answer.status == 200, answer.body
        return answer.json

    # -- the company -------------------------------------------------------------------------------------------

    @property
    def names(self) -> Any:
        """The records that have names, as GET /sandbox/world tells them."""
        if self._names is None:
            self._names = self.sandbox("GET", "world")
        return self._names

    def person(self, name: str) -> Any:
        return self.names["employments"][name]

    def hire(self, count: int = 1) -> list[Any]:
        """More plain active people."""
        return list(self.sandbox("POST", "world/employees", {"count": count})["employments"].values())

    def today(self) -> str:
        return self.sandbox("GET", "clock")["now"][:10]

    def travel(self, **by: int) -> None:
        """Let days (or hours, minutes) pass."""
        self.sandbox("POST", "clock/advance", by)

    def heard(self, type: str, since: str | None = None) -> list[Any]:
        """The events of a type that were recorded, oldest first; `since` is an event id."""
        query = {"type": type, "limit": 1000} | ({"since": since} if since else {})
        return self.sandbox("GET", "events", **query)["items"]

    def heard_all(self, type: str) -> list[Any]:
        """Every event of a type, however many."""
        found: list[Any] = []
        while page := self.heard(type, found[-1]["event_id"] if found else None):
            found += page
        return found

    def tell(self, work: Callable[[Tx], Any]) -> Any:
        """Say something through the records' own primitives, for states that no operation makes yet."""
        return self.house.store.command_sync(self.house.tenant.id, work)

    def fingerprint(self) -> str:
        """A hash over every row of the tenant: what did not change, changed nothing."""

        def rows(tx: Tx) -> str:
            digest = hashlib.sha256()
            for name, everything in _EVERYTHING:
                digest.update(name.encode())
                for row in sorted(map(repr, tx.fetch_all(everything))):
                    digest.update(row.encode())
            return digest.hexdigest()

        return self.tell(rows)

    def refused_by(self) -> str:
        """The name of the rule that refused the last request."""
        return str(self.sandbox("GET", "requests", limit=1)["items"][-1]["rule"])

    # -- job changes -------------------------------------------------------------------------------------------

    def change(self, employment: str, info: Mapping[str, Any], *, app: str = ALL, **body: Any) -> Answer:
        """Ask for a direct job change effective today, or as `body` says otherwise; ids are CoreHR's."""
        return self.call("POST", CREATE, self.asking(employment, info, **body), app=app, **CORE_IDS)

    def asking(self, employment: str, info: Mapping[str, Any], **body: Any) -> dict[str, Any]:
        asked = {
            "transfer_mode": 1,
            "employment_id": employment,
            "transfer_type_unique_identifier": "internal_transfer",
            "effective_date": body.pop("effective_date", None) or self.today(),
            "transfer_info": dict(info),
        }
        return {k: v for k, v in (asked | body).items() if v is not None}

    def approve(self, process_id: str, *, approve: bool = True) -> None:
        """Every approver answers in turn, until nobody is left to ask; or the first one says no."""
        while tasks := self.open_tasks(process_id):
            for task in tasks:
                self.answer(process_id, task["approver_id"], 3 if approve else 2).passes()
            if not approve:
                return

    def answer(self, process_id: str, approver_id: str, status: int, **body: Any) -> Answer:
        path = f"/open-apis/corehr/v2/processes/{process_id}/approvers/{approver_id}"
        asked = {"status": status, "system_approval": True, "reason": "as a test wants it"} | body
        return self.call("PUT", path, asked, user_id_type="people_corehr_id")

    def open_tasks(self, process_id: str) -> list[Any]:
        tasks = self.sandbox("GET", f"records/processes/{process_id}")["tasks"]
        return [t for t in tasks if t["status"] == 1]

    def revoke(self, job_change_id: str, operator: str | None = None, **query: Any) -> Answer:
        asked = {"operator_id": operator or self.person("process_admin")["id"]}
        return self.call(
            "POST", f"/open-apis/corehr/v2/job_changes/{job_change_id}/revoke", asked, **(CORE_IDS | query)
        )

    def job_data(self, employment: str, day: str) -> Any:
        """The person's job data in force on a day, by API; None when there is none."""
        asked = {"employment_ids": [employment], "data_date": day}
        items = self.call("POST", JOB_DATA, asked, page_size=10, **CORE_IDS).data["items"]
        return items[0]["job_datas"][0] if items else None

    # -- underneath --------------------------------------------------------------------------------------------

    def run(self, work: Awaitable[Any]) -> Any:
        async def waiting() -> Any:
            return await work

        return self._runner.run(waiting())

    async def _token(self, app: str) -> str:
        if app not in self._tokens:
            asked = {"app_id": app, "app_secret": SECRETS[app]}
            answer = await self._request("POST", TOKEN, asked)
            self._tokens[app] = answer.json["tenant_access_token"]
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
    ) -> Answer:
        sent = {"host": "127.0.0.1", **(headers or {})}
        if app is not None:
            sent["authorization"] = f"Bearer {await self._token(app)}"
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        return await asgi_request(self.house.asgi, method, path, raw, query or {}, sent)


CORE_IDS = {"user_id_type": "people_corehr_id", "department_id_type": "people_corehr_department_id"}


async def asgi_request(
    app: Any, method: str, path: str, body: bytes, query: Mapping[str, Any], headers: Mapping[str, str]
) -> Answer:
    """One HTTP request to an ASGI application, without a socket between."""
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
    got: dict[str, Any] = {"body": b""}

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            got["status"] = message["status"]
            got["headers"] = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            got["body"] += message.get("body", b"")

    await app(scope, receive, send)
    return Answer(got["status"], got["headers"], got["body"])
