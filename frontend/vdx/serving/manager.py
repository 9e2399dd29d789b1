"""Loads and unloads the models of one Triton server.

`serving/recovery.py` probes what is loaded. When the server ends and is back, what was loaded
before is loaded again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from vdx.core.errors import ModelUnavailable, TritonError
from vdx.core.logs import logger
from vdx.core.masking import masked
from vdx.serving.child_models import UnusedChildModels
from vdx.serving.model_names import (
    find_model,
    require_kind,
    unknown_model,
)
from vdx.serving.models import ModelInfo, ModelKind, ModelState
from vdx.serving.recovery import LEFT_S, Recovery
from vdx.serving.triton import TritonClient

log = logger(__name__)

PARALLEL_LOADS = 2
SERVER_POLL_S = 0.25
FINISH_S = 15.0
"""How long an unload waits for clauses and utterances in progress."""
RELOAD_WAIT_S = 10.0
"""How long a request waits for a model that is being reloaded."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model of the repository.

    `info` comes from Triton once the model was loaded, before that from its files on this machine;
    None where neither is known.
    """

    name: str
    state: str
    reason: str
    info: ModelInfo | None


ReadModels = Callable[[], Awaitable[Mapping[str, ModelInfo]]]
"""Describes the models whose files are on this machine, loaded or not."""


async def _none_here() -> Mapping[str, ModelInfo]:
    return {}


class ModelManager:
    """The only class that loads and unloads models; call it from any task of its event loop."""

    def __init__(self, client: TritonClient, read_models: ReadModels = _none_here) -> None:
        self._client = client
        self._read_models = read_models
        self._infos: dict[str, ModelInfo] = {}
        self._wanted: set[str] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(PARALLEL_LOADS)
        self._unused_children = UnusedChildModels()
        self.recovery = Recovery(client, self)

    @property
    def wanted(self) -> frozenset[str]:
        """Models that are to stay loaded."""
        return frozenset(self._wanted)

    def info(self, name: str) -> ModelInfo | None:
        """What is known of a loaded model."""
        return self._infos.get(name)

    def can(self, name: str, capability: str) -> bool:
        """Whether a loaded model has a capability (`serving/models.py` `CAPABILITIES`)."""
        info = self._infos.get(name)
        return info is not None and info.can(capability)

    def lock(self, name: str) -> asyncio.Lock:
        """The lock held while `name` is loaded, unloaded or reloaded."""
        return self._locks.setdefault(name, asyncio.Lock())

    async def wait_for_server(self, tell: Callable[[str], None]) -> None:
        """Returns when Triton is ready; calls `tell` once if it has to wait."""
        told = False
        while not await self._client.is_ready():
            if not told:
                tell(f"waiting for Triton at {masked(self._client.config.url)}")
                told = True
            await asyncio.sleep(SERVER_POLL_S)

    async def ensure(
        self, name: str, kind: ModelKind | None = None, language: str = ""
    ) -> ModelInfo:
        """Loads `name` unless it is ready; checks its `kind` and `language`.

        Raises:
            UnknownName: the repository has no such model.
            InvalidInput: the model is of another kind, or lacks the language.
            TritonError: it could not be loaded.
        """
        info = self._infos.get(name)
        if info is None:
            info = await self._load(name, kind)
        elif not self.recovery.alive(name):
            await self._reloaded(name)
        require_kind(info, kind)
        info.require_language(language)
        return info

    async def _load(self, name: str, kind: ModelKind | None) -> ModelInfo:
        await self.resolve(name, kind)
        async with self.lock(name):
            if (info := self._infos.get(name)) is not None:
                return info
            # One that is UNLOADING, because somebody still hears it, gets a new instance.
            if not (await self._states())[name].ready:
                async with self._slots:
                    await self._load_now(name)
            self._infos[name] = info = await self._client.describe(name)
            self._wanted.add(name)
            self.recovery.follow_wanted()
            return info

    async def _load_now(self, name: str) -> None:
        began = time.monotonic()
        log.debug("loading model", model=name)
        try:
            await self._client.load(name)
        except TritonError as error:
            log.warning("model did not load", model=name, error=str(error))
            raise
        log.info("model loaded", model=name, ms=round((time.monotonic() - began) * 1000))

    async def _reloaded(self, name: str) -> None:
        if not await self.recovery.restored(name, RELOAD_WAIT_S):
            raise ModelUnavailable(f"{name} is being loaded again", model=name)

    async def unload(self, name: str) -> None:
        """Unloads `name` after its clauses and utterances in progress; new requests fail at once.

        What is not finished within FINISH_S is failed first: no stream of this client is open then.

        Raises:
            UnknownName: the repository has no such model.
        """
        await self.resolve(name)
        self._forget(name)
        # A load or reload under way would bring it back: what was asked for last counts.
        async with self.lock(name):
            self._forget(name)
            with self._client.streams.held(name):
                if not await self._client.streams.ended(name, FINISH_S):
                    gone = ModelUnavailable(f"{name} is unloaded", model=name)
                    self._client.streams.fail(name, gone)
                    await self._client.streams.ended(name, LEFT_S)
                await self._client.unload(name)
            log.info("model unloaded", model=name)

    def _forget(self, name: str) -> None:
        self._wanted.discard(name)
        self._infos.pop(name, None)

    async def resolve(self, name: str, kind: ModelKind | None = None, language: str = "") -> str:
        """The name in full of the model that `name` means; see `serving/model_names.py`.

        Raises:
            UnknownName: the repository has none; the message suggests the nearest name of its kind.
        """
        if name in self._infos:
            return name
        names = await self._states()
        if (found := find_model(name, names, language)) is None:
            raise unknown_model(name, kind, names, await self._known())
        return found

    async def _known(self) -> Mapping[str, ModelInfo]:
        return {**await self._read_models(), **self._infos}

    async def _states(self) -> dict[str, ModelState]:
        return {state.name: state for state in await self._client.index()}

    async def statuses(self) -> list[ModelStatus]:
        """Every model of the repository, by name."""
        known = await self._known()
        return [
            ModelStatus(state.name, state.state, state.reason, known.get(state.name))
            for state in await self._client.index()
        ]

    async def is_loaded(self, name: str) -> bool:
        """Whether Triton has `name` ready, also when another client loaded it."""
        state = (await self._states()).get(name)
        return state is not None and state.ready

    async def names(self) -> list[str]:
        """Every model of the repository, loaded or not."""
        return list(await self._states())

    async def run(self) -> None:
        """Probes models and Triton until cancelled."""
        await self.recovery.run(self._look_after_server)

    async def _look_after_server(self) -> None:
        if not await self._client.is_ready():
            await self._server_lost()
        await self._sweep()

    async def _server_lost(self) -> None:
        log.warning("Triton does not answer; waiting for it")
        # Whether it was restarted or only slow, the probes that follow tell what to load again.
        await self.wait_for_server(lambda _: None)

    async def _sweep(self) -> None:
        """Unloads the child models that a crashed model process left loaded."""
        try:
            children = await self._client.children()
            states = {state.name: state.state for state in await self._client.index()}
            now = asyncio.get_running_loop().time()
            for name in self._unused_children.find(children, states, now):
                log.info("unloading an unused child model", model=name)
                await self._client.unload(name)
        except TritonError as error:
            log.warning("unused child models not listed", error=str(error))
