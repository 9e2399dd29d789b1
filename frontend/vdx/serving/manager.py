"""Loads and unloads the models of one Triton server.

What may be loaded and what has to go is decided by `serving/residency.py`. `serving/recovery.py`
probes what is loaded. When the server ends and is back, what was loaded before is loaded again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress

from vdx.core.config import ModelManagerConfig
from vdx.core.errors import LoadRefused, ModelUnavailable, TritonError
from vdx.core.logs import logger
from vdx.core.masking import masked
from vdx.core.metrics import (
    MODEL_EVICTIONS,
    MODEL_LOAD_SECONDS,
    MODEL_LOADS_REFUSED,
    MODEL_LOADS_WAITING,
    MODEL_UNLOAD_SECONDS,
)
from vdx.core.threads import in_thread
from vdx.serving.held_leases import HeldLeases
from vdx.serving.managed_models import ManagedModels
from vdx.serving.model_control import ModelControl, RemoteControl, TritonControl
from vdx.serving.model_gauges import ModelGauges
from vdx.serving.model_names import (
    find_model,
    require_kind,
    unknown_model,
)
from vdx.serving.model_status import ModelStatus, ResidencyStatus, residency_status, statuses
from vdx.serving.models import ModelInfo, ModelKind, ModelState
from vdx.serving.reconciliation import Reconciliation
from vdx.serving.recovery import LEFT_S, Recovery
from vdx.serving.residency import Residency
from vdx.serving.residency_limits import limits_of, no_limits_of
from vdx.serving.triton import TritonClient

log = logger(__name__)

SERVER_POLL_S = 0.25
FINISH_S = 15.0
"""How long an unload waits for clauses and utterances in progress."""
RELOAD_WAIT_S = 10.0
"""How long a request waits for a model that is being reloaded."""

ReadModels = Callable[[], Awaitable[Mapping[str, ModelInfo]]]
"""Describes the models whose files are on this machine, loaded or not."""


async def _none_here() -> Mapping[str, ModelInfo]:
    return {}


async def _no_warm_up(_model: ModelInfo) -> None:
    """The first user warms the model."""


async def _not_measured(_model: str) -> float | None:
    return None


class ModelManager:
    """The only class that loads and unloads models; call it from any task of its event loop.

    With an `owner` the limits of `model_manager` hold. One that shares its Triton with others does
    not know what they use: it has no limits and evicts nothing. One with a `control` has a manager
    elsewhere load and unload, which knows by leases what is used here.
    """

    def __init__(
        self,
        client: TritonClient,
        read_models: ReadModels = _none_here,
        *,
        config: ModelManagerConfig | None = None,
        owner: bool = False,
        control: RemoteControl | None = None,
        warm_up: Callable[[ModelInfo], Awaitable[None]] = _no_warm_up,
        measure: Callable[[str], Awaitable[float | None]] = _not_measured,
        remembered: ManagedModels | None = None,
    ) -> None:
        """`warm_up` uses a model that was just loaded; `measure` tells its memory, megabytes.

        `remembered` is what the manager before this one loaded.
        """
        config = config or ModelManagerConfig()
        self._client = client
        self.control: ModelControl = control or TritonControl(client)
        self._remote = control
        self._read_models = read_models
        self._warm_up = warm_up
        self._measure = measure
        self._infos: dict[str, ModelInfo] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._dismissed: set[str] = set()
        """Unloaded by request, and not asked for since."""
        self.slots = asyncio.Semaphore(config.max_parallel_loads)
        """One is held by every load, and by every load after a crash."""
        self._remembered = remembered
        self._writing = asyncio.Lock()
        self.residency = Residency(
            limits_of(config) if owner else no_limits_of(config),
            follows_leases=control is not None,
        )
        self._gauges = ModelGauges(self.residency)
        self.leases = HeldLeases(self.residency, self._gauges)
        if remembered is not None:
            self.residency.take_over(remembered.read())
        self.recovery = Recovery(client, self)
        if owner or control is not None:
            self.recovery.jitter_s = 0.0
        self._reconciliation = Reconciliation(client, self, owner=owner)
        self._evict_check_s = config.evict_check_interval_ms / 1000
        if owner and config.ttl_ms < config.min_residency_ms:
            log.warning(
                "model_manager.ttl_ms is shorter than min_residency_ms, which counts",
                ttl_ms=config.ttl_ms,
                min_residency_ms=config.min_residency_ms,
            )

    @property
    def wanted(self) -> frozenset[str]:
        """Models that are to stay loaded."""
        return self.residency.wanted

    def info(self, name: str) -> ModelInfo | None:
        """What is known of a loaded model."""
        return self._infos.get(name)

    def can(self, name: str, capability: str) -> bool:
        """Whether a loaded model has a capability (`serving/models.py` `CAPABILITIES`)."""
        info = self._infos.get(name)
        return info is not None and info.can(capability)

    def is_dismissed(self, name: str) -> bool:
        """Whether a model was unloaded by request, and not asked for since."""
        return name in self._dismissed

    def asked_for(self, name: str) -> None:
        """Somebody asked for a model, here or of another manager: its unload by request is over."""
        self._dismissed.discard(name)

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

    # --- loading ----------------------------------------------------------------------------

    async def ensure(
        self, name: str, kind: ModelKind | None = None, language: str = ""
    ) -> ModelInfo:
        """Loads `name` unless it is ready; checks its `kind` and `language`.

        Raises:
            UnknownName: the repository has no such model.
            InvalidInput: the model is of another kind, or lacks the language.
            LoadRefused: there is no room for it, and nothing can go.
            TritonError: it could not be loaded.
        """
        if self._remote is not None and name not in self.wanted:
            self._infos.pop(name, None)  # the manager may have evicted it since
        info = self._infos.get(name)
        if info is None:
            info = await self._load(name, kind)
        elif not self.recovery.alive(name):
            await self._reloaded(name)
        self.asked_for(name)
        self.residency.stays(name)
        self.residency.use(name, _now())
        require_kind(info, kind)
        info.require_language(language)
        return info

    async def _load(self, name: str, kind: ModelKind | None) -> ModelInfo:
        await self.resolve(name, kind)
        async with self.lock(name):
            if (info := self._infos.get(name)) is not None:
                return info
            try:
                await self._make_room(name, kind)
                info = await self._load_in_turn(name)
                cost = await self._measure(name)
            except BaseException:  # cancelled, too: it would count as loading for ever
                self.residency.load_failed(name)
                raise
            await self._account(info, cost)
            self._infos[name] = info
            self.recovery.follow_wanted()
            await self._remember()
            return info

    async def _make_room(self, name: str, kind: ModelKind | None) -> None:
        if kind is None and (known := (await self._read_models()).get(name)) is not None:
            kind = known.kind
        with _refusal_counted(name):
            going = self.residency.admit(name, voice=kind == "tts", now=_now(), busy=self.busy())
        await self._evict(dict.fromkeys(going, "room"))

    async def _load_in_turn(self, name: str) -> ModelInfo:
        # One that is UNLOADING, because somebody still hears it, gets a new instance.
        if self._remote is None and (await self._states())[name].ready:
            return await self._client.describe(name)
        with MODEL_LOADS_WAITING.track_inprogress():
            await self.slots.acquire()
        try:
            self.residency.begin_load(name, _now())
            await self._remember()  # a manager that is killed meanwhile leaves it to the next one
            return await self._load_now(name)
        finally:
            self.slots.release()

    async def _load_now(self, name: str) -> ModelInfo:
        began, loaded = time.monotonic(), False
        log.debug("loading model", model=name)
        try:
            await self.control.load(name)
            loaded = True
            info = await self._client.describe(name)
            await self._warm_up(info)
        except TritonError as error:
            log.warning("model did not load", model=name, error=str(error))
            if loaded:
                with suppress(TritonError):  # the first error tells more
                    await self.control.unload(name)
            raise
        took = time.monotonic() - began
        MODEL_LOAD_SECONDS.labels(name).observe(took)
        log.info("model loaded", model=name, ms=round(took * 1000))
        return info

    async def _account(self, info: ModelInfo, cost_mb: float | None) -> None:
        """Counts a loaded model with its cost; unloads what has no room beside it, or itself."""
        try:
            with _refusal_counted(info.name):
                going = self.residency.loaded(
                    info.name,
                    voice=info.kind == "tts",
                    memory_mb=cost_mb,
                    now=_now(),
                    busy=self.busy(),
                )
        except LoadRefused:
            await self._unload_locked(info.name)
            raise
        if cost_mb is not None:
            self._gauges.set_memory(info.name, cost_mb)
        self._gauges.publish(info.name)
        await self._evict(dict.fromkeys(going, "room"))

    async def _reloaded(self, name: str) -> None:
        if not await self.recovery.restored(name, RELOAD_WAIT_S):
            raise ModelUnavailable(f"{name} is being loaded again", model=name)

    async def check(self, name: str) -> None:
        """Has a model probed that a frontend cannot use, and loaded anew if it does not answer.

        Raises:
            ModelUnavailable: it could not be loaded, or an operator has unloaded it.
        """
        if name in self._dismissed:
            raise ModelUnavailable(f"{name} was unloaded", model=name)
        if name in self.wanted:
            await self._reloaded(name)

    async def reload(self, name: str) -> ModelInfo:
        """Loads a model anew, as after its files changed; one that is not loaded is loaded.

        Raises:
            UnknownName: the repository has no such model.
            TritonError: it could not be loaded; it is not loaded then.
        """
        await self.unload(name)
        return await self.ensure(name)

    # --- unloading --------------------------------------------------------------------------

    async def unload(self, name: str) -> None:
        """Unloads `name` after its clauses and utterances in progress; new requests fail at once.

        What is not finished within FINISH_S is failed first: no stream of this client is open then.

        Raises:
            UnknownName: the repository has no such model.
        """
        await self.resolve(name)
        self._forget(name)
        try:
            # A load or reload under way would bring it back: what was asked for last counts.
            async with self.lock(name):
                self._forget(name)
                await self._unload_locked(name)
                self._dismissed.add(name)
        finally:
            self.residency.unloaded(name, gone=False)  # where it was given up

    async def leave(self, name: str) -> None:
        """A manager elsewhere unloads a model: whoever asks for it again has it loaded again."""
        async with self.lock(name):
            if self.residency.get(name) is not None:
                self._forget(name)
                self.residency.unloaded(name)
                self._gauges.publish(name)

    async def unload_when_free(self, name: str) -> bool:
        """Unloads a model once no session leases it; whether it is unloaded already.

        Raises:
            UnknownName: the repository has no such model.
        """
        await self.resolve(name)
        if self._remote is not None:  # which knows what other frontends use
            return await self._remote.unload_when_free(name)
        if self.residency.unload_when_free(name):
            await self.evict_idle()
        return self.residency.get(name) is None

    async def evict_idle(self) -> None:
        """Unloads what was idle for too long, and what is to go when free."""
        for name in self.busy():
            self.residency.use(name, _now())
        await self._evict(self.residency.evict_idle(_now(), self.busy()))
        for model in self.residency.models:
            self._gauges.publish(model.name)

    def busy(self) -> set[str]:
        """Models with something in flight, or that are being loaded or unloaded."""
        names = {model.name for model in self.residency.models}
        locked = {name for name in names if self.lock(name).locked()}
        return locked | {name for name in names if self._client.streams.in_flight(name)}

    async def _evict(self, going: Mapping[str, str]) -> None:
        """Unloads models, given with the cause, whose unloading the policy has begun."""
        async with AsyncExitStack() as locks:
            for name in going:  # none of them is locked, so nothing comes in between
                await locks.enter_async_context(self.lock(name))
                locks.callback(self.residency.unloaded, name, gone=False)  # where it was given up
                self._infos.pop(name, None)
            for name, cause in going.items():
                await self._evict_locked(name, cause)

    async def _evict_locked(self, name: str, cause: str) -> None:
        log.info("evicting model", model=name, cause=cause)
        MODEL_EVICTIONS.labels(name, cause).inc()
        try:
            await self._unload_locked(name)
        except TritonError as error:  # Triton has it still: the next look finds it
            log.warning("eviction failed", model=name, error=str(error))

    async def _unload_locked(self, name: str) -> None:
        began, is_gone = time.monotonic(), False
        try:
            with self._client.streams.held(name):
                if not await self._client.streams.ended(name, FINISH_S):
                    gone = ModelUnavailable(f"{name} is unloaded", model=name)
                    self._client.streams.fail(name, gone)
                    await self._client.streams.ended(name, LEFT_S)
                await self.control.unload(name)
            is_gone = True
        finally:
            self.residency.unloaded(name, gone=is_gone)
            self._gauges.publish(name)
        MODEL_UNLOAD_SECONDS.labels(name).observe(time.monotonic() - began)
        log.info("model unloaded", model=name)
        await self._remember()

    async def _remember(self) -> None:
        if self._remembered is not None:
            async with self._writing:  # of two at once the later one has both
                await in_thread(self._remembered.write, self.residency.begun)

    def _forget(self, name: str) -> None:
        self.residency.begin_unload(name, _now())
        self._infos.pop(name, None)

    # --- what there is ----------------------------------------------------------------------

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
        known, index = await self._known(), await self._client.index()
        self.residency.advance(_now())
        return statuses(index, known, self.residency, _now())

    def residency_status(self, name: str) -> ResidencyStatus | None:
        """How a model is loaded now; None where it is not."""
        return residency_status(self.residency, name, _now())

    async def is_loaded(self, name: str) -> bool:
        """Whether Triton has `name` ready, also when another client loaded it."""
        state = (await self._states()).get(name)
        return state is not None and state.ready

    async def names(self) -> Collection[str]:
        """Every model of the repository, loaded or not."""
        return list(await self._states())

    def rename(self, server: str) -> None:
        """Gives its Triton another name in metrics; empty: it is used no more, and in none."""
        self._gauges.rename(server)

    # --- tasks ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Probes models and Triton, evicts what is idle and ends leases, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.recovery.run(self._look_after_server), name="probe-models")
            group.create_task(self._evict_at_intervals(), name="evict-models")
            group.create_task(self.leases.run(), name="expire-leases")

    async def _look_after_server(self) -> None:
        if not await self._client.is_ready():
            log.warning("Triton does not answer; waiting for it")
            # Restarted or only slow: the probes that follow tell what to load again.
            await self.wait_for_server(lambda _: None)
        if self._remote is None:
            await self._reconciliation.look(_now())

    async def _evict_at_intervals(self) -> None:
        while True:
            await asyncio.sleep(self._evict_check_s)
            await self.evict_idle()


@contextmanager
def _refusal_counted(name: str) -> Iterator[None]:
    try:
        yield
    except LoadRefused as error:
        MODEL_LOADS_REFUSED.labels(name).inc()
        log.warning("load refused", model=name, error=str(error))
        raise


def _now() -> float:
    return asyncio.get_running_loop().time()
