"""The application of one process: its parts, the default models, and the open sessions."""

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from vdx.app.builtin_tools import BuiltinTools
from vdx.app.failover import Failover
from vdx.app.mcp_servers import McpServers
from vdx.app.model_access import ModelAccess
from vdx.app.model_requests import ModelRequests
from vdx.app.model_routes import ModelRoutes
from vdx.app.profile_models import ProfileModels
from vdx.app.responders import Responders
from vdx.app.session_leases import SessionLeases
from vdx.app.switching import ModelSwitching
from vdx.core.call_files import calls_folder, delete_expired
from vdx.core.capacity import default_max_sessions
from vdx.core.config import Config
from vdx.core.errors import SessionLimit, TritonError, UnknownName
from vdx.core.logs import logger
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
from vdx.serving.models import ModelKind
from vdx.serving.readiness import Readiness
from vdx.serving.registry.view import MemoryRegistry
from vdx.serving.triton import TritonClient
from vdx.speech.input.aec import preload
from vdx.speech.text.normalise import prepared

log = logger(__name__)

DELETE_EVERY_S = 3600


class Application:
    """One per process; every session of every transport is opened here."""

    def __init__(
        self,
        config: Config,
        client: TritonClient,
        manager: ModelManager,
        *,
        manages_only: bool = False,
    ) -> None:
        """One that `manages_only` serves no sessions: frontends elsewhere lease its models."""
        self.config = config
        self.manages_only = manages_only
        self.client = client
        self.manager = manager
        self.sessions: dict[str, Session] = {}
        self.max_sessions = config.server.max_sessions or default_max_sessions()
        self.triton_pid: int | None = None
        self.triton_metrics = ""
        self.language_models: Sequence[LanguageModelServer] = ()
        """Those that run on this machine."""
        self.drain = Drain(config.server.drain_timeout_seconds)
        self.loaded = False
        """Whether the default models have been loaded; from then on sessions are let in."""
        self.profiles = ProfileModels(config, manager)
        self.models = ModelAccess(config, manager, self.profiles)
        self.leases = SessionLeases(
            manager, self.sessions, config.model_manager.lease_heartbeat_ms / 1000
        )
        self.switching = ModelSwitching(manager, self.profiles, self.models, self.sessions)
        self.readiness = Readiness(client, self.profiles.initial, manager.recovery.alive)
        self.requests = ModelRequests(client, manager, self.readiness)
        self.routes = ModelRoutes(
            client,
            manager,
            self.profiles,
            self.requests.first_audio,
            MemoryRegistry(config.model_manager.lease_expiry_ms / 1000),
        )
        self.lease_sync: LeaseSync | None = None
        """Where a manager elsewhere loads the models."""
        self._responders = Responders()
        self._mcp = McpServers()
        self._builtin_tools = BuiltinTools(self.profiles, self.models)
        self._services = self._session_services()

    def _session_services(self) -> Services:
        """What a session needs of the application."""
        failover = Failover(self.manager, self.profiles)
        return Services(
            config=self.config,
            synthesize=self.requests.synthesize,
            recognise=self.requests.recognise,
            can=self.manager.can,
            responder=self._responders.of,
            recover_voice=failover.recover_voice,
            recover_recogniser=failover.recover_recogniser,
            judge=self.requests.judge,
            options_changed=self.leases.follow,
            recorder=self._recorder,
            server_tools=self._server_tools,
        )

    def _recorder(
        self, options: SessionOptions, session: str, clock: Callable[[], float]
    ) -> CallRecorder:
        facts = {
            "session": session,
            "profile": options.profile,
            "consent": self.config.profiles[options.profile].consent,
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

    def share_leases(self, remote: ManagerClient) -> None:
        """Has the leases of the sessions held at a manager elsewhere too."""
        heartbeat_s = self.config.model_manager.lease_heartbeat_ms / 1000
        self.lease_sync = LeaseSync(remote, self.manager.residency, heartbeat_s)
        self.manager.leases_changed = self.lease_sync.changed

    async def load_defaults(self) -> None:
        """Loads every profile's models and what `model_manager.preload_model_ids` names.

        Raises:
            UnknownName: a name that the repository does not hold.
            LoadRefused: more is preloaded than `model_manager` lets be loaded.
            ConfigError: a profile's language is not one of its voice or recogniser.
            TritonError: a model could not be loaded.
        """
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
        self.profiles.check_languages()
        self.readiness.problem = await self.readiness.check()
        self.loaded = True

    async def _load_models(self) -> None:
        """Loads the models of the profiles, the default voice first, then what is preloaded."""
        async with asyncio.TaskGroup() as group:
            for model, kind in self.profiles.used().items():
                group.create_task(self._load_default(model, kind), name=f"load-{model}")
        for model in self.profiles.preloaded():
            await self.manager.ensure(model)

    async def _load_default(self, model: str, kind: ModelKind | None) -> None:
        """Loads a model; without its endpointer a server starts all the same."""
        try:
            await self.manager.ensure(model, kind)
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
            group.create_task(self.manager.run(), name="watch-models")
            group.create_task(self.leases.run(), name="renew-leases")
            group.create_task(self.readiness.run(), name="watch-readiness")
            group.create_task(self._delete_old_calls(), name="delete-old-calls")
            if self.lease_sync is not None:
                group.create_task(self.lease_sync.run(), name="send-leases")

    @property
    def ready(self) -> bool:
        """Whether Triton answered the last look and every profile's models were there."""
        return self.loaded and not self.readiness.problem

    async def close(self) -> None:
        """Frees what the responders hold, and ends the connections to MCP servers."""
        await self._mcp.close()
        await self._responders.close()

    async def prepare(self, options: SessionOptions) -> None:
        """Imports, in a thread, the libraries that a session with these options needs."""
        if options.echo_control.cancellation:
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
        services = replace(self._services, lead_ms=lead_ms, transport=name, perform=perform)
        session = Session(secrets.token_hex(6), options, services, transport)
        self.sessions[session.id] = session
        self.leases.follow(session.id, options)
        return session

    def require_room(self) -> None:
        """Raises SessionLimit where the server holds `server.max_sessions` already."""
        limit = self.max_sessions
        if len(self.sessions) >= limit:
            raise SessionLimit(f"the server holds {limit} sessions, its limit; try again later")

    def forget(self, session: Session) -> None:
        """Takes a session that has ended off the list of open ones."""
        self.sessions.pop(session.id, None)
        self.leases.end(session.id)
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
            "triton_pid": self.triton_pid,
            "triton_grpc": self.client.config.url,
            "triton_metrics": self.triton_metrics,
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
