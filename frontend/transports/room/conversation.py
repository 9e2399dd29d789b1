"""One room from joining to leaving: waits for a person, converses, goes when they are gone."""

import asyncio
import contextlib
from dataclasses import asdict, dataclass
from typing import Any

from livekit import rtc

from frontend.core.config import EchoControlConfig
from frontend.core.errors import RoomError, VdxError
from frontend.core.logs import logger
from frontend.core.metrics import ROOMS
from frontend.dialog.profiles import SessionOptions
from frontend.dialog.session import Session
from frontend.transports.host import Host
from frontend.transports.realtime.events import encode
from frontend.transports.room.control import Controls
from frontend.transports.room.courier import Courier
from frontend.transports.room.ears import Ears
from frontend.transports.room.job import JobWishes
from frontend.transports.room.lead import OutputLead
from frontend.transports.room.mouth import Mouth
from frontend.transports.room.narrator import RoomNarrator, error_fields
from frontend.transports.room.people import People

log = logger(__name__)

CONNECT_S = 15.0
LEVELS_S = 0.2
GOODBYE_S = 2.0
"""How long the last messages, and leaving, may take."""
SPECTATOR_TEXT = "The conversation here is with somebody else; you can listen, but are not heard."


@dataclass(frozen=True, slots=True)
class Ticket:
    """How the agent gets into a room: server, its token, the room's name."""

    url: str
    token: str
    room: str


class RoomConversation:
    """`run` in a task; cancelling it leaves the room."""

    def __init__(self, host: Host, ticket: Ticket, metadata: str, lead: OutputLead) -> None:
        self._host = host
        self._config = host.config.livekit
        self._ticket = ticket
        self._metadata = metadata
        self._room = rtc.Room()
        self._courier = Courier(self._room)
        self._people = People(
            self._room, self._config.agent_name, self._microphone, self._spectator
        )
        self._ears = Ears()
        self._lead = lead
        self._mouth = Mouth(lead)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> str:
        """Returns why it ended: `empty`, `gone`, `closed`, `refused`, or a session's limit.

        Raises:
            RoomError: the LiveKit server did not let the agent in.
        """
        ROOMS.inc()
        self._people.follow()
        try:
            await self._connect()
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                talking = tasks.create_task(self._courier.run(), name="room-courier")
                try:
                    return await self._attend(tasks)
                finally:
                    self._ears.stop()
                    await self._courier.flush(0.0 if self._people.over else GOODBYE_S)
                    talking.cancel()
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
            async with asyncio.timeout(GOODBYE_S):
                await self._room.disconnect()
        await self._mouth.close()

    async def _attend(self, tasks: asyncio.TaskGroup) -> str:
        self._courier.state("initializing")
        controls = Controls(self._host, lambda: self._people.linked, tasks)
        controls.register(self._room)
        publishing = tasks.create_task(
            self._mouth.publish(self._room.local_participant), name="room-publish"
        )
        wait_s, reason = self._config.join_timeout_seconds, "empty"
        while person := await self._people.next_person(wait_s):
            await publishing
            try:
                options = await self._options()
                reason = await self._converse(person, options, controls)
            except VdxError as error:
                self._refuse(person, error)
                return "refused"
            self._people.unlink()
            if reason != "gone":
                break
            wait_s = 0.0
        return "closed" if self._people.over else reason

    async def _options(self) -> SessionOptions:
        """What the job asks for, its models loaded."""
        options = JobWishes.read(self._metadata).options(self._host)
        await self._host.offered(options.voice, "tts", options.language)
        if options.recogniser:
            await self._host.offered(options.recogniser, "asr", options.language)
        return options.updated(echo=self._echo(options.echo))

    def _echo(self, asked: EchoControlConfig) -> EchoControlConfig:
        """The session's own echo stage, switched on where `livekit` says so."""
        suppress = asked.noise_suppression or self._config.noise_suppression
        cancel = asked.cancellation or self._config.echo_cancellation or suppress
        return asked.model_copy(update={"cancellation": cancel, "noise_suppression": suppress})

    def _refuse(self, person: str, error: VdxError) -> None:
        log.warning("room refused", room=self._ticket.room, error=error.for_log)
        self._courier.event(encode("vdx.error", error=error_fields(error)))
        self._courier.chat(f"vdx cannot serve this room: {error.message}", person)

    async def _converse(self, person: str, options: SessionOptions, controls: Controls) -> str:
        """One session with one person, to its end."""
        narrator = RoomNarrator(self._courier, self._mouth, self._ears, person)
        session = self._host.open_session(options, narrator, self._lead, promised=True)
        narrator.attach(session)
        controls.session, controls.narrator = session, narrator
        if self._config.record_output is not None:
            self._mouth.record()
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(work, name=f"{session.id}-{name}")
                    for name, work in (
                        ("ears", self._ears.run(session.feed)),
                        ("levels", self._tell_levels(session, narrator)),
                        ("person", self._watch_person(session)),
                    )
                ]
                await self._mouth.heard()
                reason = await session.run()
                for helper in helpers:
                    helper.cancel()
        finally:
            controls.session = controls.narrator = None
            self._host.forget(session)
            if self._config.record_output is not None:
                await self._mouth.save(self._config.record_output / f"{session.id}.wav")
        return reason

    async def _watch_person(self, session: Session) -> None:
        """The person may leave and come back within the grace time."""
        while True:
            await self._people.away()
            self._ears.stop()
            session.interrupt()  # nobody hears it, and the history holds what was heard
            try:
                async with asyncio.timeout(self._config.rejoin_grace_seconds):
                    await self._people.back()
            except TimeoutError:
                session.close("gone")
                return
            if self._people.over:
                session.close("gone")
                return

    async def _tell_levels(self, session: Session, narrator: RoomNarrator) -> None:
        """VAD statistics for clients that draw them."""
        while True:
            await asyncio.sleep(LEVELS_S)
            values: dict[str, Any] = asdict(session.hearing.statistics)
            rounded = {name: round(value, 3) for name, value in values.items()}
            narrator.event("vdx.vad", level=round(self._ears.level, 1), **rounded)

    def _microphone(self, track: rtc.Track | None, sid: str) -> None:
        if track is None:
            self._ears.stop(sid)
        elif self._tasks is not None:
            self._ears.listen(track, self._tasks)

    def _spectator(self, identity: str) -> None:
        self._courier.event(encode("vdx.spectator", message=SPECTATOR_TEXT), to=identity)
        self._courier.chat(SPECTATOR_TEXT, identity)
