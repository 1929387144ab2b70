"""`corehr call`: one operation of a running server, asked from a terminal."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

# What a command needs is imported when it runs, so that --help and a wrong use answer at once.
if TYPE_CHECKING:
    from corehr.gateway.fields import Field
    from corehr.gateway.spec import Operation


class Pair(click.ParamType[tuple[str, str]]):
    """`name=value`."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is no pair: write it as name=value", param, ctx)
        return name, text


@click.command("call")
@click.argument("operation", required=False)
@click.option("--list", "listed", is_flag=True, help="List the operations that are built, instead.")
@click.option("--data", metavar="JSON", help="The body: JSON, @file, or - for stdin.")
@click.option("--query", type=Pair(), multiple=True, help="A parameter behind the path; may be repeated.")
@click.option("--path", type=Pair(), multiple=True, help="A parameter in the path.")
@click.option("--url", default="http://127.0.0.1:8321", envvar="COREHR_URL", show_envvar=True, help="Of the server.")
@click.option(
    "--app-id",
    envvar="COREHR_APP_ID",
    show_envvar=True,
    show_default="that of the demo, on this machine",
    help="Of the app that calls.",
)
@click.option("--app-secret", envvar="COREHR_APP_SECRET", show_envvar=True, help="Of the same app.")
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
    """Call an operation of a running server, as v1.job_change.create, and print what it answers.

    Ends with 0 when the answer's code is 0, with 1 when the server refused.
    """
    built = _built()
    if listed:
        click.echo("\n".join(f"{id}\t{it.method}\t{it.path}" for id, it in built.items()))
        return
    asked = _named(operation, built)
    names = _path(asked, path)
    _known("--query", [name for name, _ in query], asked.query, asked)
    body = _body(asked, data)

    import msgspec

    from corehr.entrypoints.client import Client
    from corehr.entrypoints.failures import Failed

    answer = Client(url, *_credentials(url, app_id, app_secret)).call(asked, names, query, body)
    click.echo(msgspec.json.format(answer.body, indent=2))
    if answer.code:
        raise Failed(f"refused: {answer.refusal()}")


def _built() -> "Mapping[str, Operation]":
    from corehr.entrypoints.app import COMMANDS, QUERIES
    from corehr.gateway import spec

    operations = spec.load().operations
    return {id: operations[id] for id in sorted({*COMMANDS, *QUERIES})}


def _named(id: str | None, built: "Mapping[str, Operation]") -> "Operation":
    if id is None:
        raise click.UsageError("say which operation: corehr call --list names them")
    if id not in built:
        near = get_close_matches(id, built, n=3, cutoff=0.5)
        advice = f"did you mean {' or '.join(near)}?" if near else "corehr call --list names those there are"
        raise click.UsageError(f"no operation {id} is built: {advice}")
    return built[id]


def _path(operation: "Operation", pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    given = dict(pairs)
    _known("--path", given, operation.path_params, operation)
    for field in operation.path_params:
        if not given.get(field.name):
            raise click.UsageError(f"{operation.id} needs {field.name}: give --path {field.name}=VALUE")
    return given


def _known(option: str, names: Iterable[str], fields: "Sequence[Field]", operation: "Operation") -> None:
    known = [field.name for field in fields]
    for name in names:
        if name not in known:
            advice = f"it takes {', '.join(known)}" if known else "it takes none"
            raise click.UsageError(f"{operation.id} has no {option} {name}: {advice}")


def _body(operation: "Operation", data: str | None) -> bytes:
    if data is None:
        return b""
    if not operation.body or operation.method == "GET":
        raise click.UsageError(f"{operation.id} takes no body: leave --data out")
    import msgspec

    text = _text(data)
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise click.UsageError(f'--data is not JSON ({why}): write it as \'{{"name": "value"}}\'') from None
    return text


def _text(data: str) -> bytes:
    if data == "-":
        return sys.stdin.buffer.read()
    if not data.startswith("@"):
        return data.encode(errors="surrogateescape")
    try:
        return Path(data[1:]).read_bytes()
    except OSError as why:
        raise click.UsageError(f"--data {data} cannot be read ({why.strerror}): name a file behind the @") from None


def _credentials(url: str, app_id: str | None, app_secret: str | None) -> tuple[str, str]:
    """What was given; the demo's own where nothing was and the server is of this machine."""
    if app_id and app_secret:
        return app_id, app_secret
    from corehr.entrypoints.client import is_near
    from corehr.entrypoints.demo.apps import APPS, FIRST

    if not is_near(url):
        raise click.UsageError(f"{url} asks who calls: give --app-id and --app-secret")
    if app_id in APPS and not app_secret:
        return str(app_id), APPS[str(app_id)].secret
    if app_id or app_secret:
        raise click.UsageError("an app has an id and a secret: give --app-id and --app-secret, or neither")
    return FIRST, APPS[FIRST].secret
