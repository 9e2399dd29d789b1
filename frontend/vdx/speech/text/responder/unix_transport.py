"""HTTP over a Unix socket through asyncio's own transports.

Own code: httpx reaches Unix sockets through anyio, whose streams there (4.16) log an
InvalidStateError where a read is cancelled in the moment in which data comes, as a barge-in does.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpcore2
import httpx2


class UnixTransport(httpx2.AsyncHTTPTransport):
    """A pool of connections to the socket at `path`; failures are httpx's."""

    def __init__(self, path: str, limits: httpx2.Limits) -> None:
        super().__init__(trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            uds=path,
            network_backend=_Backend(),
        )


class _Backend(httpcore2.AsyncNetworkBackend):
    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - of the interface
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - of the interface
    ) -> httpcore2.AsyncNetworkStream:
        async with _limit(timeout, httpcore2.ConnectTimeout, httpcore2.ConnectError):
            return _Stream(*await asyncio.open_unix_connection(path))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        async with _limit(timeout, httpcore2.ReadTimeout, httpcore2.ReadError):
            return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        async with _limit(timeout, httpcore2.WriteTimeout, httpcore2.WriteError):
            self._writer.write(buffer)
            await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        # An idle connection at which something is to be read has been ended by the server.
        return self._reader.at_eof() if info == "is_readable" else None


@asynccontextmanager
async def _limit(
    timeout_s: float | None, late: type[Exception], failed: type[Exception]
) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise late(error) from error
    except OSError as error:
        raise failed(error) from error
