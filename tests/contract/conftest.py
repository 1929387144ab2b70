"""Fixtures: `server` is one real server per store, reset for each test; `own_server` serves one test only."""

from collections.abc import Iterator

import pytest

from tests.server_process import Server, running_server


@pytest.fixture(scope="session")
def running_servers() -> Iterator[dict[str, Server]]:
    """Yield the running servers by store; they are closed at the end of the session."""
    servers: dict[str, Server] = {}
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, running_servers: dict[str, Server]) -> Server:
    store = request.param
    template = request.getfixturevalue(f"{store}_template")
    if store in running_servers:
        running_servers[store].sandbox("POST", "reset")
    else:
        running_servers[store] = Server(template.copy())
    return running_servers[store]


@pytest.fixture
def own_server(db: str) -> Iterator[Server]:
    with running_server(db) as server:
        yield server
