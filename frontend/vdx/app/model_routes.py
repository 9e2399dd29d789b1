"""Why sessions use the models they use: each wish, routed over the servers that are known."""

import asyncio
import platform
from dataclasses import dataclass

from vdx.app.first_audio import FirstAudio
from vdx.app.profile_models import ProfileModels
from vdx.dialog.session import Session
from vdx.serving.manager import ModelManager
from vdx.serving.models import ModelKind
from vdx.serving.registry.announcement import server_entry
from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.view import MemoryRegistry
from vdx.serving.routing import Choice, Wish, route
from vdx.serving.triton import TritonClient


@dataclass(frozen=True, slots=True)
class ExplainedChoice:
    """What one session asked for and what it is served by now; `why` is why that is loaded."""

    session: str
    kind: ModelKind
    wanted: str
    choice: Choice
    why: str


class ModelRoutes:
    """Over one Triton; its entry is made anew each time it is asked for."""

    def __init__(
        self,
        client: TritonClient,
        manager: ModelManager,
        profiles: ProfileModels,
        first_audio: FirstAudio,
        registry: MemoryRegistry,
    ) -> None:
        self._client = client
        self._manager = manager
        self._profiles = profiles
        self._first_audio = first_audio
        self._registry = registry

    async def servers(self) -> list[ServerEntry]:
        """Every server that is known, this one as it is now."""
        own = server_entry(
            f"triton@{platform.node()}",
            self._client.config.url,
            await self._manager.statuses(),
            self._client.streams.in_flight,
            self._first_audio.p50_ms,
        )
        now = asyncio.get_running_loop().time()
        self._registry.announce(own, now)
        return list(self._registry.view(now).servers.values())

    async def explain(self, sessions: list[Session]) -> list[ExplainedChoice]:
        """The choice for each model of each session, as it would be made now."""
        await self.servers()
        view = self._registry.view(asyncio.get_running_loop().time())
        default = {kind: name for name, kind in self._profiles.options("").models}
        found = []
        for session in sessions:
            own = {kind: name for name, kind in session.options.fallbacks}
            for model, kind in session.options.models:
                fallback = own.get(kind) or default.get(kind, "")
                wish = Wish(kind, model, session.options.language, fallback=fallback)
                choice = route(wish, view)
                why = self._manager.residency.why(choice.model) if choice.found else ""
                found.append(ExplainedChoice(session.id, kind, model, choice, why))
        return found
