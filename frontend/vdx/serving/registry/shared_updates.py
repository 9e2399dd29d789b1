"""Updates of models as several frontends know them, through the Redis of the registry.

The frontend that was asked for an update decides it and tells every change on the channel
`vdx:updates`; the others give the new version to the same share of their sessions and tell what
they saw of it. An update is a key that expires, `vdx:update:NAME`: where it is gone before the
update is over, the frontend that decides it has ended, and the old version serves. What a name
stands for is a key that stays, `vdx:version:NAME`.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pydantic import BaseModel

from vdx.core.errors import InvalidInput
from vdx.core.json_input import parse_json
from vdx.core.logs import logger
from vdx.core.masking import masked
from vdx.core.validation import validated
from vdx.serving.registry.redis_client import in_time, read_all, redis_client
from vdx.serving.registry.update_entry import UpdateEntry, UpdateFigures, VersionEntry

log = logger(__name__)

CHANNEL = "vdx:updates"
UPDATES = "vdx:update:"
VERSIONS = "vdx:version:"
RETRY_S = 1.0
SOONEST_S = 0.5
"""Between two messages of one kind: figures change with every request."""
BEATS = 3
"""Times an update is told within one expiry."""
GONE = "the frontend that tried it out has ended"

Entry = TypeVar("Entry", bound=BaseModel)
KINDS: dict[str, type[UpdateEntry | UpdateFigures]] = {
    "update": UpdateEntry,
    "figures": UpdateFigures,
}
"""Messages of the channel: an object with one of these keys."""


class SharedUpdates:
    """`run` talks to Redis; what is told meanwhile is sent once it answers.

    `heard` gets every update of another frontend, as often as it is told; `reported` what others
    saw of one that is decided here; `version` what a name stands for.
    """

    def __init__(self, url: str, password: str | None = None, *, expiry_s: float) -> None:
        """As `SharedRegistry`; raises ConfigError."""
        self._url = url
        self._redis = redis_client(url, password)
        self._expiry_s = expiry_s
        self._own: dict[str, UpdateEntry] = {}
        """Name -> its update that is decided here."""
        self._figures: dict[str, UpdateFigures] = {}
        self._versions: dict[str, VersionEntry] = {}
        """Name -> the highest entry that is known."""
        self._others: dict[str, tuple[UpdateEntry, float]] = {}
        """Name -> the update of another frontend that is under way, and when it was told."""
        self._due: set[str] = set()
        """Names whose own update or version has to be told."""
        self._changed = asyncio.Event()
        self._wrong: set[str] = set()
        """Keys that are no entries, each told once."""
        self._there: set[str] = set()
        """Keys read in this round."""
        self._told = False
        self.heard: Callable[[UpdateEntry], None] = lambda _: None
        self.reported: Callable[[UpdateFigures], None] = lambda _: None
        self.version: Callable[[VersionEntry], None] = lambda _: None

    # --- told here --------------------------------------------------------------------------

    def tell(self, entry: UpdateEntry) -> None:
        """Tells of an update that is decided here."""
        self._own[entry.name] = entry
        if entry.state == "promoted":
            self._keep(VersionEntry(name=entry.name, model=entry.new, revision=entry.revision))
        self._due.add(entry.name)
        self._changed.set()

    def report(self, figures: UpdateFigures) -> None:
        """Tells what was seen here of an update of another frontend."""
        self._figures[figures.id] = figures
        self._changed.set()

    def next_revision(self, name: str) -> int:
        """One above what is known of a name."""
        known = self._versions.get(name)
        return 1 + (known.revision if known is not None else 0)

    # --- Redis ------------------------------------------------------------------------------

    async def read(self) -> None:
        """Reads once what names stand for; where Redis does not answer nothing is read."""
        from redis.exceptions import RedisError

        try:
            await self._read_versions()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("versions of models not read from Redis", error=str(error))

    async def run(self) -> None:
        """Tells and listens until cancelled."""
        from redis.exceptions import RedisError

        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen(), name="hear-updates")
                    group.create_task(self._send(), name="tell-updates")
            except* (RedisError, OSError, TimeoutError) as failures:
                if not self._told:
                    error = failures.exceptions[0]
                    log.warning("updates not shared", url=masked(self._url), error=str(error))
                self._told = True
            await asyncio.sleep(RETRY_S)

    async def close(self) -> None:
        """Tells that what was decided here is over, after `run` has ended; ends the connections."""
        from redis.exceptions import RedisError

        for name, entry in self._own.items():
            if not entry.is_over:
                self._own[name] = entry.model_copy(update={"state": "rolled back", "why": GONE})
                self._due.add(name)
        try:
            await self._send_changes()
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("updates left to expire", error=str(error))
        await self._redis.aclose()

    async def _listen(self) -> None:
        async with self._redis.pubsub() as channel:
            await in_time(channel.subscribe(CHANNEL))
            self._wait_again()
            read_at = float("-inf")
            while True:
                if time.monotonic() - read_at > self._expiry_s / BEATS:
                    await self._read_versions()
                    await self._read_updates()
                    read_at, self._told = time.monotonic(), False
                message = await channel.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    self._take(message["data"])

    def _wait_again(self) -> None:
        """Nobody could tell anything while Redis was away."""
        now = time.monotonic()
        self._others = {name: (entry, now) for name, (entry, _) in self._others.items()}
        self._due |= self._own.keys() | self._versions.keys()
        self._changed.set()

    async def _read_versions(self) -> None:
        for name, text in await self._read(VERSIONS):
            if (entry := self._parsed(VersionEntry, text, name)) is not None:
                self._hear_version(entry)

    async def _read_updates(self) -> None:
        for name, text in await self._read(UPDATES):
            if (entry := self._parsed(UpdateEntry, text, name)) is not None:
                self._hear(entry)
        written = {UPDATES + name for name in self._own}
        written |= {VERSIONS + name for name in self._versions}
        self._wrong &= self._there | written | {CHANNEL}
        self._there = set()
        now = time.monotonic()
        for name, (entry, told) in list(self._others.items()):
            if now - told > self._expiry_s:
                del self._others[name]
                self.heard(entry.model_copy(update={"state": "rolled back", "why": GONE}))

    async def _read(self, prefix: str) -> list[tuple[str, bytes]]:
        found = []
        async for value in read_all(self._redis, prefix):
            self._there.add(value.key)
            if value.error:
                self._refuse(value.key, value.error)
            else:
                found.append((value.key, value.text))
        return found

    def _take(self, text: bytes) -> None:
        try:
            message = parse_json(text, "the message")
            kind = next(key for key in KINDS if isinstance(message, dict) and key in message)
            entry = validated(KINDS[kind], message[kind])
        except (InvalidInput, StopIteration) as error:
            self._refuse(CHANNEL, str(error) or "it is neither an update nor figures of one")
            return
        if isinstance(entry, UpdateEntry):
            self._hear(entry)
        else:
            self.reported(entry)

    def _hear(self, entry: UpdateEntry) -> None:
        own = self._own.get(entry.name)
        if own is not None and own.id == entry.id:
            return
        if own is not None and own.is_over and entry.name not in self._due:
            del self._own[entry.name]  # told again it would hide the one that came after it
        if entry.state == "promoted":
            self._hear_version(
                VersionEntry(name=entry.name, model=entry.new, revision=entry.revision)
            )
        if not entry.is_over:
            self._others[entry.name] = (entry, time.monotonic())
        elif (known := self._others.get(entry.name)) is not None and known[0].id == entry.id:
            del self._others[entry.name]
        self.heard(entry)

    def _hear_version(self, entry: VersionEntry) -> None:
        if self._keep(entry):
            self.version(entry)

    def _keep(self, entry: VersionEntry) -> bool:
        """Whether it is newer than what is known."""
        known = self._versions.get(entry.name)
        if known is not None and known.rank >= entry.rank:
            return False
        self._versions[entry.name] = entry
        return True

    def _parsed(self, kind: type[Entry], text: bytes, where: str) -> Entry | None:
        try:
            return validated(kind, parse_json(text, "the entry"))
        except InvalidInput as error:
            self._refuse(where, error.message)
            return None

    def _refuse(self, where: str, why: str) -> None:
        if where not in self._wrong:
            self._wrong.add(where)
            log.warning("update not read from Redis", key=where, why=why)

    async def _send(self) -> None:
        beat = self._expiry_s / BEATS
        told_at = time.monotonic()
        while True:
            self._changed.clear()
            await self._send_changes()
            with suppress(TimeoutError):
                async with asyncio.timeout(beat):
                    await self._changed.wait()
                    await asyncio.sleep(SOONEST_S)
            if time.monotonic() - told_at >= beat:  # before the key of one under way expires
                self._due |= {name for name, entry in self._own.items() if not entry.is_over}
                told_at = time.monotonic()

    async def _send_changes(self) -> None:
        for name in sorted(self._due):
            await self._send_version(name)
            if (entry := self._own.get(name)) is not None:
                await self._write(UPDATES + name, entry, expires=True)
                await self._publish("update", entry)
            if self._own.get(name) is entry:  # else it has changed meanwhile
                self._due.discard(name)
        for update, figures in list(self._figures.items()):
            await self._publish("figures", figures)
            if self._figures.get(update) is figures:
                del self._figures[update]

    async def _send_version(self, name: str) -> None:
        """Has Redis keep the highest entry: it may have forgotten it, or never been told."""
        if (known := self._versions.get(name)) is None:
            return
        text = await in_time(self._redis.get(VERSIONS + name))
        there = self._parsed(VersionEntry, text, VERSIONS + name) if text is not None else None
        if there is None or there.rank < known.rank:
            await self._write(VERSIONS + name, known, expires=False)

    async def _write(self, key: str, entry: BaseModel, *, expires: bool) -> None:
        from redis.exceptions import OutOfMemoryError

        expiry_ms = round(self._expiry_s * 1000) if expires else None
        try:
            await in_time(self._redis.set(key, entry.model_dump_json(), px=expiry_ms))
        except OutOfMemoryError as error:  # those that listen are told all the same
            self._refuse(key, f"not written: {error}")

    async def _publish(self, kind: str, entry: BaseModel) -> None:
        text = f'{{"{kind}": {entry.model_dump_json()}}}'
        await in_time(self._redis.publish(CHANNEL, text))
