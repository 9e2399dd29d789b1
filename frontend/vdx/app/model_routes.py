"""Routes the models of sessions over the servers that are known, and tells why."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vdx.app.model_server import ModelServer
from vdx.app.model_updates import ModelUpdates
from vdx.app.profile_models import ProfileModels
from vdx.app.session_routes import SessionRoutes
from vdx.core.errors import ServersBusy, VdxError
from vdx.core.logs import logger
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session import Session
from vdx.serving.models import ModelKind
from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.memory import Registry
from vdx.serving.registry.view import View
from vdx.serving.routing import OVERLOADED, Choice

log = logger(__name__)

FREE_POLL_S = 0.05
MOST_WAITING = 128
"""Sessions that may wait for a server with room; a further one is told at once."""
LOOK_S = 1.0
"""How often each server is looked at and announced."""


@dataclass(frozen=True, slots=True)
class ExplainedChoice:
    """What one session asked for and what it is served by now; `why` is why that is loaded."""

    session: str
    kind: ModelKind
    wanted: str
    choice: Choice
    why: str


class ModelRoutes:
    """Over `servers`, the first of which is always there; `registry` may know of others."""

    def __init__(
        self,
        servers: list[ModelServer],
        profiles: ProfileModels,
        registry: Registry,
        updates: ModelUpdates,
        *,
        manages_only: bool = False,
    ) -> None:
        """With `manages_only` the sessions are those of frontends elsewhere."""
        self._manages_only = manages_only
        self.servers = servers
        self.updates = updates
        self.registry = registry
        self._profiles = profiles
        self._sessions: dict[str, SessionRoutes] = {}
        self._loads: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._looks: dict[ModelServer, asyncio.Task[None]] = {}
        """Servers that were asked and have not answered yet."""
        self._look_now = asyncio.Event()
        self._queue = asyncio.Lock()
        """Held by the first of the sessions that wait for a server with room."""
        self._waiting = 0
        self.moved: Callable[[str], None] = lambda _: None
        """Told the id of a session that goes to another server from now on."""

    # --- the view ---------------------------------------------------------------------------

    def view(self) -> View:
        """Every server that is known; those of this process as they are now."""
        now = _now()
        for server in self.servers:
            if server.announced or not server.answers:
                continue
            if server.owned:
                self.registry.announce(server.entry(), now)
            else:  # by the manager that loads its models, or by nobody
                self.registry.hear(server.entry(), now)
        return self.registry.view(now)

    def here(self, model: str) -> dict[str, tuple[int, int]]:
        """For `RouteRequest`: what this process has on each server that is announced elsewhere."""
        return {
            each.name: (
                each.client.streams.in_flight(model),
                len(each.manager.residency.all_leases()),
            )
            for each in self.servers
            if each.announced
        }

    def named(self, name: str) -> ModelServer | None:
        """A server that this process can use."""
        return next((each for each in self.servers if each.name == name), None)

    async def run(self) -> None:
        """Looks at the servers and announces them until cancelled."""
        try:
            while True:
                self._look_now.clear()
                await self.look()
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._look_now.wait()
                except TimeoutError:
                    pass
        finally:
            await self.close()

    def others_have(self, server: ModelServer) -> bool:
        """Whether the sessions go on without a server: others have all that they lease on it.

        They may have left it before its end was noticed. False where there are none: nobody minds
        how much its start takes.
        """
        if not any(each.manager.residency.all_leases() for each in self.servers):
            return False
        leased = {model for _, model in server.manager.residency.all_leases()}
        view = self.view()
        left_out = {server.name} | (set() if self._manages_only else self.unusable(view))
        return all(
            any(
                each.resident and not each.draining and each.server not in left_out
                for each in view.model(model)
            )
            for model in leased
        )

    def serve_beside(self, server: ModelServer) -> bool:
        """Whether sessions use other servers of this process, which are on this machine; those of
        other processes may be.
        """
        if self._manages_only:
            return self.others_have(server)
        own = (each for each in self.servers if not each.announced and each is not server)
        return any(each.manager.residency.all_leases() for each in own)

    def unusable(self, view: View) -> frozenset[str]:
        """Servers that are announced and that this process cannot use, or not now."""
        usable = {each.name for each in self.servers if each.answers and not each.draining}
        return frozenset(view.servers.keys() - usable)

    async def look(self) -> None:
        """Looks at every server; one that has not answered within LOOK_S is not waited for."""
        for server in self.servers:
            if (not server.announced or not server.answers) and server not in self._looks:
                task = asyncio.create_task(self._look_at(server), name=f"look-at-{server.name}")
                self._looks[server] = task
        if self._looks:
            await asyncio.wait(self._looks.values(), timeout=LOOK_S)
        self.view()

    async def _look_at(self, server: ModelServer) -> None:
        try:
            if not await server.look(_now):
                self._leave(server)
        finally:
            self._looks.pop(server, None)

    def lost(self, server: ModelServer) -> None:
        """A server does not answer: nobody is sent there until a look finds it again."""
        server.answers = False
        self._leave(server)
        self._look_now.set()

    def _leave(self, server: ModelServer) -> None:
        """Drops what was announced of a server, unless it is announced at another address by now:
        it was started again there."""
        entry = self.registry.view(_now()).servers.get(server.name)
        if not server.announced or entry is None or entry.addr == server.client.config.url:
            self.registry.leave(server.name)

    def answered(self, server: ModelServer) -> None:
        """A call to a server was answered."""
        self.registry.answered(server.name, _now())

    # --- sessions ---------------------------------------------------------------------------

    def of(self, session: str) -> SessionRoutes:
        """The routes of one session; they are kept until `forget`."""
        if session not in self._sessions:
            self._sessions[session] = SessionRoutes(session, self, self._profiles)
        return self._sessions[session]

    def alone(self) -> SessionRoutes:
        """Those of a request that belongs to no session; no other voice speaks for its own."""
        return SessionRoutes("", self, self._profiles, falls_back=False)

    def forget(self, session: str) -> None:
        """The session has ended."""
        self._sessions.pop(session, None)

    async def require_free(self, options: SessionOptions, wait_s: float) -> None:
        """Returns once a server has room for a session with `options` that is about to begin.

        Raises:
            ServersBusy: none has after `wait_s`, or MOST_WAITING wait already.
        """
        wanted = SessionRoutes("", self, self._profiles)
        until = _now() + wait_s
        if not (model := wanted.busy(options, self.view())):
            return
        if self._waiting >= MOST_WAITING:
            raise _servers_busy(model)
        self._waiting += 1
        try:
            async with self._queue:  # one looks for all: a look costs a third of a millisecond
                while model := wanted.busy(options, self.view()):
                    if _now() >= until:
                        raise _servers_busy(model)
                    await asyncio.sleep(FREE_POLL_S)
        finally:
            self._waiting -= 1

    # --- loads in the background ------------------------------------------------------------

    def load(self, server: str, model: str) -> None:
        """Has a server load a model, unless it does so already; a failure is logged."""
        target = self.named(server)
        if target is None or (server, model) in self._loads:
            return
        if any(each.manager.is_dismissed(model) for each in self.servers):
            return  # an operator has unloaded it
        task = asyncio.create_task(self._load(target, model), name=f"load-{model}-{server}")
        self._loads[server, model] = task
        task.add_done_callback(lambda _: self._loads.pop((server, model), None))

    async def _load(self, server: ModelServer, model: str) -> None:
        try:
            await server.manager.ensure(model)
        except VdxError as error:
            log.warning(
                "model not loaded in the background",
                model=model,
                server=server.name,
                error=error.for_log,
            )
            await asyncio.sleep(LOOK_S)  # every clause would ask again

    async def close(self) -> None:
        """Gives up the loads and looks that nobody waits for."""
        tasks = [*self._loads.values(), *self._looks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- explanations -----------------------------------------------------------------------

    async def entries(self) -> list[ServerEntry]:
        """Every server that is known, those of this process as they are now."""
        await self.look()
        servers = self.registry.view(_now()).servers
        return sorted(servers.values(), key=lambda server: server.name)

    async def explain(self, sessions: Sequence[Session]) -> list[ExplainedChoice]:
        """The choice for each model of each session, as it would be made now."""
        await self.look()
        view, found = self.registry.view(_now()), []
        for session in sessions:
            if session.id not in self._sessions:
                continue  # it has ended meanwhile
            for model, kind in session.options.models:
                choice = self.of(session.id).explain(session.options, kind, view)
                server = self.named(choice.server)
                why = server.manager.residency.why(choice.model) if server is not None else ""
                found.append(ExplainedChoice(session.id, kind, model, choice, why))
        return found


def _servers_busy(model: str) -> ServersBusy:
    return ServersBusy(
        f"every server has {OVERLOADED} requests in flight to {model} or more; try again later"
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
