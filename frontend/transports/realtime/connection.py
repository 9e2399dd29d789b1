"""One client of `/v1/realtime`: its events in, a session between, the narrator's events out."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from frontend.core.audio import LISTEN_RATE, SAMPLE_BYTES, rms, to_pcm
from frontend.core.errors import InvalidInput, SessionLimit, UnknownName, VdxError
from frontend.core.logs import logger
from frontend.core.resample import Resampler
from frontend.dialog.history import Item
from frontend.transports.host import Host
from frontend.transports.realtime import events as ev
from frontend.transports.realtime.narrator import Narrator
from frontend.transports.realtime.outbox import Outbox
from frontend.transports.realtime.schema import NewItem, ResponseCreate, SessionUpdate, parse
from frontend.transports.realtime.settings import Settings

log = logger(__name__)

VAD_EVENTS_S = 0.2
MAX_ITEMS = 1_000
"""Items a conversation may hold before a client may not add to it by hand."""


class Connection:
    """Lives as long as its socket; `run` returns when either side is done."""

    def __init__(self, socket: WebSocket, host: Host, settings: Settings) -> None:
        self._socket = socket
        self._host = host
        self._settings = settings
        write_timeout = host.config.server.write_timeout_ms / 1000
        self._outbox = Outbox(socket.send_text, write_timeout)
        self._narrator = Narrator(self._outbox, self._current)
        self._session = host.open_session(settings.options, self._narrator)
        self._narrator.attach(self._session)
        self._resampler = Resampler(settings.input_rate, LISTEN_RATE)
        self._level = 0.0
        self._uncommitted = 0  # samples at LISTEN_RATE since the last commit or clear
        self._loading: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Serves the client; everything of it is freed on return."""
        session = self._session
        self._post("session.created", session=self._settings.rendered(session.id))
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = group
                writing = group.create_task(self._write(), name=f"{session.id}-write")
                reading = group.create_task(self._read(), name=f"{session.id}-read")
                levels = group.create_task(self._tell_levels(), name=f"{session.id}-levels")
                reason = await session.run()
                for task in (reading, levels, self._loading):
                    if task is not None:
                        task.cancel()
                self._outbox.close()
                await writing
        finally:
            self._host.forget(session)
        if reason != "gone":
            await self._close(reason)

    async def _close(self, reason: str) -> None:
        try:
            await self._socket.close(1000, reason)
        except (RuntimeError, WebSocketDisconnect):  # the client was quicker
            log.debug("client left first", session=self._session.id)

    async def _write(self) -> None:
        try:
            await self._outbox.run()
        except SessionLimit as error:
            log.warning("slow reader", session=self._session.id, error=str(error))
            self._session.close("slow_reader")
        except (WebSocketDisconnect, RuntimeError):
            self._session.close("gone")

    async def _read(self) -> None:
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                await self._take(message)
                await self._outbox.caught_up()
        finally:
            self._session.close("gone")

    async def _take(self, message: Any) -> None:
        event_id: str | None = None
        try:
            event = _decode(message)
            event_id = _event_id(event)
            await self._handler(event)(event)
        except VdxError as error:
            self._outbox.post(ev.error_event(error, event_id))

    def _handler(self, event: dict[str, Any]) -> Callable[[dict[str, Any]], Awaitable[None]]:
        name = HANDLERS.get(str(event.get("type")))
        if name is None:
            raise InvalidInput(
                f"unknown event type {event.get('type')!r}; vdx handles: {', '.join(HANDLERS)}",
                param="type",
            )
        handler: Callable[[dict[str, Any]], Awaitable[None]] = getattr(self, name)
        return handler

    # --- client events ----------------------------------------------------------------------

    async def _session_update(self, event: dict[str, Any]) -> None:
        update = parse(SessionUpdate, event.get("session"), "session")
        if self._loading is not None:  # updates take effect in the order they were sent
            await asyncio.wait((self._loading,))
        wanted = self._current().merged(update).models
        if all(self._host.manager.info(name) for name, _ in wanted):
            await self._apply(update)
        elif self._tasks is not None:
            # Beside the reading: speech must not wait while a model loads.
            work = self._apply_or_refuse(update, _event_id(event))
            self._loading = self._tasks.create_task(work, name=f"{self._session.id}-update")

    async def _apply_or_refuse(self, update: SessionUpdate, event_id: str | None) -> None:
        try:
            await self._apply(update)
        except VdxError as error:
            self._outbox.post(ev.error_event(error, event_id))

    async def _apply(self, update: SessionUpdate) -> None:
        wanted = self._current().merged(update)
        for name, kind in wanted.models:
            await self._host.offered(name, kind, wanted.options.language)
        await self._host.prepare(wanted.options)
        new = self._current().merged(update)  # somebody may have swapped a voice meanwhile
        if new.input_rate != self._settings.input_rate:
            self._resampler = Resampler(new.input_rate, LISTEN_RATE)
        self._settings = new
        self._session.update(new.options)
        self._post("session.updated", session=new.rendered(self._session.id))

    def _current(self) -> Settings:
        """The settings, with what an administrator swapped in the session."""
        if self._settings.options is not self._session.options:
            self._settings = replace(self._settings, options=self._session.options)
        return self._settings

    async def _audio_append(self, event: dict[str, Any]) -> None:
        data = event.get("audio")
        if not isinstance(data, str):
            raise InvalidInput(f"audio must be a base64 string, got {data!r:.100}", param="audio")
        try:
            raw = base64.b64decode(data, validate=True)
        except ValueError as error:  # binascii.Error, or a character that is not ASCII
            raise InvalidInput(f"audio is not base64: {error}", param="audio") from None
        if len(raw) % SAMPLE_BYTES:
            raise InvalidInput(
                f"audio must hold whole 16-bit samples, got {len(raw)} bytes", param="audio"
            )
        pcm = to_pcm(raw)
        if self._settings.vdx_events:
            self._level = rms(pcm)
        heard = self._resampler.push(pcm)
        self._uncommitted += heard.size
        await self._session.feed(heard.tobytes())

    async def _audio_commit(self, _event: dict[str, Any]) -> None:
        utterance = self._session.commit()
        self._narrator.committed(utterance, self._uncommitted * 1000 // LISTEN_RATE)
        self._uncommitted = 0

    async def _audio_clear(self, _event: dict[str, Any]) -> None:
        self._session.clear()
        self._uncommitted = 0
        self._post("input_audio_buffer.cleared")

    async def _item_create(self, event: dict[str, Any]) -> None:
        new = parse(NewItem, event.get("item"), "item")
        if len(self._session.history) >= MAX_ITEMS:
            raise SessionLimit(f"the conversation holds {MAX_ITEMS} items; delete some first")
        text = " ".join(part.text for part in new.content)
        item_id = new.id or f"item_{self._session.id}_{ev.event_id()}"
        item = Item(item_id, new.role, text)
        after = event.get("previous_item_id")
        previous = self._session.history.add(item, after if isinstance(after, str) else None)
        self._narrator.item_added(previous, ev.item_object(item))

    async def _item_truncate(self, event: dict[str, Any]) -> None:
        audio_end_ms = event.get("audio_end_ms")
        if not isinstance(audio_end_ms, int):
            raise InvalidInput(
                f"audio_end_ms must be an integer, got {audio_end_ms!r}", param="audio_end_ms"
            )
        item = self._session.history.truncate(_item_id(event), audio_end_ms)
        self._post(
            "conversation.item.truncated",
            item_id=item.id,
            content_index=0,
            audio_end_ms=audio_end_ms,
        )

    async def _item_delete(self, event: dict[str, Any]) -> None:
        self._session.history.delete(_item_id(event))
        self._post("conversation.item.deleted", item_id=_item_id(event))

    async def _item_retrieve(self, event: dict[str, Any]) -> None:
        item = self._session.history.get(_item_id(event))
        self._post("conversation.item.retrieved", item=ev.item_object(item))

    async def _response_create(self, event: dict[str, Any]) -> None:
        wanted = parse(ResponseCreate, event.get("response") or {}, "response")
        if (active := self._session.active_reply) is not None:
            raise InvalidInput(
                f"response resp_{self._session.id}_{active} is still active; cancel it or wait",
                param="response",
            )
        self._narrator.next_metadata(wanted.metadata)
        self._session.request_reply(wanted.instructions or "")

    async def _response_cancel(self, _event: dict[str, Any]) -> None:
        if self._session.active_reply is None:
            raise InvalidInput("there is no active response to cancel", param="response_id")
        self._session.interrupt()

    # --- levels -----------------------------------------------------------------------------

    async def _tell_levels(self) -> None:
        """VAD statistics for clients that draw them."""
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


def _decode(message: Any) -> dict[str, Any]:
    text = message.get("text")
    if text is None:
        raise InvalidInput("events are JSON text, this was a binary message", param="message")
    try:
        event = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidInput(f"malformed JSON: {error}", param="message") from None
    if not isinstance(event, dict):
        raise InvalidInput(f"an event is a JSON object, got {event!r:.100}", param="message")
    return event


def _event_id(event: dict[str, Any]) -> str | None:
    event_id = event.get("event_id")
    return event_id if isinstance(event_id, str) else None


def _item_id(event: dict[str, Any]) -> str:
    item_id = event.get("item_id")
    if not isinstance(item_id, str):
        raise UnknownName(f"item_id must be a string, got {item_id!r}", param="item_id")
    return item_id
