"""Parameter types of the command line."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

_TIMESTAMP_EXAMPLE: Final = "2026-01-05T09:00:00+08:00"


class DatabaseURL(click.ParamType[str]):
    """A database address: `sqlite:///…` or `postgresql://…`."""

    name = "URL"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value.startswith("sqlite:///"):
            path = value.removeprefix("sqlite:///")
            if not path or path.startswith(":memory:") or path.endswith("/"):
                self.fail("a SQLite address names a file: sqlite:///corehr.db, or sqlite:////srv/corehr.db", param, ctx)
            if Path(path).is_dir():
                self.fail(f"{path} is a folder: name a file in it, as sqlite:///{path}/corehr.db", param, ctx)
        elif not value.startswith(("postgresql://", "postgres://")):
            self.fail(
                f"{mask_passwords(value)!r} is not a database address: use sqlite:///path/file.db or postgresql://user@host/db",
                param,
                ctx,
            )
        return value


class Timestamp(click.ParamType[datetime]):
    """An ISO 8601 timestamp with a UTC offset."""

    name = "ISO"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            timestamp = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a timestamp: write it as {_TIMESTAMP_EXAMPLE}", param, ctx)
        if timestamp.tzinfo is None:
            self.fail(f"{value!r} has no UTC offset: write it as {_TIMESTAMP_EXAMPLE}", param, ctx)
        if not 1970 < timestamp.year < 9000:
            self.fail(f"{value!r} is out of range: give a year between 1971 and 8999", param, ctx)
        return timestamp


class Duration(click.ParamType[timedelta]):
    """A duration of at least a second: a number and `s`, `m`, `h` or `d`."""

    name = "DURATION"
    _units: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

    def __init__(self, maximum: timedelta) -> None:
        self._maximum = maximum

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", value, re.ASCII)
        if found is None:
            self.fail(f"{value!r} is not a duration: write it as 90s, 30m, 1h or 7d", param, ctx)
        duration = timedelta(**{self._units[found[2]]: int(found[1])})
        if duration > self._maximum:
            self.fail(f"{value!r} is too long: give {self._maximum.days}d at most", param, ctx)
        return duration


class OnOff(click.Choice[str]):
    """`on` or `off`, as a bool."""

    def __init__(self) -> None:
        super().__init__(["on", "off"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return value if isinstance(value, bool) else super().convert(value, param, ctx) == "on"


def mask_passwords(text: str) -> str:
    """Return the text without the passwords of the URLs in it."""
    return re.sub(r"(\w://[^\s:/@]*):[^\s@]*@", r"\1@", text)
