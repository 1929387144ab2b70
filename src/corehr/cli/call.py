"""`corehr call`: call one operation of a running server from a terminal."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec

from corehr.app.features import COMMANDS, QUERIES
from corehr.cli.client import Client, is_loopback_url
from corehr.kernel.errors import CommandFailed
from corehr.spec import loader
from corehr.spec.fields import Field
from corehr.spec.loader import Operation


class NameValue(click.ParamType[tuple[str, str]]):
    """`name=value`, as a pair."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, raw_value = str(value).partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is not a pair: write it as name=value", param, ctx)
        return name, raw_value


@click.command("call")
@click.argument("operation", required=False)
@click.option("--list", "listed", is_flag=True, help="List the operations that are built, and call none.")
@click.option("--data", metavar="JSON", help="The body: JSON, @file, or - for stdin.")
@click.option("--query", type=NameValue(), multiple=True, help="A query parameter; may be repeated.")
@click.option("--path", type=NameValue(), multiple=True, help="A path parameter; may be repeated.")
@click.option(
    "--url", default="http://127.0.0.1:8321", envvar="COREHR_URL", show_envvar=True, help="URL of the server."
)
@click.option(
    "--app-id",
    envvar="COREHR_APP_ID",
    show_envvar=True,
    show_default="the demo's first app, for a URL of this machine",
    help="Id of the app that calls.",
)
@click.option("--app-secret", envvar="COREHR_APP_SECRET", show_envvar=True, help="Secret of that app.")
def call(
    *,
    operation: str | None,
    listed: bool,
    data: str | None,
    query: Sequence[tuple[str, str]],
    path: Sequence[tuple[str, str]],
    url: str,
    app_id: str | None,
    app_secret: str | None,
) -> None:
    """Call an operation of a running server, as v1.job_change.create, and print the response.

    Exits with 0 when the code of the response is 0, with 1 when it is not.
    """
    built = _built_operations()
    if listed:
        click.echo("\n".join(f"{id}\t{op.method}\t{op.path}" for id, op in built.items()))
        return
    selected = _get_operation(operation, built)
    path_values = _path_values(selected, path)
    _require_known("--query", [name for name, _ in query], selected.query, selected)
    body = _body(selected, data)

    response = Client(url, *_credentials(url, app_id, app_secret)).call(selected, path_values, query, body)
    click.echo(msgspec.json.format(response.body, indent=2))
    if response.code:
        raise CommandFailed(f"refused: {response.error_line()}")


def _built_operations() -> Mapping[str, Operation]:
    operations = loader.load().operations
    return {id: operations[id] for id in sorted({*COMMANDS, *QUERIES})}


def _get_operation(id: str | None, built: Mapping[str, Operation]) -> Operation:
    if id is None:
        raise click.UsageError("name an operation: corehr call --list shows them")
    if id not in built:
        similar = get_close_matches(id, built, n=3, cutoff=0.5)
        advice = f"did you mean {' or '.join(similar)}?" if similar else "corehr call --list shows them"
        raise click.UsageError(f"no operation {id} is built: {advice}")
    return built[id]


def _path_values(operation: Operation, pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    values = dict(pairs)
    _require_known("--path", values, operation.path_params, operation)
    for field in operation.path_params:
        if not values.get(field.name):
            raise click.UsageError(f"{operation.id} needs {field.name}: give --path {field.name}=VALUE")
    return values


def _require_known(option: str, names: Iterable[str], fields: Sequence[Field], operation: Operation) -> None:
    accepted = [field.name for field in fields]
    for name in names:
        if name not in accepted:
            advice = f"it takes {', '.join(accepted)}" if accepted else "it takes none"
            raise click.UsageError(f"{operation.id} has no {option} {name}: {advice}")


def _body(operation: Operation, data: str | None) -> bytes:
    if data is None:
        return b""
    if not operation.body or operation.method == "GET":
        raise click.UsageError(f"{operation.id} takes no body: leave --data out")
    text = _read_data(data)
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f'--data is not JSON ({error}): write it as \'{{"name": "value"}}\'') from None
    return text


def _read_data(data: str) -> bytes:
    if data == "-":
        return sys.stdin.buffer.read()
    if not data.startswith("@"):
        return data.encode(errors="surrogateescape")
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise click.UsageError(f"--data {data} cannot be read ({error.strerror}): name a file after the @") from None


def _credentials(url: str, app_id: str | None, app_secret: str | None) -> tuple[str, str]:
    """Return the given id and secret; for a loopback URL, a demo app's where they are missing. UsageError otherwise."""
    if app_id and app_secret:
        return app_id, app_secret
    from corehr.demo.apps import APPS, DEFAULT_APP_ID  # late: it imports the whole demo, which --list does not need

    if not is_loopback_url(url):
        raise click.UsageError(f"{url} needs an app: give --app-id and --app-secret")
    if app_id in APPS and not app_secret:
        return str(app_id), APPS[str(app_id)].secret
    if app_id or app_secret:
        raise click.UsageError("an app has an id and a secret: give --app-id and --app-secret, or neither")
    return DEFAULT_APP_ID, APPS[DEFAULT_APP_ID].secret
