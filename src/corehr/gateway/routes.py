"""Matches a method and a path to an operation: one lookup for fixed paths, a short list for paths with parameters."""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from corehr.spec.loader import Operation

_NO_PARAMS: Mapping[str, str] = {}


class _Pattern:
    """A path with parameters: `fixed` segments must be equal, `named` segments are parameters."""

    __slots__ = ("fixed", "named", "operation", "order")

    def __init__(self, operation: Operation) -> None:
        segments = operation.path.split("/")
        self.operation = operation
        self.order = [text[:1] == ":" for text in segments]
        self.fixed = tuple((index, text) for index, text in enumerate(segments) if text[:1] != ":")
        self.named = tuple((index, text[1:]) for index, text in enumerate(segments) if text[:1] == ":")

    def matches(self, segments: list[str]) -> bool:
        return all(segments[index] == text for index, text in self.fixed) and all(
            segments[index] for index, _ in self.named
        )


class RouteTable:
    """All operations by route; a fixed segment takes precedence over a parameter in the same position."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._by_exact_path: dict[tuple[str, str], Operation] = {}
        self._patterns: dict[tuple[str, int], list[_Pattern]] = {}
        for operation in operations:
            if "/:" in operation.path:
                key = (operation.method, operation.path.count("/") + 1)
                self._patterns.setdefault(key, []).append(_Pattern(operation))
            else:
                self._by_exact_path[operation.method, operation.path] = operation
        for patterns in self._patterns.values():
            patterns.sort(key=lambda pattern: pattern.order)

    def match(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """Return the operation and its decoded path parameters, or None; `path` is percent-encoded, as it was sent."""
        operation = self._by_exact_path.get((method, path))
        if operation is not None:
            return operation, _NO_PARAMS
        segments = path.split("/")
        for pattern in self._patterns.get((method, len(segments)), ()):
            if pattern.matches(segments):
                return pattern.operation, {name: unquote(segments[index]) for index, name in pattern.named}
        return None
