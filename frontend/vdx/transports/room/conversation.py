"""One room, from joining to leaving: one session after the other with the users who join it."""

import asyncio
import contextlib
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from livekit import rtc

from vdx.app import Application
from vdx.core.errors import RoomError, VdxError
from vdx.core.log_ids import logged_as
from vdx.core.logs import logger
from vdx.core.metrics import ROOMS
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session import Session
from vdx.transports.realtime.events import encode
from vdx.transports.room.agent import Agent
from vdx.transports.room.agent_heartbeat import send_heartbeats
from vdx.transports.room.audio_input import AudioInput
from vdx.transports.room.audio_output import AudioOutput
from vdx.transports.room.control import Controls
from vdx.transports.room.job_metadata import JobMetadata
from vdx.transports.room.outbox import RoomOutbox
from vdx.transports.room.output_lead import OutputLead
from vdx.transports.room.participants import Participants
from vdx.transports.room.pre_connect import FEATURE, PreConnectAudio
from vdx.transports.room.presenter import RoomPresenter
from vdx.transports.room.telephone import delivered, hang_up, is_caller, log_call
from vdx.transports.room.tools import RoomTools

log = logger(__name__)

CONNECT_S = 15.0
LEVELS_S = 0.2
LEAVE_TIMEOUT_S = 2.0
"""Seconds for the last messages, and for leaving."""
LOST = "lost"
SPECTATOR_TEXT = "The conversation here is with somebody else; you can listen, but are not heard."


@dataclass(frozen=True, slots=True)
class Ticket:
    """How the agent gets into a room: server, its token, the room's name."""

    url: str
    token: str
    room: str


