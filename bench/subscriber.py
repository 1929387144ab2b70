"""`python -m bench.subscriber PORT`: accepts every event at once; GET returns their number, and first and last time."""

import asyncio
import sys
import time
from typing import Final, cast

import uvloop

ACCEPTED_RESPONSE: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_CONTENT_LENGTH = b"content-length:"


class Count:
    """Number of received events; `first` and `last` are times of receipt in seconds since 1970."""

    def __init__(self) -> None:
        self.events, self.first, self.last = 0, 0.0, 0.0

    def increment(self) -> None:
        self.last = time.time()
        self.first = self.first or self.last
        self.events += 1


class Connection(asyncio.Protocol):
    """Reads the requests of one connection, one after the other."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            if self._buffer.startswith(b"GET "):
                self._buffer = self._buffer[head + 4 :]
                self._write_counts()
                continue
            start = self._buffer.lower().find(_CONTENT_LENGTH, 0, head) + len(_CONTENT_LENGTH)
            request_end = head + 4 + int(self._buffer[start : self._buffer.find(b"\r\n", start)])
            if len(self._buffer) < request_end:
                return
            self._buffer = self._buffer[request_end:]
            self._count.increment()
            self._transport.write(ACCEPTED_RESPONSE)

    def _write_counts(self) -> None:
        count = self._count
        body = b'{"events":%d,"first":%.6f,"last":%.6f}' % (count.events, count.first, count.last)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


async def main(port: int) -> None:
    """Serve until the process is ended."""
    count = Count()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(count), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
