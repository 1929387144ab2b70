"""What a server reports: its health, and its log."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette

from corehr.app import schema, tenants
from corehr.app.stores import open_store
from corehr.engines.effective_dating import DayRunner
from corehr.kernel.clock import Clock
from corehr.kernel.db import Store
from corehr.kernel.errors import CommandFailed
from corehr.kernel.ids import TimeOrderedIds
from corehr.kernel.tenants import DEFAULT_TENANT_ID, Tenant
from corehr.server import health, run


@dataclass
class FakeInstallation:
    store: Store
    clock: Clock
    tenant: Tenant

    def get_json(self, path: str) -> tuple[int, dict[str, str]]:
        async def get() -> httpx.Response:
            transport = httpx.ASGITransport(Starlette(routes=health.routes(self)))
            async with httpx.AsyncClient(transport=transport, base_url="http://corehr") as client:
                return await client.get(path)

        response = asyncio.run(get())
        return response.status_code, response.json()


@pytest.fixture
def installation(tmp_path, monkeypatch) -> Iterator[FakeInstallation]:
    monkeypatch.setattr(health, "READY_TIMEOUT_SECONDS", 0.2)
    url = f"sqlite:///{tmp_path}/company.db"
    schema.upgrade(url)
    clock = Clock()
    store = open_store(url, clock, TimeOrderedIds())
    tenant = store.command_sync(DEFAULT_TENANT_ID, lambda tx: tenants.create_tenant(tx, "Acme", "Asia/Shanghai"))
    yield FakeInstallation(store, clock, tenant)
    store.close()


HEALTHY = (200, {"status": "ok"})


def unhealthy(reason: str) -> tuple[int, dict[str, str]]:
    return 503, {"status": "unavailable", "reason": reason}


def test_it_is_ready_once_every_day_that_has_begun_is_processed(installation):
    assert installation.get_json("/readyz") == HEALTHY

    tomorrow = installation.clock.now(DEFAULT_TENANT_ID) + timedelta(days=1)
    installation.clock.set_now(DEFAULT_TENANT_ID, tomorrow)
    assert installation.get_json("/readyz") == unhealthy("days that have begun are not processed yet, in Asia/Shanghai")
    assert installation.get_json("/healthz") == HEALTHY

    asyncio.run(DayRunner(installation.store, installation.clock, DEFAULT_TENANT_ID, []).catch_up())
    assert installation.get_json("/readyz") == HEALTHY


def test_it_is_not_ready_without_its_store(installation, monkeypatch):
    async def silent(*args: object) -> None:
        await asyncio.sleep(10)

    async def failing(*args: object) -> None:
        raise OSError("db.internal is on fire")

    monkeypatch.setattr(installation.store, "query", silent)
    assert installation.get_json("/readyz") == unhealthy("the store does not answer")
    monkeypatch.setattr(installation.store, "query", failing)
    assert installation.get_json("/readyz") == unhealthy("the store failed: OSError")
    assert installation.get_json("/healthz") == HEALTHY


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    yield
    root.level, root.handlers[:] = before


@pytest.mark.usefixtures("restored_logging")
def test_a_message_is_one_line(capsys):
    run.configure_logging()
    log = logging.getLogger("corehr.test")
    log.warning("%s came in", "a\nfalse line")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("it went wrong")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("Z WARNING corehr.test a\\nfalse line came in")
    assert "ERROR corehr.test it went wrong\\nTraceback" in second


@pytest.mark.parametrize(
    ("host", "url"), [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:"), ("::1", "http://[::1]:")]
)
def test_base_url_is_where_a_client_on_this_machine_reaches_it(host, url):
    try:
        bound_socket = run.bind(host, 0)
    except CommandFailed:
        pytest.skip(f"this machine has no {host}")
    with bound_socket:
        assert run.base_url(bound_socket) == f"{url}{bound_socket.getsockname()[1]}"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize(("hard", "fit"), [(4096, 1000), (600, 344), (100, 1), (-1, 1000)])
def test_connections_fit_the_open_files_that_the_system_allows(monkeypatch, hard, fit):
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr("resource.getrlimit", lambda kind: (256, hard))
    monkeypatch.setattr("resource.setrlimit", lambda kind, pair: limits.append(pair))
    assert run._fit_open_files(1000) == fit
    assert limits == [(hard, hard)]
