"""A Triton client with a repository in memory, scripted by the tests."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from vdx.core.config import TritonConfig
from vdx.core.errors import ModelUnavailable, TritonError, TritonUnavailable
from vdx.serving.manager import ModelManager
from vdx.serving.models import ModelInfo, ModelKind, ModelState
from vdx.serving.streams import Streams


@dataclass
class FakeTriton:
    """Keeps models in a state each; `calls` is what was asked of it, in order.

    `failures` holds the errors that the next calls of a kind ("load tone") end with, None for a
    call that succeeds; a probe of one that is `dead` fails until it is loaded again. Loading takes
    `load_s`, a probe `probe_s`, and unloading leaves a model UNLOADING for `unload_s`.
    """

    kinds: dict[str, ModelKind]
    config: TritonConfig = field(default_factory=lambda: TritonConfig(url="unix:/run/vdx/t:8001"))
    load_s: float = 1.0
    unload_s: float = 0.0
    answers: bool = True
    calls: list[str] = field(default_factory=list)
    failures: dict[str, list[TritonError | None]] = field(default_factory=lambda: defaultdict(list))
    dead: dict[str, TritonError] = field(default_factory=dict)
    streams: Streams = field(default_factory=Streams)
    child_names: list[str] = field(default_factory=list)
    on_unload: Callable[[str], object] = lambda _: None
    probe_s: float = 0.0
    hold_unload: asyncio.Event | None = None
    """Unloads wait for it."""
    loading: int = 0
    most_loading: int = 0

    def __post_init__(self) -> None:
        self.states = dict.fromkeys(self.kinds, "UNAVAILABLE")

    def lost(self) -> None:
        """The server ends; nothing is loaded when it comes back."""
        self.answers = False
        self.states = dict.fromkeys(self.kinds, "UNAVAILABLE")

    def back(self) -> None:
        self.answers = True

    def count(self, call: str) -> int:
        return self.calls.count(call)

    async def is_ready(self) -> bool:
        return self.answers

    async def index(self) -> list[ModelState]:
        self._require_server()
        return [ModelState(name, state) for name, state in sorted(self.states.items())]

    async def children(self) -> list[str]:
        return list(self.child_names)

    async def load(self, model: str) -> None:
        self._record("load", model)
        self.loading += 1
        self.most_loading = max(self.most_loading, self.loading)
        self.states[model] = "LOADING"
        try:
            await asyncio.sleep(self.load_s)
            self._require_server()
            self.states[model] = "READY"
            self.dead.pop(model, None)
        finally:
            self.loading -= 1

    async def unload(self, model: str) -> None:
        self._record("unload", model)
        self.on_unload(model)
        if self.hold_unload is not None:
            await self.hold_unload.wait()
        if not self.unload_s:
            self.states[model] = "UNAVAILABLE"
        elif self.states[model] == "READY":
            self.states[model] = "UNLOADING"
            asyncio.get_running_loop().call_later(self.unload_s, self._unloaded, model)

    async def describe(self, model: str) -> ModelInfo:
        self._record("describe", model)
        return ModelInfo(model, self.kinds[model], "fake", ("en",), 48_000)

    async def probe(self, model: ModelInfo) -> None:
        self._record("probe", model.name)
        await asyncio.sleep(self.probe_s)
        if (error := self.dead.get(model.name)) is not None:
            raise error
        if self.states[model.name] != "READY":
            raise ModelUnavailable(f"{model.name} is not found", model=model.name)

    def _unloaded(self, model: str) -> None:
        if self.states[model] == "UNLOADING":
            self.states[model] = "UNAVAILABLE"

    def _record(self, call: str, model: str) -> None:
        self._require_server()
        self.calls.append(f"{call} {model}")
        planned = self.failures[f"{call} {model}"]
        if planned and (error := planned.pop(0)) is not None:
            raise error

    def _require_server(self) -> None:
        if not self.answers:
            raise TritonUnavailable("Triton does not answer")


class NoProcesses:
    """No model has a process here."""

    async def follow(self, models: Collection[str]) -> None:
        """Finds none."""

    async def gone(self, model: str) -> bool:
        """Had none."""
        return False

    def close(self) -> None:
        """Follows none."""


def made(**changes: Any) -> tuple[FakeTriton, ModelManager]:
    """A repository in memory and the manager of the only frontend it has."""
    triton = FakeTriton({"tone": "tts", "espeak-en": "tts", "pocketsphinx-en": "asr"}, **changes)
    return triton, managing(triton)


def managing(triton: FakeTriton, jitter_s: float = 0.0) -> ModelManager:
    """A manager that waits up to `jitter_s` before it reloads."""
    manager = ModelManager(cast(Any, triton))
    manager.recovery.jitter_s = jitter_s
    manager.recovery._processes = cast(Any, NoProcesses())
    return manager


@asynccontextmanager
async def watching(manager: ModelManager) -> AsyncIterator[None]:
    """The manager watches; a watch that ended by itself fails the test."""
    task = asyncio.create_task(manager.run(), name="watch")
    await asyncio.sleep(0)
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait({task})
