"""The frame of every request: has it responded to, shows it to the hook and sends the response."""

from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from corehr.apps.log_ids import sanitize_request_id
from corehr.gateway import asgi_io
from corehr.gateway.asgi_io import RequestBody
from corehr.gateway.exchange import Exchange, RequestHook
from corehr.gateway.responses import Response

Respond = Callable[[Exchange, Scope, RequestBody], Awaitable[Response]]
"""Returns the response to a request, and sets in the Exchange what it finds out about the request."""


class HttpApp:
    """A raw ASGI app that responds to each request with what `respond` returns. The hook sees every request."""

    def __init__(self, respond: Respond, hook: RequestHook | None = None) -> None:
        self._respond = respond
        self._hook = hook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope["method"], scope["path"])
        body = RequestBody(scope, receive)
        try:
            response = await self._respond(exchange, scope, body)
        except asgi_io.ClientDisconnected:
            return
        response = exchange.replacement or response
        exchange.status, exchange.code, exchange.response_body = response.status, response.code, response.body
        if self._hook is not None:
            self._hook.after_response(exchange)
        if exchange.interruption == "drop":
            await asgi_io.abort_connection(send)
            return
        if exchange.interruption == "reset":
            await asgi_io.reset_connection(scope, receive, send)
            return
        if exchange.replacement is not None:
            await asgi_io.send_bare_response(send, response)
            return
        request_id = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        request_id = sanitize_request_id(request_id, exchange.log_id)
        cut = exchange.interruption == "cut"
        await asgi_io.send_response(send, response, body, exchange.log_id, request_id, cut=cut)
