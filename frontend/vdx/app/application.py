"""The application of one process: its parts, the default models, and the open sessions."""

import asyncio
import os
import platform
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from vdx.app.announced_servers import AnnouncedServers
from vdx.app.builtin_tools import BuiltinTools
from vdx.app.language_voices import LanguageVoices
from vdx.app.mcp_named_by_clients import ClientMcpServer
from vdx.app.mcp_servers import McpServers
from vdx.app.model_access import ModelAccess
from vdx.app.model_routes import ModelRoutes
from vdx.app.model_server import ModelServer
from vdx.app.model_updates import ModelUpdates
from vdx.app.profile_models import ProfileModels
from vdx.app.responders import Responders
from vdx.app.served_models import ServedModels
from vdx.app.session_leases import SessionLeases
from vdx.app.shared_updates import UpdateSharing
from vdx.app.switching import ModelSwitching
from vdx.core.call_files import calls_folder, delete_expired
from vdx.core.capacity import default_max_sessions
from vdx.core.config import Config
from vdx.core.errors import SessionLimit, TritonError, UnknownName
from vdx.core.logs import logger
from vdx.core.process_identity import process_identity
from vdx.core.threads import in_thread
from vdx.dialog.call_recorder import CallRecorder
from vdx.dialog.drain import Drain
from vdx.dialog.ids import REALTIME_PREFIX
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.services import Services
from vdx.dialog.session import Session
from vdx.dialog.tools.toolbox import Perform, Tool
from vdx.dialog.tools.user import ToolUser
from vdx.dialog.transport import Transport
from vdx.serving.language_model import LanguageModelServer
from vdx.serving.lease_sync import LeaseSync
from vdx.serving.manager import ModelManager
from vdx.serving.manager_client import ManagerClient
from vdx.serving.model_versions import ModelVersions
from vdx.serving.models import ModelKind
from vdx.serving.registry.memory import MemoryRegistry, Registry
from vdx.serving.triton import TritonClient
from vdx.speech.input.aec import preload
from vdx.speech.text.normalise import prepared

log = logger(__name__)

DELETE_EVERY_S = 3600


