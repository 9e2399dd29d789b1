"""The registry of several processes: a Redis server, of which the last known view is kept.

Each server is a key that expires, `vdx:server:NAME`, which is read at the start and at intervals
and counts where it was written again since; what changes is told on the channel `vdx:servers` too.
Both hold the JSON of `entry.py`. While Redis cannot be reached nothing expires; when it is back
every process announces its servers again.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable

from vdx.core.errors import ConfigError, InvalidInput, RegistryUnavailable
from vdx.core.json_input import parse_json
from vdx.core.logs import logger
from vdx.core.masking import masked
from vdx.core.validation import validated
from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.memory import MemoryRegistry
from vdx.serving.registry.redis_client import in_time, read_all, redis_client
from vdx.serving.registry.renewals import Renewals
from vdx.serving.registry.view import View

log = logger(__name__)

KEYS = "vdx:server:"
CHANNEL = "vdx:servers"
RETRY_S = 1.0
SOONEST_S = 0.5
"""Between two announcements of what changes all the time, as the requests in flight do."""
MOST_VALUES = 100_000
"""Of one announcement: a model takes about fifty, one of a hundred languages more."""
BEATS = 3
"""Announcements within one expiry."""
LOOKS = 2
"""At all keys within one expiry: fewer than BEATS, so that each finds what lives written again."""


class SharedRegistry:
    """Implements `Registry`; `run` talks to Redis, everything else to what it last said."""

    def __init__(
        self,
        url: str,
        password: str | None = None,
        *,
        expiry_s: float,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """`url` is redis://HOST:PORT, rediss://… or unix:PATH; raises ConfigError for any other.

        `clock` is the caller's, that of the event loop by default.
        """
        self.url = url
        self._redis = redis_client(url, password)
        self._memory = MemoryRegistry(expiry_s)
        self._expiry_s = expiry_s
        self._clock = clock or _loop_time
        self._own: dict[str, ServerEntry] = {}
        self._sent: dict[str, tuple[ServerEntry, float]] = {}
        self._withdrawn: dict[str, ServerEntry] = {}
        self._changed = asyncio.Event()
        self._wrong: set[str] = set()
        """Keys that are no announcements, each told once."""
        self._renewals = Renewals(expiry_s / BEATS / 2)
        self._faults: dict[str, str] = {}
        """What cannot be done now, `announce` or `listen` -> the kind of error that was told."""
        self.connected = False

    # --- what `Registry` promises -------------------------------------------------------------

    def announce(self, server: ServerEntry, now: float) -> None:
        """See `Registry`; it is sent soon."""
        self._memory.announce(server, now)
        if self._own.get(server.name) != server:
            self._own[server.name] = server
            self._changed.set()

    def hear(self, server: ServerEntry, now: float) -> None:
        """See `Registry`."""
        self._memory.announce(server, now)

    def answered(self, name: str, now: float) -> None:
        """See `Registry`."""
        self._memory.answered(name, now)

    def leave(self, name: str) -> None:
        """See `Registry`; where it is one of this process the others are told."""
        if (entry := self._own.pop(name, None)) is not None:
            self._withdrawn[name] = entry
            self._changed.set()
        self._sent.pop(name, None)
        self._memory.leave(name)

    def view(self, now: float) -> View:
        """See `Registry`."""
        if not self.connected:
            self._memory.keep(now)
        return self._memory.view(now)

    def age_s(self, name: str, now: float) -> float:
        """See `Registry`."""
        return self._memory.age_s(name, now)

    # --- Redis --------------------------------------------------------------------------------

    async def check(self) -> None:
        """Asks Redis once.

        Raises:
            ConfigError: it refuses the password.
            RegistryUnavailable: it does not answer.
        """
        from redis.exceptions import AuthenticationError, RedisError, ResponseError

        try:
            await in_time(self._redis.get(KEYS))
        except (AuthenticationError, ResponseError) as error:
            raise ConfigError(
                f"configuration key registry.password: refused by {masked(self.url)}: {error}"
            ) from None
        except (RedisError, OSError, TimeoutError) as error:
            raise RegistryUnavailable(
                f"no Redis answers at {masked(self.url)}: {error}; calls go on with what is known"
            ) from None

    async def run(self) -> None:
        """Announces and listens until cancelled; then the keys of this process are removed."""
        try:
            async with asyncio.TaskGroup() as group:
                for work, step in (("listen", self._listen), ("announce", self._tell)):
                    group.create_task(self._repeated(work, step), name=f"registry-{work}")
        finally:
            await self._say_goodbye()

    async def _repeated(self, work: str, step: Callable[[], Awaitable[None]]) -> None:
        """Runs a step that ends only with the connection, and again when that is back."""
        from redis.exceptions import RedisError

        while True:
            try:
                await step()
            except (RedisError, OSError, TimeoutError) as error:
                self._lost(work, error)
            await asyncio.sleep(RETRY_S)

    def _lost(self, work: str, error: Exception) -> None:
        kind = type(error).__name__
        is_told = kind in self._faults.values()
        self._faults[work] = kind
        if not is_told:
            log.warning(
                "Redis does not take part; the last known servers are kept",
                url=masked(self.url),
                error=f"{kind}: {error}",
            )
        self.connected = False
        self._sent.clear()  # when it is back everything is announced again

    def _back(self, work: str) -> None:
        """Redis does this work; connected is who can do both."""
        was_lost = self._faults.pop(work, "")
        if self.connected or self._faults:
            return
        self._memory.keep(self._clock())  # the others have so long to announce themselves
        if was_lost:
            log.info("Redis answers again", url=masked(self.url))
        self.connected = True
        self._changed.set()

    async def _listen(self) -> None:
        """Reads all keys, then what is told on the channel, and all keys again at intervals."""
        async with self._redis.pubsub() as channel:
            await in_time(channel.subscribe(CHANNEL))
            await self._read_keys()
            self._back("listen")
            read_at = _loop_time()
            while True:
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    self._take(message["data"], CHANNEL, self._expiry_s)
                if _loop_time() - read_at > self._expiry_s / LOOKS:
                    await self._read_keys()
                    read_at = _loop_time()

    async def _read_keys(self) -> None:
        kept = {CHANNEL, *(KEYS + name for name in self._own)}
        async for value in read_all(self._redis, KEYS):
            kept.add(value.key)
            if value.error:
                self._refuse(value.key, value.error)
                continue
            left_s = value.left_ms / 1000 if value.left_ms >= 0 else math.inf
            if self._renewals.is_renewed(value.key, value.text, self._clock() + left_s):
                # To the look after the next: where the clock of Redis went back it ends too late.
                self._take(value.text, value.key, min(left_s, 2 * self._expiry_s))
        self._wrong &= kept
        self._renewals.keep(kept)

    def _take(self, text: bytes, where: str, expiry_s: float) -> None:
        try:
            entry = validated(ServerEntry, parse_json(text, "the entry", max_values=MOST_VALUES))
        except InvalidInput as error:
            self._refuse(where, error.message)
            return
        if (own := self._own.get(entry.name)) is not None:
            if own.addr != entry.addr:
                self._refuse(where, f"another server is called {entry.name!r}: set registry.name")
            return
        if entry.models or not entry.draining:
            self._memory.announce(entry, self._clock(), expiry_s)
        else:
            self._memory.leave(entry.name)  # it said goodbye

    def _refuse(self, where: str, why: str) -> None:
        if where not in self._wrong:
            self._wrong.add(where)
            log.warning("no announcement of a model server", key=where, why=why)

    async def _tell(self) -> None:
        """Announces what changed, and everything before its key expires."""
        while True:
            self._changed.clear()
            for name, entry in list(self._withdrawn.items()):
                await self._withdraw(name, entry)
                self._withdrawn.pop(name, None)
            for entry in list(self._own.values()):
                if self._is_due(entry):
                    await self._send(entry)
            # A frontend may have nothing to announce: it, too, has to notice a Redis that is gone.
            await in_time(self._redis.ping())
            self._back("announce")
            try:
                async with asyncio.timeout(self._expiry_s / BEATS):
                    await self._changed.wait()
                    await asyncio.sleep(SOONEST_S)
            except TimeoutError:
                pass

    def _is_due(self, entry: ServerEntry) -> bool:
        sent, at = self._sent.get(entry.name, (None, 0.0))
        return sent != entry or _loop_time() - at >= self._expiry_s / BEATS

    async def _send(self, entry: ServerEntry) -> None:
        from redis.exceptions import OutOfMemoryError

        text = entry.model_dump_json()
        try:
            await in_time(self._redis.set(KEYS + entry.name, text, px=round(self._expiry_s * 1000)))
        except OutOfMemoryError as error:  # those that listen are told all the same
            self._refuse(KEYS + entry.name, f"not written: {error}")
        await in_time(self._redis.publish(CHANNEL, text))
        self._sent[entry.name] = (entry, _loop_time())

    async def _withdraw(self, name: str, entry: ServerEntry) -> None:
        gone = entry.model_copy(update={"models": {}, "draining": True})
        await in_time(self._redis.delete(KEYS + name))
        await in_time(self._redis.publish(CHANNEL, gone.model_dump_json()))

    async def _say_goodbye(self) -> None:
        from redis.exceptions import RedisError

        try:
            for name, entry in self._own.items():
                await self._withdraw(name, entry)
            await self._redis.aclose()
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("keys left to expire", error=str(error))


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
