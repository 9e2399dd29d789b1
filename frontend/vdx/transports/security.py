"""Who may talk to the server: API keys, browser origins and host names.

Behind a proxy, `server.public_url` names what people use; its host and its origin are then the
server's own. Keys are compared in constant time.
"""

import ipaddress
from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

from starlette.requests import HTTPConnection

from vdx.core.api_keys import Scope, StoredKey
from vdx.core.config import ServerConfig
from vdx.core.errors import ConfigError, Forbidden, Unauthorized
from vdx.transports.client_secrets import ClientSecret, ClientSecrets
from vdx.transports.known_keys import KnownKeys

PROXY_HEADERS = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded")
KEY_NAME = "vdx.key"
"""In a request's scope: the name of the key that it came with."""
KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""How a browser, which cannot set headers on a WebSocket, carries its key."""


def is_loopback(host: str) -> bool:
    """Whether a bind address or host name reaches this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Checks every request and socket before anything of it is read."""

    def __init__(self, config: ServerConfig) -> None:
        """Raises ConfigError when an open address would be served without a key.

        So does a file of keys that cannot be read.
        """
        fixed = tuple(key.get_secret_value() for key in config.api_keys)
        self.keys = KnownKeys(fixed, config.api_keys_file)
        self.secrets = ClientSecrets()
        self._loopback = is_loopback(config.host)
        self._public_host = urlsplit(config.public_url).hostname
        self._any_origin = "*" in config.allowed_origins
        self._origins = {*config.allowed_origins, *filter(None, [config.public_url])}
        if not self._loopback and not self.keys.needed:
            raise ConfigError(
                f"server.host {config.host!r} is reachable by others: set server.api_keys "
                "(or VDX_SERVER__API_KEYS) or server.api_keys_file first, or bind 127.0.0.1 and "
                "use ssh -L"
            )

    def secret_of(self, connection: HTTPConnection) -> ClientSecret | None:
        """The client secret that a connection was opened with, if it is valid."""
        found = self.secrets.find(_key_of(connection))
        if found is None or found.key is None:
            return found
        key = self.keys.as_it_is(found.key)
        return None if key is None else replace(found, key=key)

    def stored_key(self, connection: HTTPConnection) -> StoredKey | None:
        """The key of the file that a connection came with, if it did."""
        return self.keys.find(_key_of(connection))

    def admit(
        self,
        connection: HTTPConnection,
        scope: Scope | None = None,
        *,
        needs_key: bool = True,
        secrets: bool = False,
    ) -> StoredKey | None:
        """The key of the file that lets the connection in; None where it needs no such key.

        `scope` is what the key must be for; None: any key will do. `secrets`: a client secret does
        as well as a key. Raises Unauthorized, Forbidden, or RateLimited.
        """
        self._check_host(connection)
        self._check_proxy(connection)
        self._check_origin(connection, may_be_opened=not needs_key)
        if not needs_key or not self.keys.needed:
            return None
        given = _key_of(connection)
        if self.keys.is_fixed(given):
            return None
        secret = self.secret_of(connection) if secrets else None
        if secret is not None and secret.key is None:
            return None
        key = secret.key if secret is not None else self.keys.find(given)
        if key is None:
            raise Unauthorized("a valid API key is required: Authorization: Bearer KEY")
        if scope is not None and scope not in key.scopes:
            raise Forbidden(f"this key may {', '.join(key.scopes)}, and not {scope}")
        self.keys.spend(key)
        connection.scope[KEY_NAME] = key.name
        return key

    def _check_host(self, connection: HTTPConnection) -> None:
        """A name that was re-bound to loopback by a foreign page is not ours."""
        name = _split(f"//{connection.headers.get('host', '')}").hostname or ""
        if not self._loopback or is_loopback(name) or (name and name == self._public_host):
            return
        raise Forbidden(
            f"host {name!r} is not a name of this machine's loopback address; behind a proxy, "
            "set server.public_url"
        )

    def _check_proxy(self, connection: HTTPConnection) -> None:
        """What comes through a proxy may come from anybody, whatever Host it was given."""
        if not self.keys.needed and any(name in connection.headers for name in PROXY_HEADERS):
            raise Forbidden(
                "this request came through a proxy, and this server has no API keys: set "
                "server.public_url and server.api_keys"
            )

    def _check_origin(self, connection: HTTPConnection, *, may_be_opened: bool) -> None:
        """The page that asks must be ours, or one that was allowed."""
        if self._any_origin:
            return
        origin = connection.headers.get("origin")
        if origin is None:
            self._check_fetch(connection, may_be_opened=may_be_opened)
        elif origin not in self._origins and not _is_own(origin, connection):
            raise Forbidden(f"origin {origin!r} may not connect; add it to server.allowed_origins")

    def _check_fetch(self, connection: HTTPConnection, *, may_be_opened: bool) -> None:
        """Browsers send no Origin with images, scripts and links, but say what asks.

        A person may follow a link to what needs no key; other pages embed and fetch nothing.
        """
        headers = connection.headers
        if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
            return
        is_link = (
            headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
            and connection.scope.get("method") in {"GET", "HEAD"}
        )
        if not (is_link and may_be_opened):
            raise Forbidden("a page of another site may not ask for this")


def _is_own(origin: str, connection: HTTPConnection) -> bool:
    return _split(origin).netloc == connection.headers.get("host", "")


def _split(url: str) -> SplitResult:
    """The parts of a URL; none where it is not one, which then matches nothing."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _key_of(connection: HTTPConnection) -> str:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for protocol in connection.scope.get("subprotocols", []):
        if protocol.startswith(KEY_SUBPROTOCOL):
            return str(protocol.removeprefix(KEY_SUBPROTOCOL))
    return ""