class Application:
    """One per process; every session of every transport is opened here."""

    triton_pid: int | None = None
    triton_metrics = ""
    language_models: Sequence[LanguageModelServer] = ()
    """Those that run on this machine."""
    loaded = False
    """Whether the default models have been loaded; from then on sessions are let in."""
    announced: AnnouncedServers | None = None
    """Where servers of other processes are used too."""

    def __init__(
        self,
        config: Config,
        client: TritonClient,
        manager: ModelManager,
        *,
        manages_only: bool = False,
        registry: Registry | None = None,
        name: str = "",
        versions: ModelVersions | None = None,
    ) -> None:
        """One that `manages_only` serves no sessions: frontends elsewhere lease its models.

        `client` and `manager` are those of its first server; `add_server` adds others, and `name`
        is what the first one is called where there are several. `versions` are the models that took
        the place of others.
        """
        self.config = config
        self.manages_only = manages_only
        self.client = client
        self.manager = manager
        self.sessions: dict[str, Session] = {}
        self.max_sessions = config.server.max_sessions or default_max_sessions()
        self.drain = Drain(config.server.drain_timeout_seconds)
        self.servers: list[ModelServer] = []
        self._drained: set[str] = set()
        """Of those that were taken away."""
        self.served = ServedModels(self.servers, versions)
        self.profiles = ProfileModels(config, self.served)
        self.models = ModelAccess(config, self.served, self.profiles)
        expiry_s = config.model_manager.lease_expiry_ms / 1000
        self.updates = ModelUpdates(
            self.served, self.served.versions, self.sessions, self.profiles.keep_too
        )
        self.routes = ModelRoutes(
            self.servers,
            self.profiles,
            registry or MemoryRegistry(expiry_s),
            self.updates,
            manages_only=manages_only,
        )
        heartbeat_s = config.model_manager.lease_heartbeat_ms / 1000
        self.leases = SessionLeases(self._manager_of, self.sessions, heartbeat_s)
        self.sharing: UpdateSharing | None = None
        """Where other frontends take part in updates."""
        self.routes.moved = self._moved
        self.switching = ModelSwitching(self.served, self.profiles, self.models, self.sessions)
        self.add_server(name or f"triton@{platform.node()}", client, manager)
        self.readiness = self.servers[0].readiness
        self._responders = Responders()
        self.key_sessions: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
        """Counts an open session among those of an API key, named by its hash."""
        self._mcp = McpServers()
        self._language_voices = LanguageVoices(self.profiles, self.served)
        self._builtin_tools = BuiltinTools(self.profiles, self.models)

    def add_server(
        self, name: str, client: TritonClient, manager: ModelManager, *, announced: bool = False
    ) -> ModelServer:
        """Has sessions served by another Triton too, once it is looked at or announced."""
        server = ModelServer(name, client, manager, self.profiles, announced=announced)
        manager.residency.kept = self.served.kept
        manager.recovery.serve_beside = lambda: self.routes.serve_beside(server)
        server.drains = lambda: self.drain.active
        server.draining = name in self._drained
        self.servers.append(server)
        self._lease_again()
        return server

    def remove_server(self, server: ModelServer) -> None:
        """Sends nobody there any more; the first server stays."""
        if server in self.servers[1:]:
            self.servers.remove(server)
            (self._drained.add if server.draining else self._drained.discard)(server.name)
            self._lease_again()
            server.manager.rename("")

    def _manager_of(self, session: str, model: str) -> ModelManager:
        """Who keeps a model for a session."""
        return self.routes.of(session).server_of(model).manager

    def _lease_again(self) -> None:
        """Has sessions lease of who keeps their models now: a server came back, or went."""
        for session in self.sessions.values():
            self.leases.follow(session.id, session.options)

    def serving(self, model: str) -> ModelServer:
        """A server that answers and has a model loaded; the first one where none has."""
        return self.served.holder(model)

    def _moved(self, session: str) -> None:
        """A session goes to another server from now on: its leases go with it."""
        if session in self.sessions:
            self.leases.follow(session, self.sessions[session].options)

    def _options_changed(self, session: str, options: SessionOptions) -> None:
        if session not in self.sessions:
            return  # a switch may end after its session
        self.routes.of(session).place(options)
        self.leases.follow(session, options)

    def _session_services(self, session: str) -> Services:
        """What a session needs of the application."""
        routes = self.routes.of(session)
        return Services(
            config=self.config,
            synthesize=routes.synthesize,
            recognise=routes.recognise,
            can=self.served.can,
            sounds=self.served.sounds,
            responder=self._responders.of,
            recover_voice=routes.recover_voice,
            recover_recogniser=routes.recover_recogniser,
            judge=routes.judge,
            options_changed=self._options_changed,
            recorder=self._recorder,
            server_tools=self._server_tools,
            find_voice=self._language_voices.find,
            connect_mcp=ClientMcpServer,
        )

    def _recorder(
        self, options: SessionOptions, session: str, clock: Callable[[], float]
    ) -> CallRecorder:
        facts = {
            "session": session,
            "profile": options.profile,
            "consent": options.consent,
            "voice": options.voice,
            "recogniser": options.recogniser,
        }
        return CallRecorder(calls_folder(self.config.call_recording.folder), facts, clock)

    async def _delete_old_calls(self) -> None:
        """Deletes recorded calls that are older than they may be kept, now and every hour."""
        kept = self.config.call_recording
        while True:
            try:
                count = await in_thread(
                    delete_expired, calls_folder(kept.folder), kept.retention_days
                )
            except OSError as error:
                log.warning("old recordings stay", error=error.strerror)
            else:
                if count:
                    log.info("old recordings deleted", count=count)
            await asyncio.sleep(DELETE_EVERY_S)

    def _server_tools(self, user: ToolUser) -> list[Tool]:
        """What the profile of a session switches on and names; vdx's own tools come first."""
        own = self._builtin_tools.of(user)
        names = {tool.spec.name for tool in own}
        theirs = self._mcp.tools(user.options.tools)
        return [*own, *(tool for tool in theirs if tool.spec.name not in names)]

    def share_leases(self, remote: ManagerClient, server: ModelServer | None = None) -> None:
        """Has the leases of the sessions on a server held at its manager elsewhere too."""
        server = server or self.servers[0]
        heartbeat_s = self.config.model_manager.lease_heartbeat_ms / 1000
        server.lease_sync = LeaseSync(remote, server.manager.residency, heartbeat_s)
        server.manager.leases.changed = server.lease_sync.changed

    @property
    def lease_sync(self) -> LeaseSync | None:
        """That of the first server, where a manager elsewhere loads its models."""
        return self.servers[0].lease_sync

    async def load_defaults(self) -> None:
        """Loads every profile's models and what `model_manager.preload_model_ids` names.

        Raises:
            UnknownName: a name that the repository does not hold.
            LoadRefused: more is preloaded than `model_manager` lets be loaded.
            ConfigError: a profile's language is not one of its voice or recogniser.
            TritonError: a model could not be loaded.
        """
        if self.sharing is not None:
            await self.sharing.start()
        if self.served.versions.all:
            self.served.versions.require(await self.served.names())
        await self.profiles.find()
        profiles = [self.profiles.options(name) for name in self.profiles.names]
        for options in profiles:
            # The chat client takes a second to import; better now than in the first turn.
            await in_thread(self._responders.of, options)
            await prepared(options.language)
            await self.prepare(options)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._load_models(), name="load-models")
            group.create_task(self._responders.warm(profiles), name="warm")
            group.create_task(self._mcp.start(each.tools for each in profiles), name="mcp")
        self.profiles.check_models()
        for server in self.servers:
            server.readiness.problem = await server.readiness.check()
        await self.routes.look()
        self.loaded = True

    async def _load_models(self) -> None:
        """Loads the models of the profiles on every server of this process, and what is preloaded.

        One that announces itself has a manager that does so.
        """
        own = [server.manager for server in self.servers if not server.announced]
        async with asyncio.TaskGroup() as group:
            for manager in own:
                group.create_task(self._load_models_of(manager), name="load-models")

    async def _load_models_of(self, manager: ModelManager) -> None:
        """Loads the models of the profiles, the default voice first, then what is preloaded."""
        async with asyncio.TaskGroup() as group:
            for model, kind in self.profiles.used().items():
                task = self._load_default(manager, model, kind)
                group.create_task(task, name=f"load-{model}")
        for model in self.profiles.preloaded():
            await manager.ensure(model)

    async def _load_default(
        self, manager: ModelManager, model: str, kind: ModelKind | None
    ) -> None:
        """Loads a model; without its endpointer a server starts all the same."""
        try:
            await manager.ensure(model, kind)
        except TritonError as error:
            if kind != "endpointer":
                raise
            log.warning("no endpointer: the words alone tell", model=model, error=str(error))

    def language_model_changed(self, server: LanguageModelServer) -> None:
        """Has a language model whose process has started anew evaluate the prompts again."""
        if self.loaded and server.pid is not None:
            profiles = [self.profiles.options(name) for name in self.profiles.names]
            self._responders.warm_again(profiles, server.socket)

    async def watch_models(self) -> None:
        """Probes and evicts models, renews leases and looks whether all is ready, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.leases.run(), name="renew-leases")
            group.create_task(self.routes.run(), name="look-at-servers")
            group.create_task(self._delete_old_calls(), name="delete-old-calls")
            for server in list(self.servers):
                group.create_task(server.run(), name=f"watch-{server.name}")
            if self.sharing is not None:
                group.create_task(self.sharing.run(), name="share-updates")
            if self.announced is not None:
                group.create_task(self.announced.run(), name="use-announced-servers")

    @property
    def problem(self) -> str:
        """Why no server can serve sessions; empty: one can."""
        problems = [server.readiness.problem for server in self.servers]
        return "" if "" in problems else problems[0]

    @property
    def ready(self) -> bool:
        """Whether a Triton answered the last look and every profile's models were there."""
        return self.loaded and not self.problem

    async def close(self) -> None:
        """Frees what the responders hold, gives up loads that nobody waits for, and ends MCP."""
        await self._mcp.close()
        await self.updates.close()
        await self.routes.close()
        await self._responders.close()

    async def prepare(self, options: SessionOptions) -> None:
        """Imports, in a thread, the libraries that a session with these options needs."""
        if options.echo_control.processed:
            await in_thread(preload)

    def open_session(
        self,
        options: SessionOptions,
        transport: Transport,
        lead_ms: Callable[[], int] | None = None,
        *,
        promised: bool = False,
        perform: Perform | None = None,
    ) -> Session:
        """A new session, to be run by the caller and given back with `forget`.

        `lead_ms` replaces `playout.output_lead_ms` where a transport has its own; `promised` was
        agreed to before the server drained, as a room was; `perform` calls the client's tools where
        the transport can.

        Raises:
            Draining: the server is about to end.
            SessionLimit: the server holds `server.max_sessions` already.
        """
        if self.drain.active and not promised:
            raise self.drain.refusal()
        self.require_room()
        # Only rooms have a lead of their own, and only they are promised.
        name = "room" if promised else "websocket"
        session_id = secrets.token_hex(6)
        options = self.updates.for_session(options, session_id)
        services = replace(
            self._session_services(session_id), lead_ms=lead_ms, transport=name, perform=perform
        )
        session = Session(session_id, options, services, transport)
        self.routes.of(session_id).place(options)
        self.sessions[session.id] = session
        self.leases.follow(session.id, options)
        return session

    async def require_free(self, options: SessionOptions) -> None:
        """Waits `routing.wait_ms` for a server with room; raises ServersBusy where none has."""
        await self.routes.require_free(options, self.config.routing.wait_ms / 1000)

    def require_room(self) -> None:
        """Raises SessionLimit where the server holds `server.max_sessions` already."""
        limit = self.max_sessions
        if len(self.sessions) >= limit:
            raise SessionLimit(f"the server holds {limit} sessions, its limit; try again later")

    def forget(self, session: Session) -> None:
        """Takes a session that has ended off the list of open ones."""
        self.sessions.pop(session.id, None)
        self.leases.end(session.id)
        self.updates.forget(session.id)
        self.routes.forget(session.id)
        self.drain.session_ended()

    def session(self, session_id: str) -> Session:
        """An open session by its id, also that of the Realtime protocol; raises UnknownName."""
        try:
            return self.sessions[session_id.removeprefix(REALTIME_PREFIX)]
        except KeyError:
            raise UnknownName(f"there is no session {session_id!r}", param="session") from None

    def status(self) -> dict[str, Any]:
        """The body of `GET /vdx/status`."""
        return {
            "pid": os.getpid(),
            "process": process_identity(),
            "triton_pid": self.triton_pid,
            "triton_grpc": self.client.config.url,
            "triton_metrics": self.triton_metrics,
            "tritons": [
                {"server": each.name, "pid": each.pid, "grpc": each.client.config.url}
                for each in self.servers
            ],
            "ready": self.ready,
            "sessions": len(self.sessions),
            "max_sessions": self.max_sessions,
            "tasks": len(asyncio.all_tasks()),
            "recogniser": self.profiles.recogniser,
            "voice": self.profiles.options("").voice,
            "endpointer": self.profiles.options("").endpointer,
            "responder": self.profiles.options("").responder.kind,
            "language_models": [
                {"model": each.options.name, "pid": each.pid} for each in self.language_models
            ],
        }
