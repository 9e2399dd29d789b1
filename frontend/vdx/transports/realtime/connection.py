"""One client of `/v1/realtime`: its events in, a session between, the presenter's events out."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from vdx.app import Application
from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES, SPEAK_RATE, rms
from vdx.core.errors import (
    InvalidInput,
    NoItemToDelete,
    NoItemToRetrieve,
    NoItemToTruncate,
    NoReplyActive,
    ReplyActive,
    SessionLimit,
    TooLarge,
    VdxError,
)
from vdx.core.json_input import shown, utf8_size
from vdx.core.log_ids import logged_as
from vdx.core.logs import logger
from vdx.core.resample import Resampler
from vdx.core.slices import yield_to_loop
from vdx.core.validation import validated
from vdx.dialog.history import Item
from vdx.transports.realtime import events as ev
from vdx.transports.realtime.call_items import call_of, new_call
from vdx.transports.realtime.incoming import cut_of, event_id_of, read_audio, read_event
from vdx.transports.realtime.items import (
    PIECE_SAMPLES,
    item_id_of,
    item_of,
    named_id,
    new_message,
    speech,
    unheard,
)
from vdx.transports.realtime.mcp_items import mcp_item_of, new_mcp_item
from vdx.transports.realtime.outbox import Outbox
from vdx.transports.realtime.params import param_of
from vdx.transports.realtime.presenter import RealtimePresenter
from vdx.transports.realtime.responses import (
    beside_conversation,
    check_answerable,
    own_reply,
)
from vdx.transports.realtime.schema import (
    McpItem,
    NewMcpAnswer,
    ResponseCreate,
    SessionUpdate,
    session_update,
)
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.updates import SessionUpdates

log = logger(__name__)

VAD_EVENTS_S = 0.2
MAX_ITEMS = 1_000
"""Items a conversation may hold before a client may not add to it by hand."""
TRANSCRIPTION = "conversation.item.input_audio_transcription"


CLOSE_TIMEOUT_S = 2.0
"""Seconds for closing a socket whose client reads nothing."""


class Connection:
    """Lives as long as its socket; `run` returns when either side is done."""

    def __init__(
        self,
        socket: WebSocket,
        host: Application,
        settings: Settings,
        first: SessionUpdate | None = None,
    ) -> None:
        """`first` is an update that takes effect before any of the client's."""
        self._socket = socket
        self._host = host
        self._settings = settings
        self._first = first
        write_timeout = host.config.server.write_timeout_ms / 1000
        self._outbox = Outbox(socket.send_text, write_timeout)
        self._presenter = RealtimePresenter(self._outbox, self._current, self._item_before)
        self._session = host.open_session(settings.options, self._presenter)
        self._resampler = Resampler(settings.input_format.rate, LISTEN_RATE)
        self._level = 0.0
        self._uncommitted = 0  # samples at LISTEN_RATE since the last commit or clear
        self._tasks: asyncio.TaskGroup | None = None
        self._updates = SessionUpdates(
            self._apply, self._loads_model, self._refuse, self._spawn_update
        )

    async def run(self) -> None:
        """Serves the client until it or the session ends."""
        with logged_as(self._session.log_ids):
            await self._run()

    async def _run(self) -> None:
        session = self._session
        self._post("session.created", session=self._current().rendered(session.ids.realtime_id))
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = group
                writing = group.create_task(self._write(), name=f"{session.id}-write")
                reading = group.create_task(self._read(), name=f"{session.id}-read")
                levels = group.create_task(self._send_levels(), name=f"{session.id}-levels")
                reason = await session.run()
                self._updates.cancel()
                reading.cancel()
                levels.cancel()
                self._outbox.close()
                await writing
        finally:
            self._host.forget(session)
        if reason != "gone":
            await self._close(reason)

    async def _close(self, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(1000, reason)
        except TimeoutError:  # the client does not read: what is queued for it is dropped
            log.debug("client reads no close frame")
        except (RuntimeError, WebSocketDisconnect):  # the client closed it first
            log.debug("client left first")

    async def _write(self) -> None:
        try:
            await self._outbox.run()
        except SessionLimit as error:
            log.warning("slow reader", error=error.for_log)
            self._session.close("slow_reader")
        except (WebSocketDisconnect, RuntimeError):
            self._session.close("gone")

    async def _read(self) -> None:
        try:
            if self._first is not None:
                try:
                    await self._updates.take(self._first, None)
                except VdxError as error:
                    self._refuse(error, None)
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                await self._take(message)
                del message  # it may be large, and is not needed while the next one is awaited
                await self._outbox.caught_up()
                # Messages that have arrived together are taken without waiting.
                await asyncio.sleep(0)
        finally:
            self._session.close("gone")

    async def _take(self, message: Any) -> None:
        event_id: str | None = None
        try:
            event = await read_event(message)
            event_id = event_id_of(event)
            work = partial(self._handler(event), event)
            if event["type"] in FOLLOW_UPDATES:
                await self._updates.follow(work, event_id)
            else:
                await work()
        except VdxError as error:
            self._refuse(error, event_id)

    def _item_before(self, item_id: str) -> str | None:
        return self._session.history.before(item_id)

    def _refuse(self, error: VdxError, event_id: str | None) -> None:
        log.debug("event refused", code=error.code, error=error.for_log)
        self._outbox.post(ev.error_event(error, event_id))

    def _spawn_update(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        if self._tasks is None:
            raise RuntimeError("events are read while the connection runs")
        return self._tasks.create_task(work(), name=f"{self._session.id}-update")

    def _handler(self, event: dict[str, Any]) -> Callable[[dict[str, Any]], Awaitable[None]]:
        name = HANDLERS.get(str(event.get("type")))
        if name is None and event.get("type") == "output_audio_buffer.clear":
            message = "output_audio_buffer.clear is for WebRTC by SDP; here response.cancel does it"
            raise InvalidInput(message, param="type")
        if name is None:
            known, given = ", ".join(HANDLERS), shown(event.get("type"))
            message = f"unknown event type {given}; vdx handles: {known}"
            raise InvalidInput(message, param="type")
        handler: Callable[[dict[str, Any]], Awaitable[None]] = getattr(self, name)
        return handler

    # --- client events ----------------------------------------------------------------------

    async def _session_update(self, event: dict[str, Any]) -> None:
        update = session_update(event.get("session"))
        self._check_size(update.instructions, "session.instructions")
        await self._updates.take(update, event_id_of(event))

    def _loads_model(self, update: SessionUpdate) -> bool:
        """Whether the settings with `update` need a model that is not loaded."""
        wanted = self._current().merged(update).options.models
        return not all(self._host.served.info(name) for name, _ in wanted)

    async def _apply(self, update: SessionUpdate) -> None:
        new = await self._checked(update)
        if new.input_format != self._settings.input_format:
            self._resampler = Resampler(new.input_format.rate, LISTEN_RATE)
        opted_in = new.vdx_events and not self._settings.vdx_events
        if new.options.vad.enabled and self._session.hearing.by_hand:
            await self._audio_commit({})  # what was said until now is a turn
        self._settings = new
        self._session.update(new.options)
        self._post("session.updated", session=new.rendered(self._session.ids.realtime_id))
        self._session.mcp.use(new.options.offer.mcp)
        if opted_in and self._host.drain.active:
            self._session.notify_draining(self._host.drain.seconds_left)

    async def _checked(self, update: SessionUpdate) -> Settings:
        """The settings with `update`, their models loaded, of the right kind and language."""
        while True:
            new = self._current().merged(update)
            if new.options.offer.mcp:
                self._session.mcp.check_closing()
            try:
                options = await self._host.models.require(new.options)
                await self._host.prepare(options)
            except InvalidInput as error:
                error.param = param_of(error, update)
                raise
            if self._current().merged(update).options == new.options:
                return replace(new, options=options)
            # A model was switched while this one was loaded: the result is made again.

    def _current(self) -> Settings:
        """The settings, with what an administrator swapped in the session."""
        if self._settings.options is not self._session.options:
            self._settings = self._settings.following(self._session.options)
        return self._settings

    async def _audio_append(self, event: dict[str, Any]) -> None:
        # An update that waits for a model changes both for what follows.
        resampler, wire = self._resampler, self._settings.input_format
        raw = await read_audio(event.pop("audio", None), wire.sample_bytes)
        piece = PIECE_SAMPLES * wire.sample_bytes
        for at in range(0, len(raw), piece):
            if at:
                await yield_to_loop()
            pcm = wire.decode(raw[at : at + piece])
            if self._settings.vdx_events:
                self._level = rms(pcm)
            resampled = resampler.push(pcm)
            self._uncommitted += resampled.size
            await self._session.feed(resampled.tobytes())

    async def _audio_commit(self, _event: dict[str, Any]) -> None:
        at_ms = self._session.hearing.position_ms
        utterance = self._session.commit()
        self._presenter.committed(utterance, self._uncommitted * 1000 // LISTEN_RATE, at_ms)
        self._uncommitted = 0

    async def _audio_clear(self, _event: dict[str, Any]) -> None:
        self._session.clear()
        self._uncommitted = 0
        self._post("input_audio_buffer.cleared")

    async def _item_create(self, event: dict[str, Any]) -> None:
        given, history = event.get("item"), self._session.history
        if len(history) >= MAX_ITEMS:
            raise SessionLimit(f"the conversation holds {MAX_ITEMS} items; delete some first")
        session, pcm = self._session, b""
        after = named_id(event, "previous_item_id")
        if (of_mcp := new_mcp_item(given)) is not None:
            self._add_mcp_item(of_mcp, after)
            return
        if (new := new_call(given)) is not None:
            item = call_of(new, new.id or session.ids.created_item(ev.event_id()))
            self._check_text(item.call.arguments if item.call else item.text, "item")
            add = session.calls.answer if item.answers else session.calls.restore
            previous = add(item, after)
        else:
            message = new_message(given)
            item = item_of(message, message.id or session.ids.created_item(ev.event_id()))
            self._check_text(item.text, "item.content")
            wire = self._settings.input_format
            pcm = b"".join([await speech(part, wire) for part in unheard(message)])
            previous = history.add(item, after)
        self._presenter.item_added(previous, ev.item_object(item))
        if pcm:
            hearing = partial(self._hear_item, item, pcm)
            self._updates.begin(hearing, event_id_of(event))

    def _add_mcp_item(self, new: McpItem, after: str | None) -> None:
        session = self._session
        item = mcp_item_of(new, new.id or session.ids.created_item(ev.event_id()))
        self._check_text(item.text + (item.call.arguments if item.call else ""), "item")
        go_on = False
        if isinstance(new, NewMcpAnswer):
            previous, go_on = session.calls.mcp.decide(item, after)
        else:
            previous = session.calls.restore(item, after)
        self._presenter.item_added(previous, ev.item_object(item))
        if go_on:
            session.go_on()

    async def _hear_item(self, item: Item, pcm: bytes) -> None:
        """Lets the recogniser hear an item that came without its transcript."""
        where = {"item_id": item.id, "content_index": 0}
        try:
            text = await self._session.transcribe(pcm)
        except VdxError as error:
            failed = {"type": "server_error", "code": error.code, "message": error.message}
            self._post(f"{TRANSCRIPTION}.failed", **where, error=failed)
            return
        item.text = " ".join(filter(None, (item.text, text)))
        if self._settings.transcription:
            seconds = len(pcm) / (LISTEN_RATE * SAMPLE_BYTES)
            usage = {"type": "duration", "seconds": seconds}
            self._post(f"{TRANSCRIPTION}.completed", **where, transcript=text, usage=usage)

    def _check_text(self, text: str, param: str) -> None:
        self._check_size(text, param)
        self._check_room(text)

    def _check_size(self, text: str | None, param: str) -> None:
        limit = self._host.config.session.max_item_text_bytes
        if (size := utf8_size(text or "")) > limit:
            raise TooLarge(
                f"{param} has {size} bytes of text, more than {limit} "
                "(session.max_item_text_bytes)",
                param=param,
            )

    def _check_room(self, text: str) -> None:
        limit = self._host.config.session.max_history_bytes
        size = self._session.history.size
        if size + utf8_size(text) > limit:
            raise SessionLimit(
                f"the conversation holds {size} bytes of text; with this item it would have more "
                f"than {limit} (session.max_history_bytes); delete items first "
                "(conversation.item.delete)"
            )

    async def _once_there(
        self, event: dict[str, Any], work: Callable[[str], Awaitable[None]]
    ) -> None:
        """Does what an event asks of an item: at once, or where it is not known behind what waits,
        for it may be among that."""
        item_id = item_id_of(event)
        if self._session.history.known(item_id) is None:
            await self._updates.follow(partial(work, item_id), event_id_of(event))
        else:
            await work(item_id)

    async def _item_truncate(self, event: dict[str, Any]) -> None:
        item_id_of(event)  # of two mistakes the first is told
        await self._once_there(event, partial(self._truncate, cut_of(event)))

    async def _truncate(self, audio_end_ms: int, item_id: str) -> None:
        session = self._session
        if (item := session.history.known(item_id)) is None:
            raise NoItemToTruncate(
                f"Error truncating item: there is no item {shown(item_id)}", param="item_id"
            )
        active = session.active_reply
        if item.spoken and active is not None and active.item_id == item.id:
            session.interrupt(this_alone=True)  # its client stopped playing it
        item = session.history.truncate(item_id, audio_end_ms)
        self._post(
            "conversation.item.truncated",
            item_id=item.id,
            content_index=0,
            audio_end_ms=item.played_samples * 1000 // SPEAK_RATE,
        )

    async def _item_delete(self, event: dict[str, Any]) -> None:
        item_id, session = item_id_of(event), self._session
        active = session.active_reply
        there = session.history.find(item_id) is not None
        if there and active is not None and active.item_id == item_id:
            session.interrupt(this_alone=True)  # nobody wants to hear what is to be forgotten
        if not session.history.discard(item_id):
            raise NoItemToDelete(
                f"Error deleting item: there is no item {shown(item_id)}", param="item_id"
            )
        self._presenter.item_deleted(item_id)

    async def _item_retrieve(self, event: dict[str, Any]) -> None:
        await self._once_there(event, self._retrieve)

    async def _retrieve(self, item_id: str) -> None:
        if (item := self._session.history.known(item_id)) is None:
            raise NoItemToRetrieve(
                f"Error retrieving item: there is no item {shown(item_id)}", param="item_id"
            )
        self._post("conversation.item.retrieved", item=ev.item_object(item))

    async def _response_create(self, event: dict[str, Any]) -> None:
        given = event.get("response")
        wanted = validated(ResponseCreate, {} if given is None else given, "response")
        self._check_size(wanted.instructions, "response.instructions")
        if self._settings.transcribes_only:
            message = "a transcription session has no responses"
            raise InvalidInput(message, param="type")
        session, settings = self._session, self._current()
        check_answerable(wanted, session.history, in_speech=session.hearing.in_speech)
        own = own_reply(wanted, session.history, settings, self._is_loaded)
        if own.offer is not None:
            session.mcp.check_room(own.offer.mcp)
        instructions = wanted.instructions or ""
        if beside_conversation(own, settings):
            session.out_of_band.start(instructions, own)
            return
        active = session.active_reply
        # One that called the client's tools may still speak when the client has answered.
        if active is not None and not session.calls.made_in(active):
            raise ReplyActive(
                "Conversation already has an active response in progress: "
                f"{active.response_id}. Wait until the response is finished before creating a "
                "new one.",
                param="response",
            )
        if session.reply_requested:
            raise ReplyActive(
                "Conversation already has an active response in progress: it begins when what is "
                "being said is understood.",
                param="response",
            )
        if not given and session.calls.mcp.take_told():
            self._presenter.empty_reply(session.out_of_band.next_ids())
            return
        if own.offer is not None:
            session.mcp.add(own.offer.mcp)
        session.request_reply(instructions, own)

    def _is_loaded(self, model: str) -> bool:
        return bool(self._host.served.info(model))

    async def _response_cancel(self, event: dict[str, Any]) -> None:
        cancel = partial(self._cancel_reply, named_id(event, "response_id"))
        if self._session.active_reply is None:  # one may wait for an update, before this event
            await self._updates.follow(cancel, event_id_of(event))
        else:
            await cancel()

    async def _cancel_reply(self, wanted: str | None) -> None:
        session = self._session
        active = session.active_reply
        if wanted is not None and session.out_of_band.cancel(wanted):
            return
        waits = session.reply_requested and wanted is None
        if not waits and (active is None or wanted not in (None, active.response_id)):
            named = "" if wanted is None else f" with the id {shown(wanted)}"
            raise NoReplyActive(
                f"Cancellation failed: no active response found{named}", param="response_id"
            )
        session.interrupt(this_alone=wanted is not None)

    # --- levels -----------------------------------------------------------------------------

    async def _send_levels(self) -> None:
        """Sends VAD statistics to clients that asked for `vdx.*` events."""
        while True:
            await asyncio.sleep(VAD_EVENTS_S)
            if self._settings.vdx_events:
                stats = self._session.hearing.statistics
                values = {name: round(getattr(stats, name), 3) for name in stats.__slots__}
                self._post("vdx.vad", level=round(self._level, 1), **values)

    def _post(self, kind: str, **fields: Any) -> None:
        self._outbox.post(ev.encode(kind, **fields))


HANDLERS = {
    "session.update": "_session_update",
    "input_audio_buffer.append": "_audio_append",
    "input_audio_buffer.commit": "_audio_commit",
    "input_audio_buffer.clear": "_audio_clear",
    "conversation.item.create": "_item_create",
    "conversation.item.truncate": "_item_truncate",
    "conversation.item.delete": "_item_delete",
    "conversation.item.retrieve": "_item_retrieve",
    "response.create": "_response_create",
    "response.cancel": "_response_cancel",
}
"""Every client event vdx handles and the method that does."""
FOLLOW_UPDATES = frozenset(
    ("conversation.item.create", "conversation.item.delete", "response.create")
)
"""Events that take effect after the session updates sent before them, as their replies depend on
them; audio is heard at once, and a reply can be cancelled at once. An item can be retrieved and cut
at once too, unless it waits itself."""
