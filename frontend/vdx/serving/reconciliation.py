"""Compares what Triton has loaded with what the model manager counts.

After a crash of a model process, of Triton or of the manager they differ: child models are left
loaded, and so are models that an earlier manager, or another client, loaded.
"""

from typing import Protocol

from vdx.core.errors import TritonError
from vdx.core.logs import logger
from vdx.serving.child_models import UnusedChildModels
from vdx.serving.models import ModelState
from vdx.serving.residency import Residency
from vdx.serving.triton import TritonClient

log = logger(__name__)


class CountedModels(Protocol):
    """The part of the model manager that is used here."""

    @property
    def residency(self) -> Residency: ...


class Reconciliation:
    """Looks at the server; an `owner` counts what others loaded too.

    What the manager before it loaded goes when it is idle; what other clients loaded stays.
    """

    def __init__(self, client: TritonClient, models: CountedModels, *, owner: bool) -> None:
        self._client = client
        self._models = models
        self._owner = owner
        self._unused_children = UnusedChildModels()

    async def look(self, now: float) -> None:
        """Unloads child models that nobody uses; `now` is in seconds of one clock."""
        try:
            children = await self._client.children()
            index = await self._client.index()
            states = {state.name: state.state for state in index}
            for name in self._unused_children.find(children, states, now):
                log.info("unloading an unused child model", model=name)
                await self._client.unload(name)
            if self._owner:
                await self._take_over(index, now)
        except TritonError as error:
            log.warning("models not compared with Triton's", error=str(error))

    async def _take_over(self, index: list[ModelState], now: float) -> None:
        residency, ready = self._models.residency, {}
        for state in index:
            if state.ready:
                known = residency.get(state.name)
                ready[state.name] = known.voice if known else await self._is_voice(state.name)
        residency.reconcile(ready, now)

    async def _is_voice(self, name: str) -> bool:
        try:
            return (await self._client.describe(name)).kind == "tts"
        except TritonError as error:  # no model of vdx
            log.debug("model of another kind", model=name, error=str(error))
            return False
