"""Loads, unloads and watches the models of one Triton server.

Ready endpoints stay green over a dead model process, so every loaded model is probed by a tiny
real inference; one that does not answer is unloaded and loaded again. A server that went away
is waited for, and what was loaded before is loaded again.
"""

import asyncio
import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from frontend.core.config import AsrConfig
from frontend.core.errors import (
    InvalidInput,
    ModelBusy,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
    UnknownName,
)
from frontend.core.logs import logger
from frontend.serving.models import KIND_NAMES, ModelInfo, ModelKind, ModelState
from frontend.serving.triton import TritonClient

log = logger(__name__)

PARALLEL_LOADS = 2
SERVER_POLL_S = 0.25
FAILED_PROBES = 2
"""Probes that must fail in a row before a model is reloaded; one may just be slow."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model of the repository; `info` is known once it was loaded."""

    name: str
    state: str
    reason: str
    info: ModelInfo | None


class ModelManager:
    """The only one that loads and unloads; calls are safe from any task of its loop."""

    def __init__(self, client: TritonClient) -> None:
        self._client = client
        self._infos: dict[str, ModelInfo] = {}
        self._wanted: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(PARALLEL_LOADS)
        self._failures: dict[str, int] = {}
        self._look = asyncio.Event()

    @property
    def wanted(self) -> frozenset[str]:
        """Models that are to be resident."""
        return frozenset(self._wanted)

    def info(self, name: str) -> ModelInfo | None:
        """What is known of a loaded model."""
        return self._infos.get(name)

    def calibrated(self, name: str) -> bool:
        """Whether a recogniser's words alone may confirm an interruption."""
        info = self._infos.get(name)
        return info is not None and info.can("calibrated_confidence")

    def suspect(self) -> None:
        """A request failed: look at the models now instead of at the next probe."""
        self._look.set()

    async def wait_for_server(self, tell: Callable[[str], None]) -> None:
        """Returns when Triton is ready; says once that it is waiting."""
        told = False
        while not await self._client.is_ready():
            if not told:
                tell(f"waiting for Triton at {self._client.config.url}")
                told = True
            await asyncio.sleep(SERVER_POLL_S)

    async def ensure(
        self, name: str, kind: ModelKind | None = None, language: str = ""
    ) -> ModelInfo:
        """Loads `name` unless it is ready; `kind` and `language` say what it is wanted for.

        Raises:
            UnknownName: the repository has no such model.
            InvalidInput: the model is of another kind, or lacks the language.
            TritonError: it could not be loaded.
        """
        info = self._infos.get(name) or await self._load(name)
        if kind is not None and info.kind != kind:
            wanted, given = KIND_NAMES[kind], KIND_NAMES[info.kind]
            raise InvalidInput(f"model {name!r} is a {given}, not a {wanted}", param=wanted)
        info.require_language(language)
        return info

    async def _load(self, name: str) -> ModelInfo:
        await self._require(name)
        async with self._locks.setdefault(name, asyncio.Lock()):
            if (info := self._infos.get(name)) is not None:
                return info
            # One that is UNLOADING, because somebody still hears it, gets a new instance.
            if not (await self._states())[name].ready:
                async with self._slots:
                    log.debug("loading model", model=name)
                    await self._client.load(name)
            self._infos[name] = info = await self._client.describe(name)
            self._wanted.add(name)
            return info

    async def unload(self, name: str) -> None:
        """Unloads `name`; what it is saying now is finished, new requests fail.

        Raises:
            UnknownName: the repository has no such model.
        """
        await self._require(name)
        self._forget(name)
        # A load or reload under way would bring it back: what was asked for last counts.
        async with self._locks.setdefault(name, asyncio.Lock()):
            self._forget(name)
            await self._client.unload(name)

    def _forget(self, name: str) -> None:
        self._wanted.discard(name)
        self._infos.pop(name, None)
        self._failures.pop(name, None)

    async def _require(self, name: str) -> None:
        names = await self._states()
        if name not in names:
            raise _unknown(name, names)

    async def _states(self) -> dict[str, ModelState]:
        return {state.name: state for state in await self._client.index()}

    async def statuses(self) -> list[ModelStatus]:
        """Every model of the repository, by name."""
        return [
            ModelStatus(state.name, state.state, state.reason, self._infos.get(state.name))
            for state in await self._client.index()
        ]

    async def pick_recogniser(self, asr: AsrConfig) -> str:
        """The model the `asr` section means: `adapter[-model_size][-language]`.

        Raises:
            UnknownName: the repository has none of the names that would do.
        """
        names = [state.name for state in await self._client.index()]
        language = asr.language.split("-")[0]
        wanted = [
            "-".join(part for part in parts if part)
            for parts in (
                (asr.adapter, asr.model_size, language),
                (asr.adapter, asr.model_size),
                (asr.adapter,),
            )
        ]
        for name in wanted:
            if name in names:
                return name
        raise _unknown(wanted[0], names)

    async def run(self) -> None:
        """Watches until cancelled."""
        interval = self._client.config.probe_interval_ms / 1000
        while True:
            try:
                async with asyncio.timeout(interval):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()
            if not await self._client.is_ready():
                await self._server_lost()
            for name in sorted(self._wanted):
                await self._check(name)

    async def _server_lost(self) -> None:
        log.warning("Triton does not answer; waiting for it")
        # Whether it was restarted or only slow, the probes that follow tell what to load again.
        await self.wait_for_server(lambda _: None)

    async def _check(self, name: str) -> None:
        info = self._infos.get(name)
        if info is None:
            return
        try:
            await self._client.probe(info)
        except (ModelBusy, TritonUnavailable):
            return  # busy is alive; a server that is gone is noticed by the next round
        except ModelUnavailable as error:
            log.warning("model is gone", model=name, error=str(error))
            await self._reload(name)
        except TritonError as error:
            self._failures[name] = self._failures.get(name, 0) + 1
            log.warning("probe failed", model=name, error=str(error))
            if self._failures[name] >= FAILED_PROBES:
                await self._reload(name)
        else:
            self._failures.pop(name, None)

    async def _reload(self, name: str) -> None:
        """Unload and load: a crashed model process is never restarted by Triton itself.

        A dead one may stay UNLOADING for ever, and nothing it held is worth waiting for.
        """
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name not in self._wanted:
                return
            log.info("reloading model", model=name)
            try:
                await self._client.unload(name)
                await self._client.load(name)
            except TritonError as error:
                log.warning("reload failed", model=name, error=str(error))
                return
            self._failures.pop(name, None)


def _unknown(name: str, known: Iterable[str]) -> UnknownName:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return UnknownName(
        f"there is no model {name!r}{hint} (there are: {', '.join(names)})", param="model"
    )
