"""The command line: what it makes, and the one line it says when it cannot."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import apsw
import pytest
from click.testing import CliRunner, Result

from corehr.entrypoints.cli import cli
from corehr.entrypoints.stores import DEFAULT_TENANT_ID
from corehr.kernel import tenants
from tests.listener import listening
from tests.server import running_server
from tests.world import APP_ALL, APP_STORE

TIMEOUT_SECONDS = 30


def corehr(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def error_line(result: Result) -> str:
    """The one line on stderr."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("corehr: ")
    return lines[0]


def stdout(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "company.db"


@pytest.fixture
def url(file) -> str:
    """A database with a company."""
    url = f"sqlite:///{file}"
    stdout(corehr("db", "upgrade", "--db", url))
    stdout(corehr("tenant", "create", "--db", url, "--name", "Acme", "--zone", "Europe/Berlin"))
    return url


COMMANDS = [
    (),
    ("demo",),
    ("serve",),
    ("db",),
    ("db", "upgrade"),
    ("tenant",),
    ("tenant", "create"),
    ("app",),
    ("app", "create"),
    ("app", "list"),
    ("app", "rotate"),
    ("app", "webhook"),
    ("app", "long-connection"),
    ("app", "unsubscribe"),
    ("event",),
    ("event", "list"),
    ("event", "redeliver"),
    ("event", "replay"),
    ("call",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(command):
    result = corehr(*command, "--help")
    assert stdout(result).startswith("Usage: corehr")
    assert result.stderr == ""


USAGE_ERRORS = {
    "payroll": "No such command 'payroll'",
    "serve": "Missing option '--db'",
    "serve --db mysql://h/d": "no database address: use sqlite:///path/file.db or postgresql://user@host/db",
    "serve --db mysql://me:hunter2@h/d": "'mysql://me@h/d' is no database address",
    "serve --db sqlite:///:memory:": "names a file",
    "serve --db sqlite:///": "names a file",
    "serve --db sqlite:///x.db --port 70000": "70000",
    "serve --db sqlite:///x.db --workers 2": "one writing process",
    "serve --db sqlite:///x.db --workers 0": "--workers",
    "serve --db sqlite:///x.db --no-worker": "leave --no-worker out",
    "serve --db postgresql://h/d --workers 2": "from one process, on PostgreSQL too",
    "serve --db sqlite:///x.db --sandbox --host 0.0.0.0": "give --sandbox-token, or --host 127.0.0.1",
    "serve --db sqlite:///x.db --sandbox-token t": "give both, or neither",
    "demo --host 0.0.0.0": "give --sandbox-token, or --host 127.0.0.1",
    "demo --now yesterday": "write it as 2026-01-05T09:00:00+08:00",
    "demo --now 2026-01-05T09:00:00": "does not say where on earth",
    "demo --now 0001-01-01T00:00:00+08:00": "too far away",
    "serve --db sqlite:///x.db --webhook-to http://x/y": "--webhook-to",
    "demo --webhook-to 10.0.0.0/99": "--webhook-to",
    "demo --employees -1": "--employees",
    "demo --rate-limits maybe": "'on', 'off'",
    "db upgrade --db sqlite:///nowhere/x.db": "the folder nowhere does not exist: make it",
    "tenant create --db sqlite:///x.db --name Acme --zone Mars": "no time zone 'Mars': name one as Asia/Shanghai",
}


@pytest.mark.parametrize("command", USAGE_ERRORS)
def test_a_usage_error_ends_with_2_and_says_what_to_do(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = corehr(*command.split())
    assert result.exit_code == 2
    assert USAGE_ERRORS[command] in error_line(result)
    assert "hunter2" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_no_command_shows_which_there_are():
    result = corehr()
    assert result.exit_code == 2
    assert "tenant" in result.stderr


def test_a_database_is_made_step_by_step_and_each_says_the_next(file):
    url = f"sqlite:///{file}"
    assert f"corehr db upgrade --db {url}" in error_line(corehr("app", "list", "--db", url))
    assert "is up to date now" in stdout(corehr("db", "upgrade", "--db", url))
    assert "was up to date already" in stdout(corehr("db", "upgrade", "--db", url))

    assert f"corehr tenant create --db {url}" in error_line(corehr("app", "list", "--db", url))
    assert re.fullmatch(
        r"tenant_key: [0-9a-f]{16}\n", stdout(corehr("tenant", "create", "--db", url, "--name", "Acme"))
    )
    again = corehr("tenant", "create", "--db", url, "--name", "Acme")
    assert again.exit_code == 2
    assert "has its company already" in error_line(again)


def test_a_company_has_its_days(url):
    from corehr.engines.effective_dating import last_processed_days
    from corehr.kernel.clock import Clock
    from corehr.kernel.ids import TimeOrderedIds
    from corehr.kernel.settings import open_store

    with closing(open_store(url, Clock(), TimeOrderedIds())) as store:
        tenant = store.command_sync(DEFAULT_TENANT_ID, tenants.get)
        assert tenant is not None
        assert (tenant.name, tenant.time_zone, tenant.seed, len(tenant.server_key)) == (
            "Acme",
            "Europe/Berlin",
            None,
            64,
        )
        assert list(store.command_sync(DEFAULT_TENANT_ID, last_processed_days)) == ["Europe/Berlin"]
    assert tenants.DEFAULT_TENANT_ID == DEFAULT_TENANT_ID


def test_an_app_shows_its_secret_once(url):
    result = corehr("app", "create", "--db", url, "--name", "Payroll", "--scopes", "*", "--data-range", "all")
    credentials = dict(line.split(": ") for line in stdout(result).splitlines())
    assert re.fullmatch("cli_[0-9a-f]{16}", credentials["app_id"])
    listed = stdout(corehr("app", "list", "--db", url))
    assert listed.split("\t") == [credentials["app_id"], "custom", "on", "*", "all", "Payroll\n"]
    assert credentials["app_secret"] not in listed

    rotated = stdout(corehr("app", "rotate", "--db", url, credentials["app_id"]))
    assert rotated.startswith(f"app_id: {credentials['app_id']}\napp_secret: ")
    assert credentials["app_secret"] not in rotated


def test_an_app_that_sees_nobody_is_pointed_out(url):
    result = corehr("app", "create", "--db", url, "--name", "A", "--scope", "b:c", "--scope", "a:b")
    assert stdout(corehr("app", "list", "--db", url)).split("\t")[3:5] == ["a:b,b:c", "none"]
    assert "--data-range all" in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "say what the app may do"),
        (("--scopes", "*", "--scope", "a:b"), "say what the app may do"),
        (("--scopes", "*", "--data-range", "7,8"), "there is no department 7, 8"),
    ],
)
def test_an_app_that_could_not_be_meant_is_not_made(url, arguments, message):
    result = corehr("app", "create", "--db", url, "--name", "A", *arguments)
    assert result.exit_code == 2
    assert message in error_line(result)
    assert stdout(corehr("app", "list", "--db", url)) == ""


def test_an_app_that_does_not_exist_has_no_secret(url):
    result = corehr("app", "rotate", "--db", url, "cli_0000000000000000")
    assert result.exit_code == 2
    assert "there is no app" in error_line(result)


def test_the_address_may_come_from_the_environment(url, monkeypatch):
    monkeypatch.setenv("COREHR_DB", url)
    assert stdout(corehr("app", "list")) == ""


# ------------------------------------------------------------------------------------------------------------- failures


def _overwrite_with_text(file: Path) -> None:
    file.write_text("Dear diary, " * 100)


def _damage(file: Path) -> None:
    with file.open("r+b") as raw:
        raw.seek(100)
        raw.write(b"\xff" * 2000)


def _lock(file: Path) -> apsw.Connection:
    connection = apsw.Connection(str(file))
    connection.pragma("journal_mode", "delete")
    connection.execute("BEGIN EXCLUSIVE")
    return connection


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_overwrite_with_text, "is not a database: give --db another file"),
        (_damage, "is damaged"),
        (_lock, "is locked by another"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_1_and_says_what_to_do(url, file, spoil, message, monkeypatch):
    monkeypatch.setattr("corehr.entrypoints.schema.PATIENCE", 0)
    spoil_file: Callable[[Path], object] = spoil
    lock_holder = spoil_file(file)
    result = corehr("app", "list", "--db", url)
    assert result.exit_code == 1
    assert f"{file} {message}" in error_line(result)
    if isinstance(lock_holder, apsw.Connection):
        lock_holder.close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_ends_with_1_and_says_what_to_do(url, file):
    file.chmod(stat.S_IRUSR)
    file.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        result = corehr("tenant", "create", "--db", url, "--name", "B")
    finally:
        file.parent.chmod(stat.S_IRWXU)
    assert result.exit_code == 1
    assert "write it and its folder" in error_line(result)


def test_a_server_that_does_not_answer_is_reported_on_one_line_without_the_password():
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = corehr("db", "upgrade", "--db", f"postgresql://me:hunter2@127.0.0.1:{port}/hr")
    assert result.exit_code == 1
    assert "cannot be reached" in error_line(result)
    assert "hunter2" not in result.output


# -------------------------------------------------------------------------------------------------------------- serving


class Process:
    """A running `corehr`, or a piece of Python that stands for one."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def read_line(self) -> str:
        """The next line on stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def terminate(self, signal_number: int) -> tuple[int, str]:
        """Its exit code after a signal, and what else it said."""
        self.process.send_signal(signal_number)
        _, rest = self.process.communicate(timeout=TIMEOUT_SECONDS)
        return self.process.returncode, rest


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start_process(*arguments: str) -> Process:
        started.append(Process(*arguments))
        return started[-1]

    yield start_process
    for process in started:
        process.process.kill()
        process.process.communicate()


SERVE_ARGUMENTS = ("-m", "corehr.entrypoints.cli", "serve")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_serves_until_a_signal_stops_it(url, file, start, signal_number):
    server = start(*SERVE_ARGUMENTS, "--db", url, "--port", "0")
    line = server.read_line()
    found = re.search(r"Acme is served on (http://127\.0\.0\.1:(\d+))$", line)
    assert found, line

    for path in ("/healthz", "/readyz"):
        with urlopen(found[1] + path, timeout=TIMEOUT_SECONDS) as response:
            assert response.status == 200
            assert response.read() == b'{"status":"ok"}'
            assert response.headers["Server"] is None

    second = corehr("serve", "--db", url, "--port", "0")
    assert second.exit_code == 2
    assert f"company.db is in use by another corehr process (number {server.process.pid})" in error_line(second)
    assert "is in use by another corehr process" in error_line(corehr("db", "upgrade", "--db", url))

    taken = corehr("serve", "--db", url, "--port", found[2])
    assert taken.exit_code == 1
    assert f"port {found[2]} of 127.0.0.1 is in use by another program" in error_line(taken)

    # apps are made while it runs
    stdout(corehr("app", "create", "--db", url, "--name", "Payroll", "--scopes", "*"))

    assert server.end(signal_number) == (0, "")
    assert not file.with_name("company.db-wal").exists(), "the store was not closed"


def test_what_runs_is_finished_before_it_stops(start):
    """A request on its way is answered; the application is told only then."""
    program = """
        import asyncio, sys
        from types import SimpleNamespace
        from corehr.entrypoints import server

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                for step in ("startup", "shutdown"):
                    await receive()
                    await send({"type": f"lifespan.{step}.complete"})
                print("closed", file=sys.stderr, flush=True)
                return
            print("asked", file=sys.stderr, flush=True)
            await asyncio.sleep(0.5)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
            await send({"type": "http.response.body", "body": b"done"})
            print("answered", file=sys.stderr, flush=True)

        bound = server.bind("127.0.0.1", 0)
        say = lambda: print(server.base_url(bound), file=sys.stderr, flush=True)
        server.run(SimpleNamespace(asgi=app), bound, say)
    """
    server = start("-c", textwrap.dedent(program))
    base = server.read_line().strip()
    responses: list[bytes] = []

    def send_request() -> None:
        with urlopen(base, timeout=TIMEOUT_SECONDS) as response:
            responses.append(response.read())

    thread = threading.Thread(target=send_request)
    thread.start()
    assert server.read_line() == "asked\n"
    assert server.end(signal.SIGTERM) == (0, "answered\nclosed\n")
    thread.join(TIMEOUT_SECONDS)
    assert responses == [b"done"]


# -- events -----------------------------------------------------------------------------------------------------------

HIRED = "corehr.employment.created_v1"


@pytest.fixture
def demo_url(sqlite_template) -> Iterator[str]:
    """A demo company, which has a past."""
    url = sqlite_template.copy()
    yield url
    sqlite_template.delete(url)


def test_an_app_receives_events_and_has_the_past_replayed(demo_url):
    with listening() as listener:
        result = corehr("app", "webhook", "--db", demo_url, APP_ALL, "--url", listener.url, "--event", HIRED)
        assert re.fullmatch(r"verification_token: [0-9a-f]{32}\n", stdout(result))
        assert f"--webhook-to 127.0.0.1:{listener.port}" in result.stderr
        count = stdout(corehr("event", "replay", "--db", demo_url, APP_ALL))
        assert re.fullmatch(r"60 events are to be delivered again\.\n", count)
        waiting = stdout(corehr("event", "list", "--db", demo_url, APP_ALL, "--waiting")).splitlines()
        assert len(waiting) == 60
        id, type, _, tries, _ = waiting[0].split("\t")
        assert (type, tries) == (HIRED, "0")
        assert stdout(corehr("event", "redeliver", "--db", demo_url, id)) == f"{APP_ALL}\n"
        assert stdout(corehr("event", "list", "--db", demo_url, APP_ALL)) == ""

        with running_server(demo_url):
            listener.wait_for(lambda: len({e["header"]["event_id"] for e in listener.events}) == 60)
            while stdout(corehr("event", "list", "--db", demo_url, APP_ALL, "--waiting")):
                time.sleep(0.05)

        assert stdout(
            corehr("event", "replay", "--db", demo_url, APP_ALL, "--since", "2026-01-06T00:00:00+08:00")
        ).startswith("0 ")
        stdout(corehr("app", "unsubscribe", "--db", demo_url, APP_ALL))
        unsubscribed = corehr("event", "replay", "--db", demo_url, APP_ALL)
        assert unsubscribed.exit_code == 2
        assert "subscribes to nothing" in error_line(unsubscribed)


def test_where_events_may_not_go_and_which_there_are_not(demo_url):
    with listening() as listener:
        listener.respond = lambda heard: (404, b"")
        refused = corehr("app", "webhook", "--db", demo_url, APP_ALL, "--url", listener.url)
        assert refused.exit_code == 1
        assert "url_verification" in error_line(refused)
    for arguments, message in {
        ("webhook", APP_ALL, "--url", "no url"): "no URL",
        ("webhook", APP_ALL, "--url", "http://0x7f.1/"): "--url",
        ("webhook", APP_ALL, "--url", "http://127.0.0.1:1/", "--event", "corehr.pay.day_v1"): "there is no event",
        ("webhook", "cli_ffffffffffffffff", "--url", "http://127.0.0.1:1/"): "there is no app",
        ("long-connection", APP_STORE): "by webhook only",
        ("unsubscribe", "cli_ffffffffffffffff"): "there is no app",
    }.items():
        result = corehr("app", arguments[0], "--db", demo_url, *arguments[1:])
        assert result.exit_code == 2
        assert message in error_line(result)
    assert "is told of 75 of 75 events" in corehr("app", "long-connection", "--db", demo_url, APP_ALL).stderr
    unknown = corehr("event", "redeliver", "--db", demo_url, "0" * 32)
    assert (unknown.exit_code, "there is no event" in error_line(unknown)) == (2, True)
