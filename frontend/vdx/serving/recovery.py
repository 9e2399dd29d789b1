"""Probes the models that are to be loaded, and reloads those whose process ended or hangs.

Triton reports a model as ready after its process has ended, so every model is probed: at intervals,
when a request to it failed, and when its process ended. A model whose streams bring responses
counts as alive, whatever its probe says. Each model has a task of its own, so that one that loads
slowly does not delay the others.

Several frontends may share a server, and all of them see a model fail. Each waits for a random
time (who owns the server, or asks a manager, does not), waits while another loads the model, and
probes again: the first one reloads, the others find it alive. Finding a model dead takes time in
which another frontend may have reloaded it, so its state is read again right before a reload.

A server that has gone is looked for often, and its models are loaded together once it is back:
while they are missing nobody talks whom that could disturb, unless others `serve_beside` it.
"""

import asyncio
import math
import os
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from vdx.core.errors import (
    ModelBusy,
    ModelDied,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
)
from vdx.core.logs import logger
from vdx.serving.model_control import ModelControl
from vdx.serving.model_processes import ModelProcesses
from vdx.serving.models import ModelInfo, ModelState
from vdx.serving.triton import TritonClient

log = logger(__name__)

FAILED_PROBES = 2
"""Probes that must fail in a row before a model is reloaded; one may just be slow."""
JITTER_S = 1.0
"""The longest that a frontend waits before it reloads a model of a server that it shares."""
DRAIN_S = 2.0
"""How long streams in flight may go on once their model is to be reloaded, unless it died."""
LEFT_S = 1.0
"""How long streams that were failed may take to end."""
UNLOADING_S = 5.0
"""How long an unload is waited for: a dead model may stay UNLOADING for ever."""
CONFIRM_S = 3.0
"""How long the probe before a reload may take: usually milliseconds, but seconds on an overloaded
machine, where a slow model must not count as dead."""
NOTICED_S = 0.1
"""Seconds after which Triton itself reports that a process ended."""
POLL_S = 0.05
AWAY_S = 0.25
"""Between two probes of a server that does not answer at all; one fails at once."""
REPLACED_S = 0.25
"""Seconds after which a frontend that unloaded a dead model has begun to load it again."""


class WantedModels(Protocol):
    """The part of the model manager that recovery uses."""

    @property
    def wanted(self) -> frozenset[str]: ...
    def info(self, name: str) -> ModelInfo | None: ...
    @property
    def control(self) -> ModelControl: ...
    @property
    def slots(self) -> asyncio.Semaphore: ...
    def lock(self, name: str) -> asyncio.Lock: ...


@dataclass(slots=True)
class Watch:
    """One model: setting `look` probes it now, `asked` are futures for the result."""

    look: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[asyncio.Future[bool]] = field(default_factory=list)
    probe: asyncio.Timeout | None = None
    failures: int = 0
    ended: bool = False
    """A process of it has ended since the last look."""
    alive: bool = True
    away: bool = False
    """Its server did not answer at the last look."""
    server_gone: bool = False
    """Its server has gone since it was last alive."""
    died: float = -math.inf