class RoomConversation:
    """`run` in a task; cancelling it leaves the room."""

    def __init__(
        self,
        host: Application,
        ticket: Ticket,
        metadata: str,
        lead: OutputLead,
        agent: Agent | None = None,
    ) -> None:
        agent = agent or Agent.first(host.config.livekit)
        self._host = host
        self._config = agent.config
        self._usual_profile = agent.profile
        self._ticket = ticket
        self._metadata = metadata
        self._room = rtc.Room()
        self._outbox = RoomOutbox(
            self._room, transcription_packets=self._config.transcription_packets
        )
        self._participants = Participants(
            self._room,
            self._config.agent_name,
            self._config.listened_kinds,
            self._microphone,
            self._spectator,
        )
        self._pre_connect = PreConnectAudio(
            self._config.pre_connect_seconds, lambda: self._participants.linked
        )
        self._audio_input = AudioInput()
        self._lead = lead
        self._audio_output = AudioOutput(lead)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> str:
        """Returns why it ended: `empty`, `gone`, `closed`, `refused`, or a session's limit; `lost`
        where LiveKit does not answer any more.

        Raises:
            RoomError: the LiveKit server did not let the agent in.
        """
        ROOMS.inc()
        self._participants.follow()
        self._pre_connect.register(self._room)
        try:
            await self._connect()
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                talking = tasks.create_task(self._outbox.run(), name="room-outbox")
                living = tasks.create_task(send_heartbeats(self._room), name="room-life")
                try:
                    return await self._attend(tasks)
                finally:
                    self._audio_input.stop()
                    await self._pre_connect.close()
                    await self._outbox.flush(0.0 if self._participants.over else LEAVE_TIMEOUT_S)
                    talking.cancel()
                    living.cancel()
        finally:
            self._tasks = None
            ROOMS.dec()
            await self._leave()

    async def _connect(self) -> None:
        options = rtc.RoomOptions(auto_subscribe=False)
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._room.connect(self._ticket.url, self._ticket.token, options)
        except TimeoutError:
            raise RoomError(f"no answer from {self._ticket.url} in {CONNECT_S:g} s") from None
        except rtc.ConnectError as error:
            raise RoomError(f"room {self._ticket.room!r}: {error.message}") from error

    async def _leave(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await self._room.disconnect()
        await self._audio_output.close()

    async def _attend(self, tasks: asyncio.TaskGroup) -> str:
        self._outbox.state("initializing")
        controls = Controls(self._host, lambda: self._participants.linked, tasks, self._config)
        controls.register(self._room)
        publishing = tasks.create_task(
            self._audio_output.publish(self._room.local_participant), name="room-publish"
        )
        wait_s, reason = self._config.join_timeout_seconds, "empty"
        while user := await self._participants.next_user(wait_s):
            await publishing
            reason = await self._serve(user, controls)
            if reason != "gone":
                await self._part()
                break
            self._participants.unlink()
            wait_s = 0.0
        if self._participants.lost:
            return LOST
        return "closed" if self._participants.over else reason

    async def _serve(self, user: str, controls: Controls) -> str:
        """The conversation with one user; returns why it ended."""
        if (caller := self._participants.user) is not None and is_caller(caller):
            log_call(caller)
        try:
            metadata = JobMetadata.read(self._metadata)
            options = await self._options(metadata)
            self._audio_output.silent_at_pause = bool(metadata.silent_at_pause)
            with self._host.key_sessions(metadata.key or ""):
                return await self._converse(user, options, controls)
        except VdxError as error:
            self._refuse(user, error)
            return "refused"

    async def _options(self, metadata: JobMetadata) -> SessionOptions:
        """What the job asks for, its models loaded."""
        wanted = metadata.options(self._host, self._usual_profile)
        return await self._host.models.require(wanted)

    async def _part(self) -> None:
        """Returns once a user who is here got everything; ends the call of one on the telephone."""
        user = self._participants.user
        if user is None or self._participants.over:
            return
        await self._audio_output.played_out()
        await self._outbox.flush(LEAVE_TIMEOUT_S)
        await delivered(self._room.local_participant, user.identity)
        if self._config.hang_up and is_caller(self._participants.user):
            await hang_up(self._config, self._ticket.room, user.identity)

    def _refuse(self, user: str, error: VdxError) -> None:
        log.warning("room refused", room=self._ticket.room, error=error.for_log)
        self._outbox.event(encode("vdx.error", error=error.fields))
        self._outbox.chat(f"vdx cannot serve this room: {error.message}", user)

    async def _converse(self, user: str, options: SessionOptions, controls: Controls) -> str:
        """One session with one user, to its end."""
        presenter = RoomPresenter(self._outbox, self._audio_output, self._audio_input, user)
        tools = RoomTools(self._room, user, options.tools.timeout_ms / 1000)
        session = self._host.open_session(
            options, presenter, self._lead, promised=True, perform=tools.perform
        )
        presenter.attach(session)
        controls.session, controls.presenter = session, presenter
        if self._config.record_output is not None:
            self._audio_output.record()
        try:
            with logged_as(session.log_ids):
                reason = await self._attended(session, presenter)
        finally:
            controls.session = controls.presenter = None
            self._host.forget(session)
            if self._config.record_output is not None:
                await self._audio_output.save(self._config.record_output / f"{session.id}.wav")
        return reason

    async def _attended(self, session: Session, presenter: RoomPresenter) -> str:
        """Runs a session with what serves its user."""
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(work, name=f"{session.id}-{name}")
                for name, work in (
                    ("audio_input", self._audio_input.run(session.feed)),
                    ("levels", self._send_levels(session, presenter)),
                    ("user", self._watch_user(session)),
                )
            ]
            await self._audio_output.wait_for_listener()
            reason = await session.run()
            for helper in helpers:
                helper.cancel()
        return reason

    async def _watch_user(self, session: Session) -> None:
        """Ends the session when its user was away for `livekit.rejoin_grace_seconds`."""
        while True:
            await self._participants.away()
            self._audio_input.stop()
            session.interrupt()  # it has no listener; the history keeps what was played
            try:
                async with asyncio.timeout(self._config.rejoin_grace_seconds):
                    await self._participants.back()
            except TimeoutError:
                session.close("gone")
                return
            if self._participants.over:
                session.close("gone")
                return

    async def _send_levels(self, session: Session, presenter: RoomPresenter) -> None:
        """Sends VAD statistics five times a second."""
        while True:
            await asyncio.sleep(LEVELS_S)
            values: dict[str, Any] = asdict(session.hearing.statistics)
            rounded = {name: round(value, 3) for name, value in values.items()}
            presenter.event("vdx.vad", level=round(self._audio_input.level, 1), **rounded)

    def _microphone(self, track: rtc.Track | None, sid: str) -> None:
        if track is None:
            self._audio_input.stop(sid)
        elif self._tasks is not None:
            user, announced = self._participants.linked, self._announced(sid)
            self._audio_input.listen(
                track,
                self._tasks,
                partial(self._pre_connect.of, user, sid, announced=announced),
            )

    def _announced(self, track: str) -> bool:
        """Whether the user's client recorded its microphone while it was joining."""
        user = self._participants.user
        publication = None if user is None else user.track_publications.get(track)
        return publication is not None and FEATURE in publication.audio_features

    def _spectator(self, identity: str) -> None:
        self._outbox.event(encode("vdx.spectator", message=SPECTATOR_TEXT), to=identity)
        self._outbox.chat(SPECTATOR_TEXT, identity)
