"""Runs programs that receive events over the long connections of the official SDKs."""

import asyncio
import json
import shutil
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.stores import skip_or_fail

_HERE = Path(__file__).parent
_NODE_SDK = _HERE.parent / "node" / "node_modules" / "@larksuiteoapi" / "node-sdk"
_PROGRAMS = {
    "python": (sys.executable, str(_HERE / "sdk_listener_program.py")),
    "node": ("node", str(_HERE / "node" / "listener.mjs")),
}
SDKS = tuple(_PROGRAMS)


def require(sdk: str) -> str:
    """Return `sdk`; skips the test, or fails it, where the SDK is not installed."""
    if sdk == "node" and not (shutil.which("node") and _NODE_SDK.exists()):
        skip_or_fail("node", "Node.js or its SDK in tests/node was not found: run tools/ci-setup node")
    return sdk


class SdkListener:
    """A running listener program; `line` returns its next line of output, decoded from JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> dict[str, Any]:
        assert self.process.stdout
        line = await self.process.stdout.readline()
        assert line, "the listener ended"
        return json.loads(line)

    async def ready(self) -> None:
        assert await self.line() == {"ready": True}

    async def lines(self, count: int) -> list[dict[str, Any]]:
        return [await self.line() for _ in range(count)]


@asynccontextmanager
async def running_listener(sdk: str, options: Mapping[str, Any]) -> AsyncIterator[SdkListener]:
    """Run the listener program of an SDK; `options` is its JSON argument."""
    process = await asyncio.create_subprocess_exec(*_PROGRAMS[sdk], json.dumps(options), stdout=PIPE)
    try:
        yield SdkListener(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
