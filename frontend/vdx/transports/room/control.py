"""Requests of the linked user beside speech: RPCs, text on `lk.chat`, and keys of a telephone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import Any

from livekit import rtc
from pydantic import BaseModel, ConfigDict, Field

from vdx.app import Application
from vdx.core.config import LiveKitConfig
from vdx.core.errors import InvalidInput, SessionLimit, VdxError
from vdx.core.json_input import parse_json
from vdx.core.logs import logger
from vdx.core.validation import validated
from vdx.dialog.session import Session
from vdx.transports.function_tools import ToolChoice, Tools, offer_of
from vdx.transports.realtime.schema import session_update
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.turn_detection import usual_of
from vdx.transports.room.keypad import Keypad
from vdx.transports.room.outbox import TOPIC_CHAT
from vdx.transports.room.presenter import RoomPresenter

log = logger(__name__)

MAX_TEXT = 4_000
"""Characters a user may type or have spoken at once."""
CHAT_S = 10.0
MAX_CHATS = 8
"""Texts being received at once."""


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SayRequest(Request):
    text: str = Field(min_length=1, max_length=MAX_TEXT)


class UseModelRequest(Request):
    model: str = Field(min_length=1, max_length=200)


class UpdateSessionRequest(Request):
    session: dict[str, Any] = Field(description="as of a session.update over the WebSocket")


class SetToolsRequest(Request):
    tools: Tools
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None


class EmptyRequest(Request):
    pass


class Controls:
    """Serves one room; `session` and `presenter` are set while a conversation is on."""

    def __init__(
        self,
        host: Application,
        user: Callable[[], str],
        tasks: asyncio.TaskGroup,
        config: LiveKitConfig,
    ) -> None:
        self._host = host
        self._user = user
        self._tasks = tasks
        self._chats = 0
        self._updating = asyncio.Lock()
        self._settings: tuple[Session, Settings] | None = None
        self._keypad = Keypad(config, self._keys_begin, self._keys_entered)
        self._keyed_in: Session | None = None
        self.session: Session | None = None
        self.presenter: RoomPresenter | None = None

    def register(self, room: rtc.Room) -> None:
        """Call once the room is connected."""
        methods = {
            "vdx.say": self._say,
            "vdx.interrupt": self._interrupt,
            "vdx.use_model": self._use_model,
            "vdx.update_session": self._update_session,
            "vdx.set_tools": self._set_tools,
            "vdx.stats": self._stats,
        }
        for name, method in methods.items():
            room.local_participant.register_rpc_method(name, self._answering(name, method))
        room.register_text_stream_handler(TOPIC_CHAT, self._chat)
        room.on("sip_dtmf_received", self._key)

    def _answering(
        self, name: str, method: Callable[[Any], Awaitable[dict[str, Any]]]
    ) -> Callable[[rtc.RpcInvocationData], Awaitable[str]]:
        async def answer(call: rtc.RpcInvocationData) -> str:
            try:
                self._admit(call.caller_identity)
                return json.dumps(await method(_payload(call.payload)))
            except VdxError as error:
                data = json.dumps({"param": getattr(error, "param", None), **error.fields})
                code = rtc.RpcError.ErrorCode.APPLICATION_ERROR
                raise rtc.RpcError(code, f"{name}: {error.message}", data) from None

        return answer

    def _admit(self, identity: str) -> None:
        if identity != self._user():
            raise InvalidInput("the conversation is with somebody else", param="caller")

    @property
    def _live(self) -> tuple[Session, RoomPresenter]:
        if self.session is None or self.presenter is None:
            raise SessionLimit("the conversation has not begun or is over; try again later")
        return self.session, self.presenter

    async def _say(self, payload: Any) -> dict[str, Any]:
        wanted = validated(SayRequest, payload, "payload")
        session, _ = self._live
        if _active_reply(session) is not None:
            raise InvalidInput("a reply is under way; vdx.interrupt ends it", param="text")
        if session.reply_requested:
            raise InvalidInput(
                "a reply was asked for and waits; vdx.interrupt ends it", param="text"
            )
        session.say(wanted.text)
        return {"reply": _active_reply(session)}

    async def _interrupt(self, payload: Any) -> dict[str, Any]:
        validated(EmptyRequest, payload, "payload")
        session, _ = self._live
        active = session.active_reply is not None
        session.interrupt()
        return {"interrupted": active}

    async def _use_model(self, payload: Any) -> dict[str, Any]:
        wanted = validated(UseModelRequest, payload, "payload")
        session, presenter = self._live
        kind = await self._host.switching.use_offered(wanted.model, session)
        presenter.send_session()
        return {"model": wanted.model, "kind": kind}

    async def _update_session(self, payload: Any) -> dict[str, Any]:
        """Takes the settings of a session.update; formats of audio are the room's own."""
        wanted = validated(UpdateSessionRequest, payload, "payload")
        update = session_update({"type": "realtime"} | wanted.session)
        async with self._updating:
            session, presenter = self._live
            while True:
                before = session.options
                new = self._settings_of(session).merged(update)
                options = await self._host.models.require(new.options)
                await self._host.prepare(options)
                if session.options is before:
                    break
                # They were changed while a model was loaded: the result is made again.
            session.update(options)
            self._settings = session, replace(new, options=options)
        presenter.send_session()
        return {"session": new.rendered(session.ids.realtime_id)}

    def _settings_of(self, session: Session) -> Settings:
        """What this conversation was set to, with what an administrator swapped in it."""
        options = session.options
        if self._settings is not None and self._settings[0] is session:
            return self._settings[1].following(options)
        return Settings(
            options,
            options.voice_choice,
            options.recogniser,
            detection=usual_of(options),
            profile_of=self._host.profiles.options,
        )

    async def _set_tools(self, payload: Any) -> dict[str, Any]:
        wanted = validated(SetToolsRequest, payload, "payload")
        session, _ = self._live
        offer = offer_of(
            wanted.tools, wanted.tool_choice, wanted.parallel_tool_calls, param="payload"
        )
        session.update(session.options.updated(offer=offer))
        return {"tools": [spec.name for spec in offer.tools]}

    async def _stats(self, payload: Any) -> dict[str, Any]:
        validated(EmptyRequest, payload, "payload")
        session, presenter = self._live
        return {
            "session": session.id,
            "state": session.state.value,
            "profile": session.options.profile,
            "voice": session.options.voice,
            "recogniser": session.options.recogniser,
            "language": session.options.asked_language,
            "messages": len(session.history),
            "vad": asdict(session.hearing.statistics),
            "last_turn": presenter.last_turn,
        }

    def _key(self, pressed: rtc.SipDTMF) -> None:
        who = pressed.participant
        if who is not None and who.identity == self._user() and self.session is not None:
            if self._keyed_in is not self.session:
                self._keypad.clear()  # of a user who was here before
            self._keypad.press(pressed.digit)

    def _keys_begin(self) -> None:
        """Whoever presses a key has heard enough, as one who speaks."""
        self._keyed_in = self.session
        if self.session is not None:
            self.session.interrupt()

    def _keys_entered(self, keys: str) -> None:
        # A conversation that began with another user meanwhile is not theirs.
        if self.session is not None and self.session is self._keyed_in and self.presenter:
            self.presenter.event("vdx.user.keys", keys=keys)
            self.session.type_text(keys)

    def _chat(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if identity != self._user() or self.session is None or self._chats >= MAX_CHATS:
            reader.close()
            return
        self._chats += 1
        self._tasks.create_task(self._read_chat(reader), name="room-chat")

    async def _read_chat(self, reader: rtc.TextStreamReader) -> None:
        text = ""
        try:
            async with asyncio.timeout(CHAT_S):
                async for piece in reader:
                    text += piece
                    if len(text) > MAX_TEXT:
                        break
        except (TimeoutError, ConnectionError) as error:  # the sender stopped midway
            log.warning("chat lost", error=repr(error))
            return
        finally:
            self._chats -= 1
            reader.close()
        if self.session is None or self.presenter is None:
            return
        if len(text) > MAX_TEXT:
            long = InvalidInput(f"a text may have {MAX_TEXT} characters", param="lk.chat")
            self.presenter.event("vdx.error", error=long.fields)
        elif text.strip():
            self.session.type_text(text.strip())


def _active_reply(session: Session) -> int | None:
    reply = session.active_reply
    return None if reply is None else reply.number


def _payload(text: str) -> Any:
    """JSON of an RPC; an empty payload is an empty object."""
    return parse_json(text, "the payload", param="payload") if text.strip() else {}
