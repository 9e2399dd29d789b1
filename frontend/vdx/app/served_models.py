"""The models of all servers of this process, for whoever does not care which server has one."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from typing import TypeVar

from vdx.app.model_server import ModelServer
from vdx.core.errors import TritonError, UnknownName, VdxError
from vdx.core.logs import logger
from vdx.serving.manager import ModelManager
from vdx.serving.model_status import ModelStatus
from vdx.serving.model_versions import ModelVersions
from vdx.serving.models import ModelInfo, ModelKind

log = logger(__name__)

T = TypeVar("T")


class ServedModels:
    """Asks the servers in order, those that answer first; with one server it is that one's manager.

    `servers` may grow and shrink; the first one is never taken away.
    """

    def __init__(self, servers: list[ModelServer], versions: ModelVersions | None = None) -> None:
        """`versions` are the models that took the place of others."""
        self._servers = servers
        self.versions = versions or ModelVersions()
        self._kept: Mapping[str, str] = {}

    def _ordered(self, name: str = "") -> list[ModelServer]:
        """Those that answer and have `name` loaded first."""

        def rank(server: ModelServer) -> tuple[bool, bool, bool]:
            has = bool(name) and server.manager.info(name) is not None
            return (not server.answers, not has, server.draining)

        return sorted(self._servers, key=rank)

    def info(self, name: str) -> ModelInfo | None:
        """What is known of a model that is loaded somewhere."""
        found = (server.manager.info(name) for server in self._ordered(name))
        return next((info for info in found if info is not None), None)

    def can(self, name: str, capability: str) -> bool:
        """Whether a model that is loaded somewhere has a capability."""
        info = self.info(name)
        return info is not None and info.can(capability)

    def sounds(self, name: str) -> frozenset[str]:
        """The tags of the sounds that a voice makes; none where it is loaded nowhere."""
        info = self.info(name)
        return info.sounds if info is not None else frozenset()

    def holder(self, name: str) -> ModelServer:
        """A server that answers and has a model loaded; the first one where none has."""

        def is_unusable(server: ModelServer) -> bool:
            return server.manager.info(name) is None or not server.manager.recovery.alive(name)

        return min(self._ordered(name), key=is_unusable)

    def keep(self, kept: Mapping[str, str]) -> None:
        """Lets no server evict these models; the values say why."""
        self._kept = kept
        for server in self._servers:
            server.manager.residency.kept = kept

    @property
    def kept(self) -> Mapping[str, str]:
        """What no server evicts."""
        return self._kept

    async def names(self) -> Collection[str]:
        """Every model of the repository, loaded or not."""
        return await self._first(self._ordered(), lambda manager: manager.names())

    async def resolve(self, name: str, kind: ModelKind | None = None, language: str = "") -> str:
        """As `find`; of a model that was updated, the version that serves its name now."""
        return self.current(await self.find(name, kind, language))

    async def find(self, name: str, kind: ModelKind | None = None, language: str = "") -> str:
        """As `ModelManager.resolve`, of the first server that has it."""
        if self.info(name) is not None:
            return name
        return await self._first(
            self._ordered(), lambda manager: manager.resolve(name, kind, language)
        )

    def current(self, name: str) -> str:
        """The version of a model that serves its name now."""
        return self.versions.of(name)

    def name_of(self, model: str) -> str:
        """The name that a version serves now; its own where it is none."""
        return self.versions.name_of(model)

    async def ensure(
        self, name: str, kind: ModelKind | None = None, language: str = ""
    ) -> ModelInfo:
        """As `ModelManager.ensure`, where it is loaded, else on the first server that can.

        An operator's unload is over then on all of them.
        """
        info = await self._first(
            self._ordered(name), lambda manager: manager.ensure(name, kind, language)
        )
        for server in self._servers:
            server.manager.asked_for(name)
        return info

    async def reload(self, name: str) -> ModelInfo:
        """As `ModelManager.reload`, on every server that has it, one after the other."""
        first, *others = self._holders(name)
        info = await first.manager.reload(name)
        for server in others:
            await server.manager.reload(name)
        return info

    async def statuses(self) -> list[ModelStatus]:
        """Every model of the repository, as it stands on the first server that answers."""
        return await self._first(self._ordered(), lambda manager: manager.statuses())

    async def is_loaded(self, name: str) -> bool:
        """Whether a Triton has `name` ready, also when another client loaded it."""
        return await self._first(self._ordered(name), lambda manager: manager.is_loaded(name))

    async def unload(self, name: str) -> None:
        """As `ModelManager.unload`, on every server that has it."""
        await self._everywhere(name, lambda manager: manager.unload(name))

    async def unload_when_free(self, name: str) -> bool:
        """As `ModelManager.unload_when_free`, on every server that has it."""
        return all(await self._everywhere(name, lambda manager: manager.unload_when_free(name)))

    # --- updates ----------------------------------------------------------------------------

    async def load_beside(self, old: str, new: str) -> ModelInfo:
        """Loads a new version on every server of this process that has the old one.

        Beside that it does not count for `model_manager.resident_cap`.

        Raises:
            UnknownName, TritonError: as `ModelManager.ensure`, of the first that fails.
        """
        first, *others = self._holders(old)
        for server in (first, *others):
            server.manager.residency.uncapped.add(new)
        info = await first.manager.ensure(new)
        for server in others:
            await server.manager.ensure(new)
        return info

    async def leave_when_free(self, old: str, new: str) -> None:
        """Has a version that was replaced by `new` go with its last session; it counts no more."""
        for server in self._servers:
            server.manager.residency.uncapped.discard(new)
            if server.manager.residency.get(old) is not None:
                server.manager.residency.uncapped.add(old)
        await self.unload_when_free(old)

    async def unload_exactly(self, model: str) -> None:
        """Unloads a version where it is loaded, or being loaded; raises what failed first.

        On a server that another process announces its manager does that, in the order in which it
        hears of loads and unloads: an unload from here could come after the next load.
        """
        first: VdxError | None = None
        for server in list(self._servers):
            try:
                if server.announced:
                    await server.manager.leave(model)
                elif server.manager.residency.get(model) is not None:
                    await server.manager.unload(model)
            except VdxError as error:
                first = first or error
            server.manager.residency.uncapped.discard(model)
        if first is not None:
            raise first

    def first_audio_ms(self, voice: str) -> float | None:
        """The median time to the first audio of a voice, of whichever server measured it."""
        found = [server.requests.first_audio_ms.of(voice) for server in self._servers]
        known = [each for each in found if each is not None]
        return min(known, default=None)

    async def _everywhere(self, name: str, ask: Callable[[ModelManager], Awaitable[T]]) -> list[T]:
        """The answers of the holders, and of announced servers that others had load it, maybe."""
        holders = self._holders(name)
        answers = [await ask(server.manager) for server in holders]
        for server in list(self._servers):
            if server.announced and server.answers and server not in holders:
                with suppress(UnknownName):  # its repository is its own
                    answers.append(await ask(server.manager))
        return answers

    def _holders(self, name: str) -> list[ModelServer]:
        """Those that answer and have a model, or the first one."""
        have = [each for each in self._servers if each.manager.residency.get(name) is not None]
        return [each for each in have if each.answers] or self._ordered()[:1]

    async def _first(
        self, servers: list[ModelServer], ask: Callable[[ModelManager], Awaitable[T]]
    ) -> T:
        """The answer of the first server that does not fail; raises what the first one raised."""
        first: VdxError | None = None
        for server in servers:
            try:
                return await ask(server.manager)
            except (TritonError, UnknownName) as error:
                first = first or error
        if first is None:
            raise RuntimeError("there is no model server")
        raise first
