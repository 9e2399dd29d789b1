"""The keys that a server takes: those of its settings, and those of its file, read again.

Limits are counted in this process alone. Own code: what rate-limiting libraries add, storage that
processes share and windows of many kinds, is not needed for a token bucket and two counters.
"""

import asyncio
import hmac
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vdx.core.api_keys import StoredKey, digest, read_keys
from vdx.core.errors import ConfigError, RateLimited, SessionLimit, Unauthorized
from vdx.core.logs import logger
from vdx.core.threads import in_thread

log = logger(__name__)

LOOK_S: Final = 1.0
"""How often the file is looked at."""
DAY_S: Final = 86_400


@dataclass(slots=True)
class _Use:
    """What one key of the file has used; `tokens` requests are left of the minute."""

    tokens: float
    filled_at: float
    day: int = 0
    today: int = 0


@dataclass(slots=True)
class KnownKeys:
    """`fixed` come from the settings and may do everything; `clock` is in seconds."""

    fixed: tuple[str, ...]
    file: Path | None
    clock: Callable[[], float] = time.monotonic
    _stored: dict[str, StoredKey] = field(default_factory=dict)
    _uses: dict[str, _Use] = field(default_factory=dict)
    _open: Counter[str] = field(default_factory=Counter)
    _seen: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raises ConfigError where the file cannot be read."""
        if self.file is not None:
            self._take(self.file)

    @property
    def needed(self) -> bool:
        """Whether a request needs a key: also where the file holds none any more."""
        return bool(self.fixed) or self.file is not None

    def is_fixed(self, key: str) -> bool:
        """Whether it is a key of the settings, which may do everything."""
        given = key.encode()
        return any(hmac.compare_digest(given, fixed.encode()) for fixed in self.fixed)

    def find(self, key: str) -> StoredKey | None:
        """The key of the file that was given; None where it is not known."""
        # A lookup by hash tells by its time nothing that leads to a key.
        return self._stored.get(digest(key))

    def as_it_is(self, key: StoredKey) -> StoredKey | None:
        """What the file now says of a key; None where it has it no more."""
        return self._stored.get(key.sha256)

    def spend(self, key: StoredKey) -> None:
        """Counts a request; raises RateLimited where the key has used up its limits."""
        if not (key.requests_per_minute or key.requests_per_day):
            return
        now = self.clock()
        use = self._uses.setdefault(key.sha256, _Use(key.requests_per_minute, now))
        if use.day != (day := int(now // DAY_S)):
            use.day, use.today = day, 0
        if key.requests_per_day and use.today >= key.requests_per_day:
            left = DAY_S - int(now % DAY_S)
            raise RateLimited(
                f"this key may make {key.requests_per_day} requests a day", retry_after_s=left
            )
        if per_minute := key.requests_per_minute:
            gained = (now - use.filled_at) * per_minute / 60
            use.tokens, use.filled_at = min(per_minute, use.tokens + gained), now
            if use.tokens < 1:
                wait_s = int((1 - use.tokens) * 60 / per_minute) + 1
                raise RateLimited(
                    f"this key may make {per_minute} requests a minute", retry_after_s=wait_s
                )
            use.tokens -= 1
        use.today += 1

    @contextmanager
    def session(self, key: StoredKey | None) -> Iterator[None]:
        """Counts an open session; raises SessionLimit where the key has as many as it may."""
        if key is None or not key.sessions:
            yield
            return
        if self._open[key.sha256] >= key.sessions:
            raise SessionLimit(f"this key may hold {key.sessions} sessions at once")
        self._open[key.sha256] += 1
        try:
            yield
        finally:
            self._open[key.sha256] -= 1

    @contextmanager
    def session_of(self, sha256: str) -> Iterator[None]:
        """As `session`, by the hash of a key, as the job of a room names it; empty: of none.

        Raises Unauthorized where the file has the key no more. Without a file none is known: the
        server that gave the room's token has checked it.
        """
        key = self._stored.get(sha256)
        if sha256 and key is None and self.file is not None:
            raise Unauthorized("the key that this room was asked for with is not valid any more")
        with self.session(key):
            yield

    async def watch(self) -> None:
        """Reads the file again whenever it has changed, until cancelled.

        What cannot be read changes nothing, and is logged.
        """
        if self.file is None:
            return
        while True:
            await asyncio.sleep(LOOK_S)
            await in_thread(self.look)

    def look(self) -> None:
        """Reads the file again if it has changed."""
        if self.file is None:
            return
        try:
            changed = self._take(self.file)
        except ConfigError as error:
            log.warning("keys stay as they were", error=error.for_log)
        else:
            if changed:
                log.info("keys read again", count=len(self._stored))

    def _take(self, file: Path) -> bool:
        try:
            found = file.stat()
        except OSError:
            seen: tuple[int, ...] = (0,)
        else:
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen == self._seen:
            return False
        self._seen = seen
        # Replaced as a whole: a request on the event loop sees the old keys or the new ones.
        self._stored = {key.sha256: key for key in read_keys(file).keys}
        # Runs in a thread: what the event loop adds to meanwhile is not gone through.
        self._uses = {name: self._uses[name] for name in self._stored if name in self._uses}
        return True
