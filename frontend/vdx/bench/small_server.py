"""A server for benches: what is posted to it is answered at once by a function.

HTTP by hand, because a web framework would take longer to answer than what is measured.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def small_server(answer: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    """Serves on loopback while entered; yields its address. `answer` makes a body of a body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").casefold()
                size = int(head.split("content-length:")[1].split("\r\n")[0])
                writer.write(_response(answer(await reader.readexactly(size))))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed the connection
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _response(body: bytes) -> bytes:
    """Of events, as chat endpoints answer; a collector of traces looks at the status alone."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body
