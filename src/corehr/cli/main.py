"""The command line: `corehr --help` lists the commands."""

import sys
from typing import Any, Final, Never

import click

from corehr.cli.lazy import LazyGroup
from corehr.cli.options import mask_passwords
from corehr.kernel.errors import CommandFailed, UsageError

COMMANDS: Final = {
    "app": ("corehr.cli.apps:app", "Manage the apps that may call."),
    "call": (
        "corehr.cli.call:call",
        "Call an operation of a running server, as v1.job_change.create, and print the response.",
    ),
    "db": ("corehr.cli.database:db", "Manage the database."),
    "demo": (
        "corehr.cli.serve:demo",
        "Start a demo company, with the sandbox on; its webhooks may go to this machine.",
    ),
    "event": ("corehr.cli.events:event", "List and repeat deliveries of events."),
    "key": ("corehr.cli.keys:key", "Manage the keys that encrypt the secrets of a database."),
    "serve": ("corehr.cli.serve:serve", "Serve a company."),
    "tenant": ("corehr.cli.tenants:tenant", "Manage the company that is served."),
}


class RootGroup(LazyGroup):
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
        except UsageError as error:
            _exit_with(str(error), 2)
        except CommandFailed as error:
            _exit_with(str(error), 1)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except Exception as error:  # noqa: BLE001  # unknown errors are raised again
            _exit_for_known_error(error)
        sys.exit(code if isinstance(code, int) else 0)


def _exit_for_known_error(error: Exception) -> Never:
    from corehr.app.failures import describe_known_error  # late: it imports the databases' drivers

    if message := describe_known_error(error):
        _exit_with(message, 1)
    raise error


def _exit_with(message: str, exit_code: int) -> Never:
    click.echo(f"corehr: {mask_passwords(message)}", err=True)
    sys.exit(exit_code)


CONTEXT_SETTINGS = {"show_default": True, "max_content_width": 100, "help_option_names": ["-h", "--help"]}


@click.group(cls=RootGroup, lazy_commands=COMMANDS, context_settings=CONTEXT_SETTINGS)
@click.version_option(package_name="corehr", prog_name="corehr")
def cli() -> None:
    """A self-hosted core-HR system that serves the Feishu/Lark CoreHR Open API."""


def main() -> None:
    """Run the command line."""
    cli.main()


if __name__ == "__main__":
    main()
