"""HTTP to addresses that clients name: of public networks only where that is asked, and bounded."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import Final

import httpx2

from vdx.core.errors import McpFailed
from vdx.core.mcp import McpFault

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of one response."""
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(given: str) -> bool:
    """Whether an IP address belongs to a public network, that inside a translated one included."""
    address = ipaddress.ip_address(given)
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if address.teredo is not None:
            inside = address.teredo[1]
        if address in NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inside is not None and not _is_public(inside):
            return False
        if address.ipv4_mapped is not None:
            return True
    return _is_public(address)


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


class BoundedTransport(httpx2.AsyncBaseTransport):
    """`public_only`: connects to the very address that was looked up and found to be public.

    A name that resolves to another one a moment later leads nowhere else. Proxies of the
    environment are not used: they would look names up themselves.
    """

    def __init__(self, *, public_only: bool) -> None:
        self._public_only = public_only
        self._inner = httpx2.AsyncHTTPTransport()
        self.refused_with = 0
        """The status of the last response, where it is one of an error."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises McpFailed for an address of a private network."""
        if self._public_only:
            host = request.url.host
            address = await self._public_address(host, request.url.port or 443)
            request.extensions = {**request.extensions, "sni_hostname": host}
            request.url = request.url.copy_with(host=address)
        response = await self._inner.handle_async_request(request)
        self.refused_with = response.status_code if response.status_code >= 400 else 0
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(response.stream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _public_address(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            found = []
        addresses = [str(each[4][0]).split("%")[0] for each in found]
        if not (addresses and all(map(is_public, addresses))):
            # A name of the operator's own network sounds like one that is not there.
            raise _failed(f"there is no host {host!r} in a public network")
        # IPv4 first: many machines have no way to addresses of IPv6.
        return min(addresses, key=lambda each: ":" in each)


class _Bounded(httpx2.AsyncByteStream):
    """The bytes of a response; ends the connection where there are more than MAX_BYTES."""

    def __init__(self, inner: httpx2.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._inner:
            size += len(piece)
            if size > MAX_BYTES:
                raise httpx2.ReadError(f"a response may have {MAX_BYTES} bytes")
            yield piece

    async def aclose(self) -> None:
        await self._inner.aclose()


def _failed(message: str) -> McpFailed:
    return McpFailed(message, McpFault("http_error", message))
