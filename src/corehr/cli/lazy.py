"""A group of commands whose modules are imported when they are called, so that `corehr --help` is fast."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Lists its commands without importing them, and imports the one that is called.

    `lazy_commands` gives, for each name, where the command is, as "module:attribute", and the first line of its help.
    """

    def __init__(self, *args: Any, lazy_commands: Mapping[str, tuple[str, str]], **extra: Any) -> None:
        super().__init__(*args, **extra)
        self._targets = {name: target for name, (target, _) in lazy_commands.items()}
        for name, (_, help_text) in lazy_commands.items():
            self.add_command(click.Command(name, help=help_text))  # stands for the command in --help

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, remaining_args = super().resolve_command(ctx, args)
        if name in self._targets:
            module, attribute = self._targets[name].split(":")
            command = getattr(import_module(module), attribute)
        return name, command, remaining_args
