"""Which addresses a client's MCP server may have, and what a connection to one is bounded by."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from vdx.app import mcp_http
from vdx.app.mcp_http import BoundedTransport, is_public
from vdx.app.mcp_named_by_clients import ClientMcpServer
from vdx.core.errors import McpFailed
from vdx.core.mcp import McpServerSpec


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # no address that is bound
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
    ],
)
def test_addresses_of_no_public_network(address: str) -> None:
    assert not is_public(address)


def looked_up(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


class Server(httpx2.AsyncBaseTransport):
    """Keeps what it is asked, and answers with a body."""

    def __init__(self, body: bytes = b"{}", status: int = 200) -> None:
        self.asked: list[httpx2.Request] = []
        self.body, self.status = body, status

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        return httpx2.Response(self.status, content=self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self.body


def transport(server: Server, *, public_only: bool = True) -> BoundedTransport:
    made = BoundedTransport(public_only=public_only)
    made._inner = server  # type: ignore[assignment]  # nothing is connected to
    return made


async def test_a_name_leads_to_the_address_that_was_found_public(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up(monkeypatch, "2606:2800:220:1::1", "93.184.216.34")
    server = Server()
    async with httpx2.AsyncClient(transport=transport(server)) as client:
        await client.post("https://mcp.example.org/mcp")
    [asked] = server.asked
    assert asked.url.host == "93.184.216.34"
    assert asked.headers["host"] == "mcp.example.org"
    assert asked.extensions["sni_hostname"] == "mcp.example.org"


@pytest.mark.parametrize("private", ["127.0.0.1", "169.254.169.254"])
async def test_a_name_with_a_private_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, private: str
) -> None:
    looked_up(monkeypatch, "93.184.216.34", private)
    server = Server()
    async with httpx2.AsyncClient(transport=transport(server)) as client:
        with pytest.raises(McpFailed, match=r"no host 'mcp\.example\.org' in a public"):
            await client.post("https://mcp.example.org/mcp")
    assert server.asked == []


async def test_a_name_that_nobody_knows_is_told() -> None:
    async with httpx2.AsyncClient(transport=transport(Server())) as client:
        with pytest.raises(McpFailed, match=r"no host 'nobody\.invalid' in a public network"):
            await client.post("https://nobody.invalid/mcp")


async def test_a_response_is_bounded_and_its_status_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_http, "MAX_BYTES", 1000)
    made = transport(Server(b"x" * 1001, 502), public_only=False)
    async with httpx2.AsyncClient(transport=made) as client:
        with pytest.raises(httpx2.ReadError, match="1000 bytes"):
            await client.get("http://127.0.0.1/mcp")
    assert made.refused_with == 502


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "[::ffff:10.0.0.1]"])
async def test_a_server_in_the_own_network_lists_nothing(host: str) -> None:
    server = ClientMcpServer(McpServerSpec("here", f"https://{host}:1/mcp", public_only=True))
    with pytest.raises(McpFailed, match="in a public network"):
        await server.list_tools()
    await server.close()


async def test_a_server_that_is_not_there_says_so() -> None:
    server = ClientMcpServer(McpServerSpec("here", "http://127.0.0.1:9/mcp", public_only=False))
    with pytest.raises(McpFailed, match="connection"):
        await server.list_tools()
    await server.close()
