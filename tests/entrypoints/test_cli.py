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
from corehr.entrypoints.opened import DEFAULT
from corehr.kernel import tenants
from tests.listener import listening
from tests.server import serving
from tests.world import ALL, STORE

SECONDS = 30


def corehr(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def told(result: Result) -> str:
    """The one line on stderr."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("corehr: ")
    return lines[0]


def done(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "company.db"


@pytest.fixture
def url(file) -> str:
    """A database with a company."""
    url = f"sqlite:///{file}"
    done(corehr("db", "upgrade", "--db", url))
    done(corehr("tenant", "create", "--db", url, "--name", "Acme", "--zone", "Europe/Berlin"))
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
    assert done(result).startswith("Usage: corehr")
    assert result.stderr == ""


WRONG = {
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


@pytest.mark.parametrize("command", WRONG)
def test_a_wrong_use_ends_with_2_and_says_what_to_do(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = corehr(*command.split())
    assert result.exit_code == 2
    assert WRONG[command] in told(result)
    assert "hunter2" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_no_command_shows_which_there_are():
    result = corehr()
    assert result.exit_code == 2
    assert "tenant" in result.stderr


def test_a_database_is_made_step_by_step_and_each_says_the_next(file):
    url = f"sqlite:///{file}"
    assert f"corehr db upgrade --db {url}" in told(corehr("app", "list", "--db", url))
    assert "is up to date now" in done(corehr("db", "upgrade", "--db", url))
    assert "was up to date already" in done(corehr("db", "upgrade", "--db", url))

    assert f"corehr tenant create --db {url}" in told(corehr("app", "list", "--db", url))
    assert re.fullmatch(r"tenant_key: [0-9a-f]{16}\n", done(corehr("tenant", "create", "--db", url, "--name", "Acme")))
    again = corehr("tenant", "create", "--db", url, "--name", "Acme")
    assert again.exit_code == 2
    assert "has its company already" in told(again)


def test_a_company_has_its_days(url):
    from corehr.engines.effective_dating import last_processed_days
    from corehr.kernel.clock import Clock
    from corehr.kernel.ids import TimeOrderedIds
    from corehr.kernel.settings import open_store

    with closing(open_store(url, Clock(), TimeOrderedIds())) as store:
        made = store.command_sync(DEFAULT, tenants.get)
        assert made is not None
        assert (made.name, made.time_zone, made.seed, len(made.server_key)) == ("Acme", "Europe/Berlin", None, 64)
        assert list(store.command_sync(DEFAULT, last_processed_days)) == ["Europe/Berlin"]
    assert tenants.DEFAULT_TENANT_ID == DEFAULT


def test_an_app_tells_its_secret_once(url):
    result = corehr("app", "create", "--db", url, "--name", "Payroll", "--scopes", "*", "--data-range", "all")
    made = dict(line.split(": ") for line in done(result).splitlines())
    assert re.fullmatch("cli_[0-9a-f]{16}", made["app_id"])
    listed = done(corehr("app", "list", "--db", url))
    assert listed.split("\t") == [made["app_id"], "custom", "on", "*", "all", "Payroll\n"]
    assert made["app_secret"] not in listed

    fresh = done(corehr("app", "rotate", "--db", url, made["app_id"]))
    assert fresh.startswith(f"app_id: {made['app_id']}\napp_secret: ")
    assert made["app_secret"] not in fresh


def test_an_app_that_sees_nobody_is_pointed_out(url):
    result = corehr("app", "create", "--db", url, "--name", "A", "--scope", "b:c", "--scope", "a:b")
    assert done(corehr("app", "list", "--db", url)).split("\t")[3:5] == ["a:b,b:c", "none"]
    assert "--data-range all" in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "say what the app may do"),
        (("--scopes", "*", "--scope", "a:b"), "say what the app may do"),
        (("--scopes", "*", "--data-range", "7,8"), "there is no department 7, 8"),
    ],
)
def test_an_app_that_could_not_be_meant_is_not_made(url, words, says):
    result = corehr("app", "create", "--db", url, "--name", "A", *words)
    assert result.exit_code == 2
    assert says in told(result)
    assert done(corehr("app", "list", "--db", url)) == ""


def test_an_app_that_does_not_exist_has_no_secret(url):
    result = corehr("app", "rotate", "--db", url, "cli_0000000000000000")
    assert result.exit_code == 2
    assert "there is no app" in told(result)


def test_the_address_may_come_from_the_environment(url, monkeypatch):
    monkeypatch.setenv("COREHR_DB", url)
    assert done(corehr("app", "list")) == ""


# ------------------------------------------------------------------------------------------------------------- failures


def _text(file: Path) -> None:
    file.write_text("Dear diary, " * 100)


def _damaged(file: Path) -> None:
    with file.open("r+b") as raw:
        raw.seek(100)
        raw.write(b"\xff" * 2000)


def _locked(file: Path) -> apsw.Connection:
    connection = apsw.Connection(str(file))
    connection.pragma("journal_mode", "delete")
    connection.execute("BEGIN EXCLUSIVE")
    return connection


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(_text, "is not a database: give --db another file"), (_damaged, "is damaged"), (_locked, "is locked by another")],
)
def test_a_file_that_cannot_be_used_ends_with_1_and_says_what_to_do(url, file, spoil, says, monkeypatch):
    monkeypatch.setattr("corehr.entrypoints.schema.PATIENCE", 0)
    spoiled: Callable[[Path], object] = spoil
    held = spoiled(file)
    result = corehr("app", "list", "--db", url)
    assert result.exit_code == 1
    assert f"{file} {says}" in told(result)
    if isinstance(held, apsw.Connection):
        held.close()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_ends_with_1_and_says_what_to_do(url, file):
    file.chmod(stat.S_IRUSR)
    file.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        result = corehr("tenant", "create", "--db", url, "--name", "B")
    finally:
        file.parent.chmod(stat.S_IRWXU)
    assert result.exit_code == 1
    assert "write it and its folder" in told(result)


def test_a_server_that_does_not_answer_is_said_on_one_line_without_the_password():
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        result = corehr("db", "upgrade", "--db", f"postgresql://me:hunter2@127.0.0.1:{port}/hr")
    assert result.exit_code == 1
    assert "cannot be reached" in told(result)
    assert "hunter2" not in result.output


# -------------------------------------------------------------------------------------------------------------- serving


class Process:
    """A running `corehr`, or a piece of Python that stands for one."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def told(self) -> str:
        """The next line on stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def end(self, number: int) -> tuple[int, str]:
        """Its exit code after a signal, and what else it said."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, rest


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def run(*words: str) -> Process:
        started.append(Process(*words))
        return started[-1]

    yield run
    for one in started:
        one.process.kill()
        one.process.communicate()


SERVE = ("-m", "corehr.entrypoints.cli", "serve")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_serves_until_it_is_told_to_stop(url, file, start, number):
    server = start(*SERVE, "--db", url, "--port", "0")
    line = server.told()
    found = re.search(r"Acme is served on (http://127\.0\.0\.1:(\d+))$", line)
    assert found, line

    for path in ("/healthz", "/readyz"):
        with urlopen(found[1] + path, timeout=SECONDS) as answer:
            assert answer.status == 200
            assert answer.read() == b'{"status":"ok"}'
            assert answer.headers["Server"] is None

    second = corehr("serve", "--db", url, "--port", "0")
    assert second.exit_code == 2
    assert f"company.db is in use by another corehr process (number {server.process.pid})" in told(second)
    assert "is in use by another corehr process" in told(corehr("db", "upgrade", "--db", url))

    taken = corehr("serve", "--db", url, "--port", found[2])
    assert taken.exit_code == 1
    assert f"port {found[2]} of 127.0.0.1 is in use by another program" in told(taken)

    # apps are made while it runs
    done(corehr("app", "create", "--db", url, "--name", "Payroll", "--scopes", "*"))

    assert server.end(number) == (0, "")
    assert not file.with_name("company.db-wal").exists(), "the store was not closed"


def test_what_runs_is_finished_before_it_stops(start):
    """A request on its way is answered; the application is told only then."""
    toy = """
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
    server = start("-c", textwrap.dedent(toy))
    base = server.told().strip()
    answers: list[bytes] = []

    def ask() -> None:
        with urlopen(base, timeout=SECONDS) as answer:
            answers.append(answer.read())

    asking = threading.Thread(target=ask)
    asking.start()
    assert server.told() == "asked\n"
    assert server.end(signal.SIGTERM) == (0, "answered\nclosed\n")
    asking.join(SECONDS)
    assert answers == [b"done"]


# -- events -----------------------------------------------------------------------------------------------------------

HIRED = "corehr.employment.created_v1"


@pytest.fixture
def past(sqlite_template) -> Iterator[str]:
    """A demo company, which has a past."""
    url = sqlite_template.fresh()
    yield url
    sqlite_template.forget(url)


def test_an_app_is_told_of_events_and_has_the_past_replayed(past):
    with listening() as listener:
        made = corehr("app", "webhook", "--db", past, ALL, "--url", listener.url, "--event", HIRED)
        assert re.fullmatch(r"verification_token: [0-9a-f]{32}\n", done(made))
        assert f"--webhook-to 127.0.0.1:{listener.port}" in made.stderr
        count = done(corehr("event", "replay", "--db", past, ALL))
        assert re.fullmatch(r"60 events are to be delivered again\.\n", count)
        waiting = done(corehr("event", "list", "--db", past, ALL, "--waiting")).splitlines()
        assert len(waiting) == 60
        id, type, _, tries, _ = waiting[0].split("\t")
        assert (type, tries) == (HIRED, "0")
        assert done(corehr("event", "redeliver", "--db", past, id)) == f"{ALL}\n"
        assert done(corehr("event", "list", "--db", past, ALL)) == ""

        with serving(past):
            listener.wait_for(lambda: len({e["header"]["event_id"] for e in listener.events}) == 60)
            while done(corehr("event", "list", "--db", past, ALL, "--waiting")):
                time.sleep(0.05)

        assert done(corehr("event", "replay", "--db", past, ALL, "--since", "2026-01-06T00:00:00+08:00")).startswith(
            "0 "
        )
        done(corehr("app", "unsubscribe", "--db", past, ALL))
        nobody = corehr("event", "replay", "--db", past, ALL)
        assert nobody.exit_code == 2
        assert "subscribes to nothing" in told(nobody)


def test_where_events_may_not_go_and_which_there_are_not(past):
    with listening() as listener:
        listener.respond = lambda heard: (404, b"")
        refused = corehr("app", "webhook", "--db", past, ALL, "--url", listener.url)
        assert refused.exit_code == 1
        assert "url_verification" in told(refused)
    for words, says in {
        ("webhook", ALL, "--url", "no url"): "no URL",
        ("webhook", ALL, "--url", "http://0x7f.1/"): "--url",
        ("webhook", ALL, "--url", "http://127.0.0.1:1/", "--event", "corehr.pay.day_v1"): "there is no event",
        ("webhook", "cli_ffffffffffffffff", "--url", "http://127.0.0.1:1/"): "there is no app",
        ("long-connection", STORE): "by webhook only",
        ("unsubscribe", "cli_ffffffffffffffff"): "there is no app",
    }.items():
        result = corehr("app", words[0], "--db", past, *words[1:])
        assert result.exit_code == 2
        assert says in told(result)
    assert "is told of 75 of 75 events" in corehr("app", "long-connection", "--db", past, ALL).stderr
    unknown = corehr("event", "redeliver", "--db", past, "0" * 32)
    assert (unknown.exit_code, "there is no event" in told(unknown)) == (2, True)
