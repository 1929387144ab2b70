"""`corehr demo` and `corehr serve`: start a server."""

import ipaddress
import logging
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import click

from corehr.app import schema
from corehr.app.installation import Installation
from corehr.app.settings import DEFAULT_MAX_CONNECTIONS, Settings
from corehr.app.sole_writer import sole_writer
from corehr.cli.options import DatabaseURL, OnOff, Timestamp
from corehr.cli.stores import DATABASE_OPTION, KEY_FILE_OPTION, current_key_file, with_database_errors
from corehr.delivery.egress import EgressPolicy
from corehr.demo import DEFAULT_EMPLOYEES, DEFAULT_NOW, DEFAULT_SEED
from corehr.demo import banner as render_banner
from corehr.demo import prepare as prepare_demo
from corehr.server import run
from corehr.server.asgi import open_application

PORT_OPTION = click.option("--port", type=click.IntRange(0, 65535), default=8321, help="0 takes any free port.")
HOST_OPTION = click.option("--host", default="127.0.0.1", help="The address to listen on; 0.0.0.0 is every address.")
RATE_LIMITS_OPTION = click.option(
    "--rate-limits", type=OnOff(), default="on", help="Refuse calls above the documented rates."
)
SANDBOX_TOKEN_OPTION = click.option(
    "--sandbox-token",
    envvar="COREHR_SANDBOX_TOKEN",
    show_envvar=True,
    help="Token that callers of /sandbox/ must send; required off loopback.",
)
WEBHOOK_HOST_OPTION = click.option(
    "--allow-webhook-host",
    "webhook_hosts",
    multiple=True,
    metavar="HOST",
    help="Allow webhooks to this host, *.domain or network, with an optional :PORT; may be repeated.",
)


@click.command()
@PORT_OPTION
@HOST_OPTION
@click.option("--employees", type=click.IntRange(min=0), default=DEFAULT_EMPLOYEES, help="Number of employees.")
@click.option("--seed", type=click.IntRange(min=0), default=DEFAULT_SEED, help="The same seed makes the same company.")
@click.option("--now", type=Timestamp(), default=DEFAULT_NOW.isoformat(), help="World time at the start.")
@click.option("--db", type=DatabaseURL(), show_default="a temporary folder", help="Database that keeps the company.")
@RATE_LIMITS_OPTION
@SANDBOX_TOKEN_OPTION
@WEBHOOK_HOST_OPTION
@KEY_FILE_OPTION
def demo(
    *,
    port: int,
    host: str,
    employees: int,
    seed: int,
    now: datetime,
    db: str | None,
    rate_limits: bool,
    sandbox_token: str | None,
    webhook_hosts: tuple[str, ...],
) -> None:
    """Start a demo company, with the sandbox on; its webhooks may go to this machine."""
    _require_token(host, sandbox_token)
    _require_valid_hosts(webhook_hosts)
    with _exit_on_signals() as stack:
        if db is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="corehr-", ignore_cleanup_errors=True))
            Path(folder).chmod(0o700)  # whatever the umask
            db = f"sqlite:///{folder}/demo.db"
        settings = Settings(
            db,
            sandbox=True,
            sandbox_token=sandbox_token,
            rate_limits=rate_limits,
            webhook_hosts=webhook_hosts,
            key_file=current_key_file(),
        )

        def prepare() -> None:
            if schema.state(settings.db) is schema.SchemaState.EMPTY:
                schema.upgrade(settings.db)
            schema.require_current(settings.db)
            prepare_demo(settings.db, employees=employees, seed=seed, now=now, key_file=settings.key_file)

        def banner(installation: Installation, url: str) -> None:
            click.echo(render_banner(installation.store, installation.tenant, url))

        _serve(stack, settings, host, port, banner, prepare)


@click.command()
@DATABASE_OPTION
@PORT_OPTION
@HOST_OPTION
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Number of processes that serve.")
@click.option("--sandbox", is_flag=True, help="Serve /sandbox/, which changes clock and data: never with real people.")
@SANDBOX_TOKEN_OPTION
@RATE_LIMITS_OPTION
@WEBHOOK_HOST_OPTION
@click.option(
    "--max-connections",
    type=click.IntRange(min=1),
    default=DEFAULT_MAX_CONNECTIONS,
    help="Connections that may be open at the same time, long ones not counted.",
)
@click.option("--no-worker", is_flag=True, help="Leave background work to another process.")
def serve(
    *,
    db: str,
    port: int,
    host: str,
    workers: int,
    sandbox: bool,
    sandbox_token: str | None,
    rate_limits: bool,
    webhook_hosts: tuple[str, ...],
    max_connections: int,
    no_worker: bool,
) -> None:
    """Serve a company."""
    _require_valid_hosts(webhook_hosts)
    if sandbox and not sandbox_token:
        raise click.UsageError("--sandbox needs --sandbox-token, also on this machine: only a demo goes without")
    if sandbox_token and not sandbox:
        raise click.UsageError("--sandbox-token without --sandbox guards nothing: give both, or neither")
    if workers > 1:
        raise click.UsageError(_single_worker_message(db))
    if no_worker:
        raise click.UsageError("this version has no other process for background work: leave --no-worker out")
    settings = Settings(
        db,
        sandbox=sandbox,
        sandbox_token=sandbox_token,
        rate_limits=rate_limits,
        webhook_hosts=webhook_hosts,
        max_connections=max_connections,
        key_file=current_key_file(),
    )
    with with_database_errors(db):
        schema.require_current(db)

    def on_listening(installation: Installation, url: str) -> None:
        logging.getLogger("corehr").info("%s is served on %s", installation.tenant.name, url)

    with _exit_on_signals() as stack:
        _serve(stack, settings, host, port, on_listening)


def _single_worker_message(db: str) -> str:
    if db.startswith("sqlite:"):
        return "a SQLite file has one writing process: leave --workers out, or keep the company on PostgreSQL"
    return "this version serves a company from one process, on PostgreSQL too: leave --workers out"


def _require_token(host: str, token: str | None) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback and not token:
        raise click.UsageError(f"on {host} others could use the sandbox: give --sandbox-token, or --host 127.0.0.1")


def _require_valid_hosts(hosts: tuple[str, ...]) -> None:
    try:
        EgressPolicy.from_hosts(hosts, loopback=False)
    except ValueError as error:
        raise click.UsageError(f"--allow-webhook-host: {error}") from None


@contextmanager
def _exit_on_signals() -> Iterator[ExitStack]:
    """Exit with 0 on SIGTERM and SIGINT, after closing everything that was entered into the yielded stack."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    signal.signal(signal.SIGINT, lambda number, frame: sys.exit(0))
    with ExitStack() as stack:
        yield stack


def _serve(
    stack: ExitStack,
    settings: Settings,
    host: str,
    port: int,
    on_listening: Callable[[Installation, str], None],
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Bind the port and lock the file, then `prepare`, open the installation and serve it.

    `on_listening` is called with the installation and its URL once the port accepts connections.
    """
    run.configure_logging()
    bound_socket = stack.enter_context(run.bind(host, port))
    stack.enter_context(sole_writer(settings.db))
    with with_database_errors(settings.db):
        prepare()
        application = open_application(settings)
        installation, url = application.installation, run.base_url(bound_socket)
        run.run(
            application.asgi,
            bound_socket,
            lambda: on_listening(installation, url),
            max_connections=settings.max_connections,
        )
