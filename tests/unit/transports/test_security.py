"""Who is let in: keys, origins, host names."""

import pytest
from starlette.requests import HTTPConnection

from vdx.core.config import ServerConfig
from vdx.core.errors import ConfigError, Forbidden, Unauthorized
from vdx.transports.security import (
    KEY_SUBPROTOCOL,
    Guard,
    is_loopback,
)

KEYS = ("first-key-of-many", "second-key-of-many")


def asking(*, subprotocols: tuple[str, ...] = (), **headers: str) -> HTTPConnection:
    """A connection with these headers; `host` defaults to the server's own address."""
    given = {"host": "127.0.0.1:8080"} | {k.replace("_", "-"): v for k, v in headers.items()}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
    return HTTPConnection({"type": "websocket", "headers": raw, "subprotocols": subprotocols})


def guard(
    host: str = "127.0.0.1",
    keys: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    public_url: str = "",
) -> Guard:
    given = {"api_keys": keys, "allowed_origins": origins, "public_url": public_url}
    return Guard(ServerConfig.model_validate({"host": host, **given}))


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("", False),  # to bind it is to bind every address
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("example.com", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("2130706433", False),
    ],
)
def test_what_reaches_this_machine_only(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "vdx.example.com"])
def test_an_open_address_needs_a_key(host: str) -> None:
    with pytest.raises(ConfigError, match=rf"server\.host '{host}'.*server\.api_keys"):
        guard(host)
    assert guard(host, KEYS).admit(asking(authorization=f"Bearer {KEYS[0]}")) is None


def test_without_keys_any_key_is_as_good_as_none() -> None:
    closed = guard()
    assert closed.admit(asking()) is None
    assert closed.admit(asking(authorization="Bearer sk-whatever")) is None


@pytest.mark.parametrize(
    "connection",
    [
        asking(authorization=f"Bearer {KEYS[0]}"),
        asking(authorization=f"bearer   {KEYS[0]} "),
        asking(subprotocols=("realtime", KEY_SUBPROTOCOL + KEYS[0])),
    ],
)
def test_a_key_opens(connection: HTTPConnection) -> None:
    assert guard(keys=KEYS).admit(connection) is None


@pytest.mark.parametrize(
    "connection",
    [
        asking(),
        asking(authorization=""),
        asking(authorization="Bearer"),
        asking(authorization="Bearer first"),
        asking(authorization=f"Bearer {KEYS[0]}-and-more"),
        asking(authorization=f"Basic {KEYS[0]}"),
        asking(authorization=KEYS[0]),
        asking(authorization="Bearer \xff\xfe"),
        asking(subprotocols=("realtime",)),
        asking(subprotocols=(KEY_SUBPROTOCOL,)),
        asking(subprotocols=(KEYS[0],)),
    ],
)
def test_anything_but_a_key_is_refused(connection: HTTPConnection) -> None:
    with pytest.raises(Unauthorized, match="Authorization: Bearer KEY"):
        guard(keys=KEYS).admit(connection)


def test_what_needs_no_key_is_open_but_not_to_foreign_pages() -> None:
    closed = guard(keys=KEYS)
    assert closed.admit(asking(), needs_key=False) is None
    with pytest.raises(Forbidden):
        closed.admit(asking(origin="https://evil.example"), needs_key=False)
    with pytest.raises(Forbidden):
        closed.admit(asking(host="evil.example"), needs_key=False)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_own_page_may_connect(host: str, origin: str) -> None:
    assert guard().admit(asking(host=host, origin=origin)) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1:9999",
        "http://localhost:8080",
        "http://127.0.0.1:8080.evil.example",
        "null",
        "",
        "http://[",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    with pytest.raises(Forbidden, match=r"server\.allowed_origins"):
        guard().admit(asking(origin=origin))


def test_allowed_origins_may() -> None:
    page = asking(origin="https://app.example")
    assert guard(origins=("https://app.example",)).admit(page) is None
    assert guard(origins=("*",)).admit(page) is None
    with pytest.raises(Forbidden, match=r"https://app\.example"):
        guard(origins=("https://other.example",)).admit(page)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost:8080", "[::1]:8080"])
def test_names_of_this_machine_are_taken(host: str) -> None:
    assert guard().admit(asking(host=host)) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "[",
        "[::2]",
    ],
)
def test_a_name_rebound_to_this_machine_is_refused(host: str) -> None:
    with pytest.raises(Forbidden, match="not a name of this machine"):
        guard().admit(asking(host=host))


def test_behind_an_open_address_any_name_will_do() -> None:
    with_key = asking(host="voice.example.com", authorization=f"Bearer {KEYS[0]}")
    assert guard("0.0.0.0", KEYS).admit(with_key) is None


def test_ipv6_loopback_is_loopback() -> None:
    closed = guard("::1")
    assert closed.admit(asking(host="[::1]:8080")) is None
    with pytest.raises(Forbidden):
        closed.admit(asking(host="evil.example"))


PUBLIC = "https://voice.example.com"


def test_behind_a_proxy_the_public_name_and_origin_are_the_servers_own() -> None:
    proxied = guard(keys=KEYS, public_url=PUBLIC)
    key = {"authorization": f"Bearer {KEYS[0]}", "x_forwarded_for": "203.0.113.9"}
    assert proxied.admit(asking(host="voice.example.com"), needs_key=False) is None
    assert proxied.admit(asking(host="voice.example.com", origin=PUBLIC, **key)) is None
    assert proxied.admit(asking(host="127.0.0.1:8080", origin=PUBLIC, **key)) is None
    with pytest.raises(Forbidden, match=r"server\.public_url"):
        proxied.admit(asking(host="other.example.com", **key))
    with pytest.raises(Unauthorized):
        proxied.admit(asking(host="voice.example.com", origin=PUBLIC))


@pytest.mark.parametrize("name", ["x_forwarded_for", "x_forwarded_host", "forwarded"])
def test_a_server_without_keys_serves_no_proxy(name: str) -> None:
    with pytest.raises(Forbidden, match=r"server\.api_keys"):
        guard().admit(asking(**{name: "for=203.0.113.9"}))


def fetched(
    site: str, mode: str = "no-cors", dest: str = "image", method: str = "GET"
) -> HTTPConnection:
    """A request that a browser sent without an origin."""
    headers = {"host": "127.0.0.1:8080", "sec-fetch-site": site}
    headers |= {"sec-fetch-mode": mode, "sec-fetch-dest": dest}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "method": method, "headers": raw})


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_what_another_site_embeds_is_refused_without_an_origin(site: str) -> None:
    for asked in (
        fetched(site),
        fetched(site, "navigate", "iframe"),
        fetched(site, "navigate", "document", "POST"),
        fetched(site, "websocket", "websocket"),
    ):
        with pytest.raises(Forbidden, match="another site"):
            guard().admit(asked, needs_key=False)
    with pytest.raises(Forbidden, match="another site"):
        guard().admit(fetched(site, "navigate", "document"))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "same-origin"])
def test_a_link_to_the_page_may_be_followed(site: str) -> None:
    assert guard().admit(fetched(site, "navigate", "document"), needs_key=False) is None


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_the_own_page_fetches_what_it_wants(site: str) -> None:
    assert guard().admit(fetched(site)) is None
