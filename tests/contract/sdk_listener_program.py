"""Listens with the official Python SDK's long connection and prints, line by line, what it receives.

Its one argument is JSON: `domain`, `app_id`, `app_secret`; `types`, the event types to handle, by default all that
the SDK knows of CoreHR; `fail`, those whose handler throws.

    {"ready": true}                      whenever it has connected, the first time and again
    {"event_id", "event_type", "typed"}  an event, with its body as the SDK's types read it; before its handler throws
    {"failed": "…"}                      the SDK stopped
"""

import json
import sys
from collections.abc import Callable
from typing import Any

output, sys.stdout = sys.stdout, sys.stderr  # the SDK logs to the standard output that it finds on import

import lark_oapi as lark  # noqa: E402
from lark_oapi.ws.exception import ClientException  # noqa: E402

REGISTER = "register_p2_corehr_"


def print_line(**line: Any) -> None:
    print(json.dumps(line, ensure_ascii=False), file=output, flush=True)


class Client(lark.ws.Client):  # type: ignore[misc]  # the SDK has no types
    async def _connect(self) -> None:
        try:
            await super()._connect()
        except ClientException as error:
            print_line(failed=str(error))
            raise
        print_line(ready=True)


def handler(fail: bool) -> Callable[[Any], None]:
    def handle(event: Any) -> None:
        body = json.loads(lark.JSON.marshal(event.event))
        print_line(event_id=event.header.event_id, event_type=event.header.event_type, typed=body)
        if fail:
            raise RuntimeError("failing as requested")

    return handle


def registration_methods() -> dict[str, str]:
    """Return the names of the methods that register a handler, by event type."""
    methods = {}
    for name in dir(lark.EventDispatcherHandler.builder("", "")):
        if name.startswith(REGISTER):
            builder = lark.EventDispatcherHandler.builder("", "")
            getattr(builder, name)(handler(fail=False))
            (key,) = builder._processorMap
            methods[key.removeprefix("p2.")] = name
    return methods


def dispatcher(types: list[str] | None, fail: list[str]) -> Any:
    methods = registration_methods()
    builder = lark.EventDispatcherHandler.builder("", "")
    for type in methods if types is None else types:
        handle = handler(fail=type in fail)
        if type in methods:
            getattr(builder, methods[type])(handle)
        else:
            builder.register_p2_customized_event(type, handle)
    return builder.build()


def main(options: dict[str, Any]) -> None:
    events = dispatcher(options.get("types"), options.get("fail", []))
    Client(options["app_id"], options["app_secret"], event_handler=events, domain=options["domain"]).start()


main(json.loads(sys.argv[1]))
