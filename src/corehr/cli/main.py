"""The command line: `corehr --help` lists the commands."""

import ipaddress
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Never

import click

from corehr.cli.apps import app
from corehr.cli.call import call
from corehr.cli.events import event
from corehr.cli.options import DEFAULT_DEMO_NOW, DatabaseURL, OnOff, Timestamp, mask_passwords
from corehr.cli.stores import DATABASE_OPTION, DEFAULT_TENANT_ID, open_for_command, with_database_errors

# Each command imports what it needs when it runs, so that --help and usage errors are fast.
if TYPE_CHECKING:
    from corehr.app.installation import Installation
    from corehr.app.settings import Settings


class RootGroup(click.Group):
    """Exits with 0 on success, 2 on a usage error and 1 on a failure; then one line on stderr says what to do."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra |= {"standalone_mode": False, "prog_name": "corehr"}
        try:
            code = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.UsageError as error:
            help_hint = f" (more: {error.ctx.command_path} --help)" if error.ctx else ""
            _exit_with(error.format_message().replace("\n", " ") + help_hint, 2)
        except click.ClickException as error:
            _exit_with(error.format_message(), error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except Exception as error:  # noqa: BLE001  # unknown errors are raised again
            _exit_for_known_error(error)
        sys.exit(code if isinstance(code, int) else 0)


def _exit_for_known_error(error: Exception) -> Never:
    from corehr.app.failures import describe_known_error
    from corehr.kernel.errors import UsageError

    if isinstance(error, UsageError):
        _exit_with(str(error), 2)
    if message := describe_known_error(error):
        _exit_with(message, 1)
    raise error


def _exit_with(message: str, exit_code: int) -> Never:
    click.echo(f"corehr: {mask_passwords(message)}", err=True)
    sys.exit(exit_code)


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
CONTEXT_SETTINGS = {"show_default": True, "max_content_width": 100, "help_option_names": ["-h", "--help"]}


@click.group(cls=RootGroup, context_settings=CONTEXT_SETTINGS)
@click.version_option(package_name="corehr", prog_name="corehr")
def cli() -> None:
    """A self-hosted core-HR system that serves the Feishu/Lark CoreHR Open API."""


# -------------------------------------------------------------------------------------------------------------- servers


@cli.command()
@PORT_OPTION
@HOST_OPTION
@click.option("--employees", type=click.IntRange(min=0), default=200, help="Number of employees.")
@click.option("--seed", type=click.IntRange(min=0), default=1, help="The same seed makes the same company.")
@click.option("--now", type=Timestamp(), default=DEFAULT_DEMO_NOW, help="World time at the start.")
@click.option("--db", type=DatabaseURL(), show_default="a temporary folder", help="Database that keeps the company.")
@RATE_LIMITS_OPTION
@SANDBOX_TOKEN_OPTION
@WEBHOOK_HOST_OPTION
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
    from corehr.app.settings import Settings

    with _exit_on_signals() as stack:
        if db is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="corehr-", ignore_cleanup_errors=True))
            db = f"sqlite:///{folder}/demo.db"
        settings = Settings(
            db, sandbox=True, sandbox_token=sandbox_token, rate_limits=rate_limits, webhook_hosts=webhook_hosts
        )

        def prepare() -> None:
            from corehr.app import schema
            from corehr.demo import prepare

            if schema.state(settings.db) is schema.SchemaState.EMPTY:
                schema.upgrade(settings.db)
            schema.require_current(settings.db)
            prepare(settings.db, employees=employees, seed=seed, now=now)

        def banner(installation: "Installation", url: str) -> None:
            from corehr.demo import banner

            click.echo(banner(installation.store, installation.tenant, url))

        _serve(stack, settings, host, port, banner, prepare)


@cli.command()
@DATABASE_OPTION
@PORT_OPTION
@HOST_OPTION
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Number of processes that serve.")
@click.option("--sandbox", is_flag=True, help="Serve /sandbox/, which changes clock and data: never with real people.")
@SANDBOX_TOKEN_OPTION
@RATE_LIMITS_OPTION
@WEBHOOK_HOST_OPTION
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
    no_worker: bool,
) -> None:
    """Serve a company."""
    _require_valid_hosts(webhook_hosts)
    if sandbox:
        _require_token(host, sandbox_token)
    elif sandbox_token:
        raise click.UsageError("--sandbox-token without --sandbox guards nothing: give both, or neither")
    if workers > 1:
        raise click.UsageError(_single_worker_message(db))
    if no_worker:
        raise click.UsageError("this version has no other process for background work: leave --no-worker out")
    import logging

    from corehr.app import schema
    from corehr.app.settings import Settings

    settings = Settings(
        db, sandbox=sandbox, sandbox_token=sandbox_token, rate_limits=rate_limits, webhook_hosts=webhook_hosts
    )

    with with_database_errors(db):
        schema.require_current(db)

    def on_listening(installation: "Installation", url: str) -> None:
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
    if hosts:
        from corehr.delivery.egress import EgressPolicy

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
    settings: "Settings",
    host: str,
    port: int,
    on_listening: Callable[["Installation", str], None],
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Bind the port and lock the file, then `prepare`, open the installation and serve it.

    `on_listening` is called with the installation and its URL once the port accepts connections.
    """
    from corehr.app.sole_writer import sole_writer
    from corehr.server import run
    from corehr.server.asgi import open_application

    run.configure_logging()
    bound_socket = stack.enter_context(run.bind(host, port))
    stack.enter_context(sole_writer(settings.db))
    with with_database_errors(settings.db):
        prepare()
        application = open_application(settings)
        installation, url = application.installation, run.base_url(bound_socket)
        run.run(application.asgi, bound_socket, lambda: on_listening(installation, url))


# ------------------------------------------------------------------------------------------------------------ databases


@cli.group()
def db() -> None:
    """Manage the database."""


@db.command("upgrade")
@DATABASE_OPTION
def db_upgrade(db: str) -> None:
    """Create the tables, or bring them up to date."""
    from corehr.app import schema
    from corehr.app.sole_writer import sole_writer

    with sole_writer(db), with_database_errors(db):
        before = schema.upgrade(db)
    status = "was up to date already" if before is schema.SchemaState.CURRENT else "is up to date now"
    click.echo(f"The database {status}.")


# -------------------------------------------------------------------------------------------------------------- tenants


@cli.group()
def tenant() -> None:
    """Manage the company that is served."""


@tenant.command("create")
@DATABASE_OPTION
@click.option("--name", required=True, help="Name of the company.")
@click.option("--zone", default="Asia/Shanghai", help="Time zone in which its days begin, as Europe/Berlin.")
def tenant_create(db: str, name: str, zone: str) -> None:
    """Create the company in an empty database."""
    from corehr.app import tenants

    tenants.require_time_zone(zone)
    with open_for_command(db, tenant_required=False) as store:
        new_tenant = store.command_sync(DEFAULT_TENANT_ID, lambda tx: tenants.create_tenant(tx, name, zone))
    click.echo(f"tenant_key: {new_tenant.tenant_key}")
    click.echo(f"Next: corehr app create --db {mask_passwords(db)} --name NAME --scopes '*' --data-range all", err=True)


for command in (app, event, call):
    cli.add_command(command)


def main() -> None:
    """Run the command line."""
    cli.main()


if __name__ == "__main__":
    main()
