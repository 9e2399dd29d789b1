"""Who may talk to the server: API keys, browser origins and host names."""

import hmac
import ipaddress
from urllib.parse import SplitResult, urlsplit

from starlette.requests import HTTPConnection

from frontend.core.config import ServerConfig
from frontend.core.errors import ConfigError, Forbidden, Unauthorized

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
        """Raises ConfigError when an open address would be served without a key."""
        self._keys = [key.get_secret_value().encode() for key in config.api_keys]
        self._origins = frozenset(config.allowed_origins)
        self._loopback = is_loopback(config.host)
        if not self._loopback and not self._keys:
            raise ConfigError(
                f"server.host {config.host!r} is reachable by others: set server.api_keys "
                "(or VDX_SERVER__API_KEYS) first, or bind 127.0.0.1 and use ssh -L"
            )

    def admit(self, connection: HTTPConnection, *, needs_key: bool = True) -> None:
        """Raises Unauthorized or Forbidden."""
        self._check_host(connection)
        self._check_origin(connection)
        if needs_key and self._keys:
            given = _key_of(connection).encode()
            if not any(hmac.compare_digest(given, key) for key in self._keys):
                raise Unauthorized("a valid API key is required: Authorization: Bearer KEY")

    def _check_host(self, connection: HTTPConnection) -> None:
        """A name that was re-bound to loopback by a foreign page is not ours."""
        name = _split(f"//{connection.headers.get('host', '')}").hostname or ""
        if self._loopback and not is_loopback(name):
            raise Forbidden(f"host {name!r} is not a name of this machine's loopback address")

    def _check_origin(self, connection: HTTPConnection) -> None:
        origin = connection.headers.get("origin")
        if origin is None or "*" in self._origins or origin in self._origins:
            return
        if _split(origin).netloc != connection.headers.get("host", ""):
            raise Forbidden(f"origin {origin!r} may not connect; add it to server.allowed_origins")


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
