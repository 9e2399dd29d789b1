"""Addresses of HTTP servers that come from outside, and which of them a list allows."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_CHARS: Final = 2_000
_PORTS: Final = {"http": 80, "https": 443}
_CLIMBS: Final = re.compile(r"(^|/)(\.|%2e){1,2}(/|$)|\\|%2f|%5c", re.IGNORECASE)
"""Parts of a path that servers read as another path than it looks like."""


def checked_address(url: str) -> SplitResult:
    """The parts of an http or https address.

    Raises:
        ValueError: it is none, carries a user name or a fragment, or its path goes up; the message
            says which, and not the address, which may hold a secret.
    """
    if len(url) > MAX_CHARS or not url.isprintable() or " " in url:
        raise ValueError(f"an address has at most {MAX_CHARS} characters, and no spaces")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("an address begins with https:// or http:// and a host")
    _ = parts.port  # raises ValueError where it is no number of a port
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address has no user name or password in it")
    if parts.fragment:
        raise ValueError("an address has no fragment (#)")
    if _CLIMBS.search(parts.path):
        raise ValueError("the path of an address has no '..', '.' or encoded slash")
    return parts


def is_below(parts: SplitResult, allowed: Iterable[str]) -> bool:
    """Whether an address is one of `allowed` or below one: scheme, host, port and path count."""
    return any(_is_below(parts, urlsplit(each)) for each in allowed)


def _is_below(parts: SplitResult, allowed: SplitResult) -> bool:
    if _origin(parts) != _origin(allowed):
        return False
    path = allowed.path.rstrip("/")
    return parts.path.rstrip("/") == path or parts.path.startswith(f"{path}/")


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    host = (parts.hostname or "").rstrip(".")
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme)
