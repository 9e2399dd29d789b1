"""Whether Triton answers and the models that sessions start with are loaded."""

import asyncio
from collections.abc import Callable, Iterable

from vdx.core.errors import TritonError
from vdx.core.logs import logger
from vdx.serving.triton import TritonClient

log = logger(__name__)

STARTING = "loading"


class Readiness:
    """The result of the last check, made every `triton.probe_interval_ms` by `run`.

    `/readyz` needs no key and must not wait for a Triton that hangs, so it reads this result.
    `problem` is empty if the last check passed.
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
        """Checks now instead of at the next interval; a `problem` counts until then."""
        self.problem = problem or self.problem
        self._look.set()

    async def run(self) -> None:
        """Checks until cancelled."""
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
        """The problem found now, or an empty string; takes at most `triton.probe_timeout_ms`."""
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
