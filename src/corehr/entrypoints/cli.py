"""The command line: `corehr --help` lists what there is."""

import ipaddress
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Never

import click

from corehr.entrypoints.arguments import NOW, Address, Moment, OnOff, shown
from corehr.entrypoints.call import call

# What a command needs is imported when it runs, so that --help and a wrong use answer at once.
if TYPE_CHECKING:
    from corehr.entrypoints.app import Installation
    from corehr.kernel.db import Store, Tx
    from corehr.kernel.settings import Settings

DEFAULT: Final = "1"
"""The tenant: `kernel.tenants.DEFAULT`, without loading the kernel."""


class Commands(click.Group):
    """Ends with 0, with 2 after a wrong use, with 1 after a failure; then one line on stderr says what to do."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra |= {"standalone_mode": False, "prog_name": "corehr"}
        try:
            code = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as asked:
            asked.show()
            sys.exit(2)
        except click.UsageError as wrong:
            more = f" (more: {wrong.ctx.command_path} --help)" if wrong.ctx else ""
            _end(wrong.format_message().replace("\n", " ") + more, 2)
        except click.ClickException as wrong:
            _end(wrong.format_message(), wrong.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except Exception as error:  # noqa: BLE001  # what is not foreseen rises again
            _end_foreseen(error)
        sys.exit(code if isinstance(code, int) else 0)


def _end_foreseen(error: Exception) -> Never:
    from corehr.entrypoints.failures import foreseen
    from corehr.kernel.settings import WrongUse

    if isinstance(error, WrongUse):
        _end(str(error), 2)
    if line := foreseen(error):
        _end(line, 1)
    raise error


def _end(line: str, code: int) -> Never:
    click.echo(f"corehr: {shown(line)}", err=True)
    sys.exit(code)


DB = click.option(
    "--db",
    type=Address(),
    required=True,
    envvar="COREHR_DB",
    show_envvar=True,
    help="sqlite:///path/file.db or postgresql://user@host/db.",
)
PORT = click.option("--port", type=click.IntRange(0, 65535), default=8321, help="0 takes any that is free.")
HOST = click.option("--host", default="127.0.0.1", help="The address to listen on; 0.0.0.0 is all of them.")
LIMITS = click.option("--rate-limits", type=OnOff(), default="on", help="Refuse calls above the documented rates.")
TOKEN = click.option(
    "--sandbox-token",
    envvar="COREHR_SANDBOX_TOKEN",
    show_envvar=True,
    help="What a caller of /sandbox/ must show; needed off loopback.",
)
SETTINGS = {"show_default": True, "max_content_width": 100, "help_option_names": ["-h", "--help"]}


@click.group(cls=Commands, context_settings=SETTINGS)
@click.version_option(package_name="corehr", prog_name="corehr")
def cli() -> None:
    """A self-hosted core-HR system that speaks the Feishu/Lark CoreHR Open API."""


# -------------------------------------------------------------------------------------------------------------- servers


@cli.command()
@PORT
@HOST
@click.option("--employees", type=click.IntRange(min=0), default=200, help="How many people work there.")
@click.option("--seed", type=click.IntRange(min=0), default=1, help="The same seed makes the same company.")
@click.option("--now", type=Moment(), default=NOW, help="What the time is there when it starts.")
@click.option("--db", type=Address(), show_default="a temporary folder", help="Where to keep it.")
@LIMITS
@TOKEN
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
) -> None:
    """Start a demo company, with the sandbox on."""
    _require_token(host, sandbox_token)
    from corehr.kernel.settings import Settings

    with _stoppable() as stack:
        if db is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="corehr-", ignore_cleanup_errors=True))
            db = f"sqlite:///{folder}/demo.db"
        settings = Settings(db, sandbox=True, sandbox_token=sandbox_token, rate_limits=rate_limits)

        def prepare() -> None:
            from corehr.entrypoints import schema
            from corehr.entrypoints.demo import prepare

            if schema.state(settings.db) is schema.State.EMPTY:
                schema.upgrade(settings.db)
            schema.require_current(settings.db)
            prepare(settings.db, employees=employees, seed=seed, now=now)

        def banner(installation: "Installation", url: str) -> None:
            from corehr.entrypoints.demo import banner

            click.echo(banner(installation, url))

        _serve(stack, settings, host, port, banner, prepare)


@cli.command()
@DB
@PORT
@HOST
@click.option("--workers", type=click.IntRange(min=1), default=1, help="How many processes serve.")
@click.option("--sandbox", is_flag=True, help="Bend reality at /sandbox/: never with real people.")
@TOKEN
@LIMITS
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
    no_worker: bool,
) -> None:
    """Serve a company."""
    if sandbox:
        _require_token(host, sandbox_token)
    elif sandbox_token:
        raise click.UsageError("--sandbox-token without --sandbox guards nothing: give both, or neither")
    if workers > 1:
        raise click.UsageError(_one_worker(db))
    if no_worker:
        raise click.UsageError("this version has no other process for background work: leave --no-worker out")
    import logging

    from corehr.entrypoints import schema
    from corehr.kernel.settings import Settings

    settings = Settings(db, sandbox=sandbox, sandbox_token=sandbox_token, rate_limits=rate_limits)

    with _naming(db):
        schema.require_current(db)

    def listening(installation: "Installation", url: str) -> None:
        logging.getLogger("corehr").info("%s is served on %s", installation.tenant.name, url)

    with _stoppable() as stack:
        _serve(stack, settings, host, port, listening)


def _one_worker(db: str) -> str:
    if db.startswith("sqlite:"):
        return "a SQLite file has one writing process: leave --workers out, or keep the company on PostgreSQL"
    return "this version serves a company from one process, on PostgreSQL too: leave --workers out"


def _require_token(host: str, token: str | None) -> None:
    try:
        near = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    if not near and not token:
        raise click.UsageError(f"on {host} others could bend the sandbox: give --sandbox-token, or --host 127.0.0.1")


@contextmanager
def _stoppable() -> Iterator[ExitStack]:
    """From here on SIGTERM and SIGINT mean: undo what was begun and end well."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    signal.signal(signal.SIGINT, lambda number, frame: sys.exit(0))
    with ExitStack() as stack:
        yield stack


