"""Whose word is taken for who a client is: the line about a refused request."""

import http.client
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.server.processes import Vdx, eventually, running
from vdx.serving.embedded import EmbeddedTriton

KEY = "the-key-of-the-forwarded-server"
TRUSTED, STRANGER = "127.0.0.2", "127.0.0.3"
"""All of 127.0.0.0/8 is this machine; a client may connect from any address of it."""
FORWARDED = "203.0.113.9"


@pytest.fixture(scope="module")
def vdx(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vdx]:
    server = {"api_keys": [KEY], "trusted_proxies": [TRUSTED]}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    home = tmp_path_factory.mktemp("forwarded")
    with running(*arguments, home=home, config=base_config | {"server": server}) as vdx:
        vdx.url()
        yield vdx


def _ask(url: str, peer: str, path: str, **headers: str) -> int:
    """The status of a request that comes from address `peer`."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(
        parts.hostname, parts.port, timeout=60, source_address=(peer, 0)
    )
    connection.request(
        "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    status = connection.getresponse().status
    connection.close()
    return status


def _client(vdx: Vdx, path: str) -> str:
    """Who is named in the line about the refused request for `path`."""
    found = eventually(
        lambda: re.search(rf"request refused .*client=(\S+) .*path={path} ", vdx.output), "a line"
    )
    assert isinstance(found, re.Match)
    return str(found[1])


@pytest.mark.parametrize(
    ("peer", "named"), [(TRUSTED, FORWARDED), (STRANGER, STRANGER)], ids=["trusted", "stranger"]
)
def test_a_forwarded_address_counts_from_a_trusted_proxy_alone(
    vdx: Vdx, peer: str, named: str
) -> None:
    path = f"/v1/models/{peer}"
    assert _ask(vdx.url(), peer, path, X_Forwarded_For=FORWARDED) == 401
    assert _client(vdx, path) == named


def test_what_a_client_forwards_through_a_proxy_is_not_believed(vdx: Vdx) -> None:
    """A proxy appends the address that it sees; what stood there before may be invented."""
    path = "/v1/models/appended"
    assert _ask(vdx.url(), TRUSTED, path, X_Forwarded_For=f"10.9.9.9, {FORWARDED}") == 401
    assert _client(vdx, path) == FORWARDED


def test_a_forwarded_address_lets_nobody_in(vdx: Vdx) -> None:
    for peer in (TRUSTED, STRANGER):
        assert _ask(vdx.url(), peer, "/vdx/status", X_Forwarded_For="127.0.0.1") == 401
