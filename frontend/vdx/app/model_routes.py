"""Routes the models of sessions over the servers that are known, and tells why."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vdx.app.model_server import ModelServer
from vdx.app.model_updates import ModelUpdates
from vdx.app.profile_models import ProfileModels
from vdx.app.session_routes import SessionRoutes
from vdx.core.errors import VdxError
from vdx.core.logs import logger
from vdx.dialog.session import Session
from vdx.serving.models import ModelKind
from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.memory import Registry
from vdx.serving.registry.view import View
from vdx.serving.routing import Choice

log = logger(__name__)

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
    ) -> None:
        self.servers = servers
        self.updates = updates
        self.registry = registry
        self._profiles = profiles
        self._sessions: dict[str, SessionRoutes] = {}
        self._loads: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._look_now = asyncio.Event()
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
        """For `Wish`: what this process has on each server that is announced elsewhere."""
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

    def unusable(self, view: View) -> frozenset[str]:
        """Servers that are announced and that this process cannot use, or not now."""
        usable = {each.name for each in self.servers if each.answers and not each.draining}
        return frozenset(view.servers.keys() - usable)

    async def look(self) -> None:
        """Looks once at every server."""
        looked_at = [each for each in self.servers if not each.announced or not each.answers]
        await asyncio.gather(*(each.look(_now) for each in looked_at))
        for server in looked_at:
            if not server.answers:
                self.registry.leave(server.name)
        self.view()

    def lost(self, server: ModelServer) -> None:
        """A server does not answer: nobody is sent there until a look finds it again."""
        server.answers = False
        self.registry.leave(server.name)
        self._look_now.set()

    def answered(self, server: ModelServer) -> None:
        """A call to a server was answered."""
        self.registry.answered(server.name, _now())

    # --- sessions ---------------------------------------------------------------------------

    def of(self, session: str) -> SessionRoutes:
        """The routes of one session; they are kept until `forget`."""
        if session not in self._sessions:
            self._sessions[session] = SessionRoutes(session, self, self._profiles)
        return self._sessions[session]

    def forget(self, session: str) -> None:
        """The session has ended."""
        self._sessions.pop(session, None)

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
        """Gives up the loads that nobody waits for."""
        tasks = list(self._loads.values())
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


def _now() -> float:
    return asyncio.get_running_loop().time()