def _serve(
    stack: ExitStack,
    settings: "Settings",
    host: str,
    port: int,
    listening: Callable[["Installation", str], None],
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Hold the port and the file, then `prepare`, open and serve; `listening` hears the installation and its URL."""
    from corehr.entrypoints import server
    from corehr.entrypoints.app import open_installation
    from corehr.entrypoints.sole_writer import sole_writer

    server.configure_logging()
    bound = stack.enter_context(server.bind(host, port))
    stack.enter_context(sole_writer(settings.db))
    with _naming(settings.db):
        prepare()
        installation = open_installation(settings)
        server.run(installation, bound, lambda: listening(installation, server.base_url(bound)))


# ------------------------------------------------------------------------------------------------------------ databases


@cli.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
@DB
def db_upgrade(db: str) -> None:
    """Make the tables, or bring them up to date."""
    from corehr.entrypoints import schema
    from corehr.entrypoints.sole_writer import sole_writer

    with sole_writer(db), _naming(db):
        before = schema.upgrade(db)
    done = "was up to date already" if before is schema.State.CURRENT else "is up to date now"
    click.echo(f"The database {done}.")


@contextmanager
def _naming(db: str) -> Iterator[None]:
    """A foreseen failure of the database inside is told with the address it concerns."""
    from corehr.entrypoints.failures import Failed, foreseen

    try:
        yield
    except Exception as error:
        line = foreseen(error, db)
        if line is None:
            raise
        raise Failed(line) from None


@contextmanager
def _opened(db: str, *, company: bool = True) -> Iterator["Store"]:
    """The store at an address, its schema current; with `company`, WrongUse unless there is one."""
    from corehr.entrypoints import schema
    from corehr.kernel import tenants
    from corehr.kernel.clock import Clock
    from corehr.kernel.ids import TimedIds
    from corehr.kernel.settings import WrongUse, open_store

    with _naming(db):
        schema.require_current(db)
        store = open_store(db, Clock(), TimedIds())
        try:
            if company and store.command_now(DEFAULT, tenants.get) is None:
                raise WrongUse(f"there is no company yet: run  corehr tenant create --db {db} --name NAME")
            yield store
        finally:
            store.close()


# -------------------------------------------------------------------------------------------------------------- tenants


@cli.group()
def tenant() -> None:
    """The company that is served."""


@tenant.command("create")
@DB
@click.option("--name", required=True, help="What the company is called.")
@click.option("--zone", default="Asia/Shanghai", help="Where its days begin, as Europe/Berlin.")
def tenant_create(db: str, name: str, zone: str) -> None:
    """Found the company in an empty database."""
    from corehr.entrypoints import tenants

    tenants.require_zone(zone)
    with _opened(db, company=False) as store:
        made = store.command_now(DEFAULT, lambda tx: tenants.found(tx, name, zone))
    click.echo(f"tenant_key: {made.key}")
    click.echo(f"Next: corehr app create --db {shown(db)} --name NAME --scopes '*' --data-range all", err=True)


# ----------------------------------------------------------------------------------------------------------------- apps


@cli.group()
def app() -> None:
    """The apps that may call."""


@app.command("create")
@DB
@click.option("--name", required=True, help="What the app is called.")
@click.option("--type", "kind", type=click.Choice(["custom", "store"]), default="custom", help="Of whom it is.")
@click.option("--scopes", type=click.Choice(["*"]), help="Give it every scope.")
@click.option("--scope", "named", multiple=True, metavar="SCOPE", help="Give it this scope; may be repeated.")
@click.option("--data-range", default="none", help="Whom it sees: all, none, or department ids with commas between.")
@click.option("--pre-hires", type=click.Choice(["all", "read", "none"]), default="none", help="Its right to pre-hires.")
def app_create(
    *,
    db: str,
    name: str,
    kind: Literal["custom", "store"],
    scopes: str | None,
    named: tuple[str, ...],
    data_range: str,
    pre_hires: Literal["all", "read", "none"],
) -> None:
    """Make an app; its secret is told this once."""
    if bool(scopes) == bool(named):
        raise click.UsageError("say what the app may do: --scopes '*', or --scope once for each scope")
    from corehr.gateway import apps

    departments = [] if data_range in ("all", "none") else [id.strip() for id in data_range.split(",")]

    def create(tx: "Tx") -> tuple[str, str]:
        _require_departments(tx, departments)
        return apps.add_app(
            tx,
            name,
            type=kind,
            scopes=apps.EVERYTHING if scopes else frozenset(named),
            data_range=departments or data_range,
            pre_hires=pre_hires,
        )

    with _opened(db) as store:
        _tell(*store.command_now(DEFAULT, create))
    if data_range == "none" and kind == "custom":
        click.echo("It sees nobody: --data-range all makes an app that sees everyone.", err=True)


def _require_departments(tx: "Tx", ids: Sequence[str]) -> None:
    from corehr.hr.departments import records as departments

    known = {row["id"] for row in departments.by_id(tx, ids)}
    if unknown := [id for id in ids if id not in known]:
        raise click.UsageError(f"there is no department {', '.join(unknown)}: give --data-range ids that exist")


def _tell(app_id: str, secret: str) -> None:
    click.echo(f"app_id: {app_id}\napp_secret: {secret}")
    click.echo("Keep the secret: it is not told again. `corehr app rotate` makes a new one.", err=True)


@app.command("list")
@DB
def app_list(db: str) -> None:
    """List the apps: id, type, whether it is enabled, scopes, data range, name."""
    from corehr.gateway import apps

    with _opened(db) as store:
        for it in store.command_now(DEFAULT, apps.list_apps):
            scopes = "*" if isinstance(it.scopes, str) else ",".join(sorted(it.scopes))
            seen = "all" if it.data_range.everyone else ",".join(sorted(it.data_range.departments)) or "none"
            click.echo("\t".join((it.app_id, it.type, "on" if it.enabled else "off", scopes, seen, it.name)))


@app.command("rotate")
@DB
@click.argument("app_id")
def app_rotate(db: str, app_id: str) -> None:
    """Give an app a new secret; the old one stops being one at once."""
    from corehr.gateway import apps

    with _opened(db) as store:
        fresh = store.command_now(DEFAULT, lambda tx: apps.rotate_secret(tx, app_id))
    if fresh is None:
        raise click.UsageError(f"there is no app {app_id}: `corehr app list` names those there are")
    _tell(app_id, fresh)


cli.add_command(call)


def main() -> None:
    """The program."""
    cli.main()


if __name__ == "__main__":
    main()
