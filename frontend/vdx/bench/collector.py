"""A collector of traces for benches: takes OTLP over HTTP, counts requests, keeps nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Collector:
    """`url` is what `tracing.endpoint` gets; `requests` came so far, with `size` bytes of spans."""

    url: str = ""
    requests: int = 0
    size: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").casefold()
                size = int(head.split("content-length:")[1].split("\r\n")[0])
                await reader.readexactly(size)
                self.requests += 1
                self.size += size
                writer.write(ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the server has closed the connection
        finally:
            writer.close()


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Serves on loopback while entered."""
    made = Collector()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
