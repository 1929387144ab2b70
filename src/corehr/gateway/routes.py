"""Finds the operation of a method and a path: one lookup for paths without parameters, a short list for the others."""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from corehr.gateway.spec import Operation

_NO_PARAMS: Mapping[str, str] = {}


class _Pattern:
    """A path with parameters: which segments must be equal, and which ones have a name."""

    __slots__ = ("fixed", "named", "operation", "order")

    def __init__(self, operation: Operation) -> None:
        segments = operation.path.split("/")
        self.operation = operation
        self.order = [text[:1] == ":" for text in segments]
        self.fixed = tuple((at, text) for at, text in enumerate(segments) if text[:1] != ":")
        self.named = tuple((at, text[1:]) for at, text in enumerate(segments) if text[:1] == ":")

    def matches(self, segments: list[str]) -> bool:
        return all(segments[at] == text for at, text in self.fixed) and all(segments[at] for at, _ in self.named)


class RouteTable:
    """All operations by route; a fixed segment goes before a parameter in its place."""

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
        """The operation and its path parameters, decoded; `path` is as it was sent, percent-encoded."""
        operation = self._by_exact_path.get((method, path))
        if operation is not None:
            return operation, _NO_PARAMS
        segments = path.split("/")
        for pattern in self._patterns.get((method, len(segments)), ()):
            if pattern.matches(segments):
                return pattern.operation, {name: unquote(segments[at]) for at, name in pattern.named}
        return None
