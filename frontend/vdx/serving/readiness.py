"""Whether the server answers and the models that every session may need are there."""

import asyncio
from collections.abc import Callable, Iterable

from vdx.core.errors import TritonError
from vdx.core.logs import logger
from vdx.serving.triton import TritonClient

log = logger(__name__)

STARTING = "loading"


class Readiness:
    """What Triton said last, asked once per `triton.probe_interval_ms` by `run`.

    It is asked in the background and not when somebody wants to know: whoever asks needs no key,
    and a server that hangs would make them wait. `problem` is empty when all is well.
    """

    def __init__(
        self,
        client: TritonClient,
        needed: Callable[[], Iterable[str]],
        alive: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._client = client
        self._needed = needed
        self._alive = alive
        self._look = asyncio.Event()
        self.problem = STARTING

    def suspect(self, problem: str = "") -> None:
        """Looks now instead of at the next interval; a `problem` counts until then."""
        self.problem = problem or self.problem
        self._look.set()

    async def run(self) -> None:
        """Asks until cancelled."""
        interval = self._client.config.probe_interval_ms / 1000
        while True:
            before, self.problem = self.problem, await self.check()
            if self.problem != before:
                log.info("readiness", problem=self.problem or "none")
            try:
                async with asyncio.timeout(interval):
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()

    async def check(self) -> str:
        """What is wrong now, or an empty string; at most `triton.probe_timeout_ms` later."""
        limit_ms = self._client.config.probe_timeout_ms
        try:
            async with asyncio.timeout(limit_ms / 1000):
                states = {state.name: state.state for state in await self._client.index()}
        except TimeoutError:
            return f"Triton does not answer within {limit_ms} ms"
        except TritonError as error:
            # Everybody may read it, so without gRPC's text, which names addresses and folders.
            log.debug("Triton does not list its models", error=str(error))
            return "Triton does not answer"
        # Triton keeps a model READY whose process died or hangs; the probes tell.
        missing = [
            name for name in self._needed() if states.get(name) != "READY" or not self._alive(name)
        ]
        return f"models not ready: {', '.join(missing)}" if missing else ""
