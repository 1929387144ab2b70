"""What a client sees while the database fails: `/readyz`, and connections that PostgreSQL has ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from corehr.kernel import tenants
from corehr.kernel.postgres import WORKER_THREADS
from tests.world import TENANT_TOKEN_PATH, World


@contextmanager
def commits_fail(world: World) -> Iterator[None]:
    """Let the database accept no writes."""
    store: Any = world.installation.store
    if world.url.startswith("sqlite"):
        store._connection.raw.pragma("query_only", True)
        try:
            yield
        finally:
            store._connection.raw.pragma("query_only", False)
    else:
        set_read_only(world.url, "on")
        try:
            yield
        finally:
            set_read_only(world.url, "off")


def set_read_only(url: str, value: str) -> None:
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'.encode())
    end_sessions(url)


def end_sessions(url: str) -> None:
    """End every session of the database, as a restart of PostgreSQL does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def ready(world: World) -> tuple[int, Any]:
    response = world.request("GET", "/readyz")
    return response.status, response.json["status"]


def write(world: World) -> None:
    installation = world.installation
    world._runner.run(_command(installation.store, installation.tenant.id))


async def _command(store: Any, tenant: str) -> None:
    await store.command(tenant, tenants.touch)


def test_it_is_not_ready_while_commits_fail_and_ready_again_when_one_succeeds(world):
    assert ready(world) == (200, "ok")
    with commits_fail(world):
        with pytest.raises(Exception, match=r"."):
            write(world)
        for _ in range(2):
            response = world.request("GET", "/readyz")
            assert response.status == 503
            assert response.json["reason"].startswith("the store failed: ")
    assert ready(world) == (200, "ok")
    write(world)


def test_a_refused_command_is_no_failure_of_the_store(world):
    assert world.call("POST", "/open-apis/corehr/v2/offboardings/revoke", {"offboarding_id": "x"}).code != 0
    assert not world.installation.store.has_failed


def test_connections_that_postgresql_ended_are_replaced_without_notice(postgres_template):
    url = postgres_template.copy()
    world = World(url)
    try:
        credentials = {"app_id": "cli_00000000000000ff", "app_secret": "x"}
        requests = [("POST", TENANT_TOKEN_PATH, credentials)] * 40  # each reads a row
        for _ in range(2):
            assert {response.code for response in world.concurrently(requests)} == {10014}
            end_sessions(url)
        world.advance(days=2)
        end_sessions(url)
        write(world)
        assert ready(world) == (200, "ok")
        store: Any = world.installation.store
        assert len(store._open_connections) <= WORKER_THREADS + 1  # those that were ended are forgotten
    finally:
        world.close()
        postgres_template.delete(url)
