"""Short-lived keys for browsers: each opens Realtime sockets until it expires, and nothing else."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from vdx.core.api_keys import StoredKey
from vdx.core.errors import SessionLimit

PREFIX: Final = "ek_"
MOST: Final = 10_000
"""Valid at once."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """`session` is the protocol's session object that a socket begins with; times in seconds.

    `key` is the key of the file that it was made with: what the file says of it holds for the
    secret too.
    """

    value: str
    expires_at: float
    session: dict[str, Any]
    key: StoredKey | None = None


class ClientSecrets:
    """Those of one process, in memory: they end with it."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._valid: OrderedDict[str, ClientSecret] = OrderedDict()

    def create(
        self, session: dict[str, Any], seconds: float, key: StoredKey | None = None
    ) -> ClientSecret:
        """A new one; raises SessionLimit where MOST are valid already."""
        now = self._clock()
        for value in [v for v, found in self._valid.items() if found.expires_at <= now]:
            del self._valid[value]
        if len(self._valid) >= MOST:
            raise SessionLimit(f"{MOST} client secrets are valid already; try again later")
        value = PREFIX + secrets.token_urlsafe(32)
        made = self._valid[value] = ClientSecret(value, now + seconds, session, key)
        return made

    def find(self, value: str) -> ClientSecret | None:
        """The secret of this value, unless it has expired or never was."""
        found = self._valid.get(value)
        return found if found is not None and found.expires_at > self._clock() else None
