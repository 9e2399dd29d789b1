"""Keeps a server running that vdx started: kills it when it hangs, restarts it when it has ended.

No failure ends the supervision, because every conversation would end with it: a start that fails
is reported once for each kind of failure and tried again.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

from vdx.core.errors import VdxError
from vdx.core.logs import logger
from vdx.serving.subprocesses import signal_group

log = logger(__name__)

SILENT_S = 5.0
"""A server without an answer for this long counts as hung; under load it takes milliseconds."""
CONFIRM_S = 1.0
"""Time-out of a last check before the kill, in case this process itself was suspended."""
PERIOD_S = 1.0
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 8.0
STEADY_S = 30.0
"""A server that ends sooner than this after its start is restarted with a growing delay."""

IsLive = Callable[[float], Awaitable[bool]]
"""Whether the server answers within so many seconds; does not return False much sooner."""
Tell = Callable[[str], None]


class Server(Protocol):
    """What is supervised: EmbeddedTriton, DevelopmentLiveKit or LanguageModelServer."""

    @property
    def pid(self) -> int | None:
        """Process id, also that of its process group; None when it does not run."""

    async def died(self) -> int:
        """Waits until it ends and returns its exit status."""
        ...

    async def restart(self) -> None:
        """Stops what is left and starts it again at the same address."""

    def log_tail(self) -> str:
        """The last lines of its log."""
        ...


class Supervisor:
    """Supervises one server; `run` does it until it is cancelled.

    `is_live` finds a server that runs but does not answer. `changed` is called when the server
    has ended and when it runs again. `rest_s` tells then how long the machine is left to others
    before the server is started. Neither they nor `tell` may raise.
    """

    def __init__(
        self,
        name: str,
        server: Server,
        tell: Tell,
        *,
        is_live: IsLive | None = None,
        changed: Callable[[], None] = lambda: None,
        rest_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._name = name
        self._server = server
        self._tell = tell
        self._is_live = is_live
        self._changed = changed
        self._rest_s = rest_s

    async def run(self) -> None:
        """Supervises the server, which runs already, until cancelled."""
        clock = asyncio.get_running_loop().time
        delay_s = 0.0
        while True:
            started = clock()
            status = await self._ended()
            rest_s = self._rest_s()  # of the moment before sessions go elsewhere
            self._changed()
            self._tell(f"{self._name} ended with code {status}; restarting it")
            lines = self._server.log_tail().splitlines()
            log.error("server ended", server=self._name, status=status, last_lines=lines)
            if clock() - started >= STEADY_S:
                delay_s = 0.0
            await asyncio.sleep(max(delay_s, rest_s))
            delay_s = _longer(delay_s)
            await self._restart()
            self._changed()

    async def _ended(self) -> int:
        """Returns the exit status of the server once it ended, by itself or because it hung."""
        death = asyncio.create_task(self._server.died(), name=f"{self._name}-death")
        watches: set[asyncio.Task[None] | asyncio.Task[int]] = {death}
        if self._is_live is not None:
            watches.add(asyncio.create_task(_silent(self._is_live), name=f"{self._name}-silence"))
        try:
            await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
            if not death.done() and (group := self._server.pid) is not None:
                self._tell(f"{self._name} has not answered for {SILENT_S:g} s; ending it")
                signal_group(group, signal.SIGKILL)
            return await death
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)

    async def _restart(self) -> None:
        told: set[str] = set()
        delay_s = 0.0
        while True:
            try:
                await self._server.restart()
            except Exception as error:  # the root of this task: any failure may pass
                kind = f"{type(error).__name__} {getattr(error, 'errno', '')}"
                if kind not in told:
                    told.add(kind)
                    self._tell(f"{self._name} did not start, trying again: {error}")
                    if not isinstance(error, VdxError | OSError):
                        log.exception("server did not start", server=self._name)
                delay_s = _longer(delay_s)
                await asyncio.sleep(delay_s)
            else:
                if told:
                    self._tell(f"{self._name} runs again")
                return


async def _silent(is_live: IsLive) -> None:
    """Returns once a server has not answered for SILENT_S."""
    while await is_live(SILENT_S) or await is_live(CONFIRM_S):  # noqa: ASYNC110  (it asks)
        await asyncio.sleep(PERIOD_S)


def _longer(delay_s: float) -> float:
    return min(max(FIRST_DELAY_S, 2 * delay_s), LONGEST_DELAY_S)