class Recovery:
    """Runs as one task; calls are safe from any other of its loop."""

    def __init__(self, client: TritonClient, models: WantedModels) -> None:
        self._client = client
        self._models = models
        self._watches: dict[str, Watch] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._processes = ModelProcesses(client.config.url, self._process_ended)
        self._changed = asyncio.Event()
        self.jitter_s = JITTER_S
        self._together = asyncio.Semaphore(os.cpu_count() or 1)
        """Loads after the end of the whole server, in place of the manager's slots."""
        self.serve_beside: Callable[[], bool] = lambda: False
        """Whether people talk with other servers of this machine."""

    def follow_wanted(self) -> None:
        """Called when the set of wanted models has changed."""
        self._changed.set()

    def suspect(self, model: str = "") -> None:
        """Probes a model, or every one, now instead of at its next interval."""
        for name, watch in self._watches.items():
            if model in ("", name):
                watch.look.set()

    def alive(self, model: str) -> bool:
        """Whether it is not known to be dead: of a server that is gone nothing is known."""
        return model not in self._watches or self._watches[model].alive

    def answers(self, model: str) -> bool:
        """Whether its last probe was answered; True before the first one."""
        return self.alive(model) and not (model in self._watches and self._watches[model].away)

    def died_within(self, model: str, seconds: float) -> bool:
        """Whether a model was found dead in the last `seconds`."""
        watch = self._watches.get(model)
        return watch is not None and asyncio.get_running_loop().time() - watch.died <= seconds

    async def restored(self, model: str, within_s: float) -> bool:
        """Probes a model and reloads it if necessary; whether it is alive then.

        A server that is gone is waited for. False where the model is not watched, or after
        `within_s` seconds.
        """
        watch = self._watches.get(model)
        if watch is None:
            return False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        watch.asked.append(answer)
        watch.look.set()
        try:
            async with asyncio.timeout(within_s):
                return await answer
        except TimeoutError:
            return False

    async def run(self, each_round: Callable[[], Awaitable[None]]) -> None:
        """Probes until cancelled; `each_round` is awaited at every interval."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._changed.clear()
                    await self._follow_wanted(group)
                    await each_round()
                    await _at_most(self._changed, self._interval_s)
        finally:
            self._processes.close()
            self._watches.clear()
            self._tasks.clear()

    @property
    def _interval_s(self) -> float:
        return self._client.config.probe_interval_ms / 1000

    async def _follow_wanted(self, group: asyncio.TaskGroup) -> None:
        wanted = self._models.wanted
        for name in self._watches.keys() - wanted:
            del self._watches[name]
            self._tasks.pop(name).cancel()
        new = wanted - self._watches.keys()
        for name in sorted(new):
            self._watches[name] = watch = Watch()
            task = group.create_task(self._watch(name, watch), name=f"watch-{name}")
            self._tasks[name] = task
        if new:
            await self._processes.follow(wanted)

    async def _watch(self, name: str, watch: Watch) -> None:
        while True:
            watch.look.clear()
            asked, watch.asked = watch.asked, []
            watch.alive = await self._check(name, watch)
            if watch.away:  # what becomes of the model is known once its server is back
                watch.asked = [each for each in (*asked, *watch.asked) if not each.done()]
            else:
                _answer(asked, watch.alive)
            await _at_most(watch.look, AWAY_S if watch.away else self._interval_s)

    async def _check(self, name: str, watch: Watch) -> bool:
        """Probes a model and reloads it if it has to be; whether it is alive then."""
        if (error := await self._fault(name, watch)) is None:
            return True
        log.warning("model does not answer", model=name, error=str(error))
        if not isinstance(error, ModelUnavailable) and watch.failures < FAILED_PROBES:
            return True
        watch.alive, watch.died = False, asyncio.get_running_loop().time()
        async with self._models.lock(name):
            if name not in self._models.wanted:
                return False
            try:
                with self._client.streams.held(name):
                    await self._end_streams(name, error)
                    await self._reload(name, watch)
            except TritonError as failure:
                log.warning("reload failed", model=name, error=str(failure))
                return False
        watch.failures, watch.server_gone = 0, False
        await self._processes.follow(self._models.wanted)
        return True

    async def _fault(self, name: str, watch: Watch) -> TritonError | None:
        """What is wrong with a model; None if nothing is, or if the server does not answer."""
        info = self._models.info(name)
        if info is None:
            return None
        began = asyncio.get_running_loop().time()
        watch.away = False
        try:
            await self._raise_if_gone(watch, name)
            await self._probe(info, watch)
        except ModelBusy:
            return None
        except TritonUnavailable:  # of a server that is gone the next probe tells
            watch.away = watch.server_gone = True
            return None
        except ModelUnavailable as error:
            return error
        except TritonError as error:
            if not self._client.streams.answered_since(name, began):
                watch.failures += 1
                return error
        watch.failures, watch.server_gone = 0, False
        return None

    async def _probe(self, info: ModelInfo, watch: Watch) -> None:
        """Probes a model; again if a process of it ends meanwhile, which would not answer."""
        try:
            async with asyncio.timeout(None) as watch.probe:
                await self._client.probe(info)
        except TimeoutError:
            await self._raise_if_gone(watch, info.name)
            await self._client.probe(info)
        finally:
            watch.probe = None

    async def _raise_if_gone(self, watch: Watch, name: str) -> None:
        """Raises ModelDied after the end of a model's last process: Triton may not tell of it."""
        ended, watch.ended = watch.ended, False
        if ended and await self._processes.gone(name):
            await self._client.index()  # where Triton itself is gone, this says so
            raise ModelDied(f"{name}: its process ended", model=name)

    def _process_ended(self, model: str) -> None:
        if (watch := self._watches.get(model)) is None:
            return
        watch.ended = True
        watch.look.set()
        if watch.probe is not None and not watch.probe.expired():
            watch.probe.reschedule(asyncio.get_running_loop().time() + NOTICED_S)

    async def _end_streams(self, name: str, error: TritonError) -> None:
        """Ends this client's streams before the unload; those of other clients are not known."""
        streams = self._client.streams
        died = isinstance(error, ModelDied)
        if died or not await streams.ended(name, DRAIN_S):
            streams.fail(name, error)
            await streams.ended(name, LEFT_S)

    async def _reload(self, name: str, watch: Watch) -> None:
        """Reloads a model, unless another frontend has done so."""
        await asyncio.sleep(random.uniform(0, self.jitter_s))  # noqa: S311  # nosec B311
        together = watch.server_gone and not self.serve_beside()
        async with self._together if together else self._models.slots:
            if await self._answers(name):
                return
            log.info("reloading model", model=name)
            await self._models.control.restart(name)
            log.info("model reloaded", model=name)

    async def _answers(self, name: str) -> bool:
        """Whether a model answers, after any load or unload in progress.

        A model found dead that is no longer READY right afterwards is being reloaded by another
        frontend: that is waited for, and the new process probed. Without any process there is no
        probe.
        """
        info, unanswered = self._models.info(name), 0
        while info is not None and (await self._settled(name)).ready:
            answer = await self._confirm(name, info)
            if answer is None:
                unanswered += 1
                if unanswered < FAILED_PROBES:
                    continue
            if answer or (await self._state(name)).ready:
                return bool(answer)
            await asyncio.sleep(REPLACED_S)
        return False

    async def _confirm(self, name: str, info: ModelInfo) -> bool | None:
        """Whether a model answers a probe; None where no answer came in time."""
        if await self._processes.gone(name):
            return False
        try:
            async with asyncio.timeout(CONFIRM_S):
                await self._client.probe(info)
        except (TimeoutError, ModelTimeout):
            return None
        except ModelBusy:
            return True
        except TritonError:
            return False
        return True

    async def _state(self, name: str) -> ModelState:
        states = {state.name: state for state in await self._client.index()}
        return states.get(name, ModelState(name, "UNAVAILABLE"))

    async def _settled(self, name: str) -> ModelState:
        """A model's state after any load or unload in progress, waited for only so long."""
        loop = asyncio.get_running_loop()
        began, limits = loop.time(), {"UNLOADING": UNLOADING_S}
        limits["LOADING"] = self._client.config.load_timeout_ms / 1000
        while True:
            state = await self._state(name)
            if loop.time() - began >= limits.get(state.state, 0.0):
                return state
            await asyncio.sleep(POLL_S)


def _answer(asked: Iterable[asyncio.Future[bool]], alive: bool) -> None:
    for each in asked:
        if not each.done():  # as one that was waited for too long
            each.set_result(alive)


async def _at_most(event: asyncio.Event, wait_s: float) -> None:
    """Waits for an event, but not longer than `wait_s`."""
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        pass
