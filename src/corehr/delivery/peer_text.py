"""Text that a peer sent, made fit to store and to log."""

from typing import Final

_MAX_LINE_CHARS: Final = 200


def printable_line(text: str) -> str:
    """Return untrusted text as one printable line of at most _MAX_LINE_CHARS characters."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:_MAX_LINE_CHARS]
