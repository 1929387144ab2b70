"""The command line: its output, its exit status, and its one-line errors."""

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
from importlib import import_module
from pathlib import Path
from urllib.request import urlopen

import apsw
import pytest
from click.testing import CliRunner, Result

from corehr.cli import main
from corehr.cli.main import cli
from corehr.kernel import tenants
from corehr.kernel.tenants import DEFAULT_TENANT_ID
from tests.listener import listening
from tests.server_process import running_server
from tests.world import APP_ALL, APP_STORE

TIMEOUT_SECONDS = 30


def corehr(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def error_line(result: Result) -> str:
    """Return the one line on stderr."""
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
    ("key",),
    ("key", "create"),
    ("key", "rotate"),
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


def test_the_list_of_commands_shows_the_help_of_each():
    for name, (target, first_line) in main.COMMANDS.items():
        module, attribute = target.split(":")
        command = getattr(import_module(module), attribute)
        assert command.name == name
        assert command.help.splitlines()[0] == first_line


def test_help_and_the_list_of_operations_import_no_database_driver():
    """So they start fast."""
    for arguments in (["--help"], ["call", "--list"]):
        program = f"import sys; from corehr.cli.main import cli\ntry: cli.main({arguments})\nexcept SystemExit: pass\n"
        program += "assert not {'psycopg', 'apsw', 'aiohttp'} & set(sys.modules)"
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


USAGE_ERRORS = {
    "payroll": "No such command 'payroll'",
    "serve": "Missing option '--db'",
    "serve --db mysql://h/d": "not a database address: use sqlite:///path/file.db or postgresql://user@host/db",
    "serve --db mysql://me:hunter2@h/d": "'mysql://me@h/d' is not a database address",
    "serve --db sqlite:///:memory:": "names a file",
    "serve --db sqlite:///": "names a file",
    "serve --db sqlite:///x.db --port 70000": "70000",
    "serve --db sqlite:///x.db --workers 2": "one writing process",
    "serve --db sqlite:///x.db --workers 0": "--workers",
    "serve --db sqlite:///x.db --no-worker": "leave --no-worker out",
    "serve --db postgresql://h/d --workers 2": "from one process, on PostgreSQL too",
    "serve --db sqlite:///x.db --sandbox": "--sandbox needs --sandbox-token, also on this machine",
    "serve --db sqlite:///x.db --sandbox --host 0.0.0.0": "--sandbox needs --sandbox-token",
    "serve --db sqlite:///x.db --sandbox-token t": "give both, or neither",
    "demo --host 0.0.0.0": "give --sandbox-token, or --host 127.0.0.1",
    "demo --now yesterday": "write it as 2026-01-05T09:00:00+08:00",
    "demo --now 2026-01-05T09:00:00": "has no UTC offset",
    "demo --now 0001-01-01T00:00:00+08:00": "out of range",
    "serve --db sqlite:///x.db --allow-webhook-host http://x/y": "--allow-webhook-host",
    "demo --allow-webhook-host 10.0.0.0/99": "--allow-webhook-host",
    "demo --employees -1": "--employees",
    "demo --rate-limits maybe": "'on', 'off'",
    "db upgrade --db sqlite:///nowhere/x.db": "the folder nowhere does not exist: create it",
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


def test_a_database_is_created_step_by_step_and_each_names_the_next(file):
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
    from corehr.app.stores import open_store
    from corehr.engines.effective_dating import last_processed_days
    from corehr.kernel.clock import Clock
    from corehr.kernel.ids import TimeOrderedIds

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
    stdout(corehr("app", "rotate", "--db", url, credentials["app_id"], "--keep-old", "1h"))
    for duration in ("1", "h", "0h", "-1h", "1w", "1h30m", "31d", "9999999999d", "٣h"):
        refused = corehr("app", "rotate", "--db", url, credentials["app_id"], "--keep-old", duration)
        assert refused.exit_code == 2
        assert "--keep-old" in error_line(refused)
    unknown = corehr("app", "rotate", "--db", url, "cli_0000000000000000", "--keep-old", "30d")
    assert "there is no app" in error_line(unknown)


def test_an_app_with_an_empty_data_range_is_pointed_out(url):
    result = corehr("app", "create", "--db", url, "--name", "A", "--scope", "b:c", "--scope", "a:b")
    assert stdout(corehr("app", "list", "--db", url)).split("\t")[3:5] == ["a:b,b:c", "none"]
    assert "--data-range all" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "grant the app scopes"),
        (("--scopes", "*", "--scope", "a:b"), "grant the app scopes"),
        (("--scopes", "*", "--data-range", "7,8"), "there is no department 7, 8"),
    ],
)
def test_an_app_with_invalid_arguments_is_not_created(url, arguments, message):
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
    ("spoil", "message"),
    [
        (_overwrite_with_text, "is not a database: give --db another file"),
        (_damage, "is damaged"),
        (_lock, "is locked by another"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_1_and_says_what_to_do(url, file, spoil, message, monkeypatch):
    monkeypatch.setattr("corehr.app.schema.TIMEOUT_SECONDS", 0)
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
    """A running `corehr`, or a Python program in its place."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def read_line(self) -> str:
        """Return the next line on stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def terminate(self, signal_number: int) -> tuple[int, str]:
        """Send a signal; return the exit code and the rest of stderr."""
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


SERVE_ARGUMENTS = ("-m", "corehr.cli.main", "serve")


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
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

    # an app is created while it runs
    stdout(corehr("app", "create", "--db", url, "--name", "Payroll", "--scopes", "*"))

    assert server.terminate(signal_number) == (0, "")
    assert not file.with_name("company.db-wal").exists(), "the store was not closed"


def test_what_runs_is_finished_before_it_stops(start):
    """A running request is answered; only then is the application shut down."""
    program = """
        import asyncio, sys
        from corehr.server import run

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                for step in ("startup", "shutdown"):
                    await receive()
                    await send({"type": f"lifespan.{step}.complete"})
                print("closed", file=sys.stderr, flush=True)
                return
            print("received", file=sys.stderr, flush=True)
            await asyncio.sleep(0.5)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
            await send({"type": "http.response.body", "body": b"done"})
            print("responded", file=sys.stderr, flush=True)

        bound_socket = run.bind("127.0.0.1", 0)
        on_listening = lambda: print(run.base_url(bound_socket), file=sys.stderr, flush=True)
        run.run(app, bound_socket, on_listening)
    """
    server = start("-c", textwrap.dedent(program))
    base = server.read_line().strip()
    responses: list[bytes] = []

    def send_request() -> None:
        with urlopen(base, timeout=TIMEOUT_SECONDS) as response:
            responses.append(response.read())

    thread = threading.Thread(target=send_request)
    thread.start()
    assert server.read_line() == "received\n"
    assert server.terminate(signal.SIGTERM) == (0, "responded\nclosed\n")
    thread.join(TIMEOUT_SECONDS)
    assert responses == [b"done"]


# -- events -----------------------------------------------------------------------------------------------------------

HIRED = "corehr.employment.created_v1"


@pytest.fixture
def demo_url(sqlite_template) -> Iterator[str]:
    """A demo company, with past events."""
    url = sqlite_template.copy()
    yield url
    sqlite_template.delete(url)


def test_an_app_receives_events_and_has_the_past_replayed(demo_url):
    with listening() as listener:
        result = corehr("app", "webhook", "--db", demo_url, APP_ALL, "--url", listener.url, "--event", HIRED)
        assert re.fullmatch(r"verification_token: [0-9a-f]{32}\n", stdout(result))
        assert f"--allow-webhook-host 127.0.0.1:{listener.port}" in result.stderr
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


def test_urls_apps_and_event_types_that_are_refused(demo_url):
    with listening() as listener:
        listener.respond = lambda received: (404, b"")
        refused = corehr("app", "webhook", "--db", demo_url, APP_ALL, "--url", listener.url)
        assert refused.exit_code == 1
        assert "url_verification" in error_line(refused)
    for arguments, message in {
        ("webhook", APP_ALL, "--url", "no url"): "not a URL",
        ("webhook", APP_ALL, "--url", "http://0x7f.1/"): "--url",
        ("webhook", APP_ALL, "--url", "http://127.0.0.1:1/", "--event", "corehr.pay.day_v1"): "there is no event",
        ("webhook", "cli_ffffffffffffffff", "--url", "http://127.0.0.1:1/"): "there is no app",
        ("long-connection", APP_STORE): "by webhook only",
        ("unsubscribe", "cli_ffffffffffffffff"): "there is no app",
    }.items():
        result = corehr("app", arguments[0], "--db", demo_url, *arguments[1:])
        assert result.exit_code == 2
        assert message in error_line(result)
    assert "is subscribed to 75 of 75 events" in corehr("app", "long-connection", "--db", demo_url, APP_ALL).stderr
    unknown = corehr("event", "redeliver", "--db", demo_url, "0" * 32)
    assert (unknown.exit_code, "there is no event" in error_line(unknown)) == (2, True)
