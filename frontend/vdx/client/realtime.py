"""A client of `/v1/realtime` with a model of the play queue (`listener.py`) attached.

    async with RealtimeClient.connect(url) as client:
        await client.update_session(voice="espeak-en", events=True)
        await client.append(frame)
        await client.wait_for(lambda: client.log.replies)

Receiving runs in a task of the connection; every event gets its time of arrival and goes
to the listener, to the log, then to `on_event`.
"""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from vdx.client.connection import ClientConnection
from vdx.client.listener import Listener
from vdx.client.log import Event
from vdx.client.refusals import error_in, refusal
from vdx.core.audio import to_pcm
from vdx.core.audio_formats import TELEPHONE_RATE, WireFormat
from vdx.core.error_words import error_words
from vdx.core.errors import ConnectionLost, InvalidInput, VdxError

WIRE_RATE = 24_000
"""The protocol's own sample rate in Hz; vdx also takes 16,000 and 48,000.

At TELEPHONE_RATE the client speaks and hears G.711 in its µ-law form, as telephone bridges do.
"""
MAX_MESSAGE = 16 * 1024 * 1024
APPEND_HEAD = b'{"type":"input_audio_buffer.append","audio":"'


def append_message(pcm: bytes, rate: int = WIRE_RATE) -> bytes:
    """One `input_audio_buffer.append` event of int16 audio at `rate`, ready for the socket."""
    return APPEND_HEAD + base64.b64encode(_wire(rate).encode(to_pcm(pcm))) + b'"}'


def _wire(rate: int) -> WireFormat:
    return WireFormat("audio/pcmu" if rate == TELEPHONE_RATE else "audio/pcm", rate)


class RealtimeClient(ClientConnection):
    """One session; `freezes` says whether the listener stops where the server pauses.

    `connect` opens it. `ready_ms` is the time from the first packet to `session.created`.
    """

    def __init__(self, socket: Any, rate: int, *, freezes: bool) -> None:
        super().__init__(rate)
        self._socket = socket
        self.listener = Listener(rate)
        self._freezes = freezes

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        profile: str = "",
        api_key: str = "",
        rate: int = WIRE_RATE,
        freezes: bool = False,
    ) -> AsyncIterator["RealtimeClient"]:
        """A conversation with the server at `url` (http, https, ws or wss).

        Raises:
            InvalidInput: the address, or the name of the profile, is wrong.
            Unauthorized: the key is.
            ConnectionLost: no server answers, or it refuses for another reason.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        address = realtime_address(url, profile)
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        began = time.monotonic()
        try:
            socket = await connect(
                address, additional_headers=headers, compression=None, max_size=MAX_MESSAGE
            )
        except InvalidStatus as error:
            raise _refused(error, address) from error
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise ConnectionLost(
                f"no vdx server answers at {address} ({error}); `vdx up` starts one"
            ) from error
        client = cls(socket, rate, freezes=freezes)
        receiver = asyncio.create_task(client._receive(), name="realtime-receive")
        try:
            await client.wait_for(lambda: bool(client.session), seconds=30)
            client.ready_ms = (client.log.first("session.created") - began) * 1000
            yield client
        finally:
            receiver.cancel()
            await asyncio.gather(receiver, return_exceptions=True)
            await socket.close()

    async def update_session(
        self,
        *,
        voice: str = "",
        instructions: str = "",
        events: bool = False,
        vdx: Event | None = None,
    ) -> None:
        """Sets formats and voice, opts in to vdx's own events, and waits for the answer.

        Raises InvalidInput, or another VdxError, with the server's message where it refuses.
        """
        audio = _wire(self.rate).rendered
        output: Event = {"format": audio, **({"voice": voice} if voice else {})}
        session: Event = {
            "type": "realtime",
            "audio": {"input": {"format": audio}, "output": output},
        }
        if instructions:
            session["instructions"] = instructions
        if extension := {**({"events": True} if events else {}), **(vdx or {})}:
            session["vdx"] = extension
        before, errors = self.log.count("session.updated"), len(self.log.errors)
        await self.send({"type": "session.update", "session": session})
        await self.wait_for(
            lambda: self.log.count("session.updated") > before or len(self.log.errors) > errors
        )
        if self.log.count("session.updated") == before:
            raise refusal(self.log.errors[-1], "the server refused the session: ")

    async def send(self, event: Event) -> None:
        """Sends one client event; raises ConnectionLost."""
        await self.send_raw(json.dumps(event).encode())

    async def append(self, pcm: bytes) -> None:
        """Sends int16 mono audio at the session's rate."""
        await self.send_raw(append_message(pcm, self.rate))

    @staticmethod
    def prepared(frame: bytes, rate: int) -> bytes:
        """One frame (int16 mono at the session's rate) as `send_raw` takes it."""
        return append_message(frame, rate)

    async def send_raw(self, message: bytes) -> None:
        """Sends a message that is JSON already."""
        from websockets.exceptions import ConnectionClosed

        try:
            await self._socket.send(message, text=True)
        except ConnectionClosed as error:
            raise ConnectionLost(self._lost or str(error)) from error

    async def _receive(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            async for message in self._socket:
                self._take(json.loads(message), time.monotonic())
            self._lost = "the server closed the connection"
        except ConnectionClosed as error:
            self._lost = f"the server closed the connection: {error}"
        finally:
            self._changed.set()

    def _take(self, event: Event, now: float) -> None:
        listener = self.listener
        match event["type"]:
            case "response.output_audio.delta":
                raw = base64.b64decode(event["delta"])
                pcm = _wire(self.rate).decode(raw).tobytes()
                listener.receive(event["response_id"], pcm, now)
                event["delta"] = len(pcm)
            case "input_audio_buffer.speech_started":
                listener.clear(now)
            case "vdx.playout.paused":
                listener.freeze(now) if self._freezes else listener.excuse()
            case "vdx.playout.resumed" if self._freezes:
                listener.thaw(now)
            case "session.created" | "session.updated":
                self.session = event["session"]
        self.log.take(event, now)
        if self.on_event is not None:
            self.on_event(event, now)
        self._changed.set()


def realtime_address(url: str, profile: str = "") -> str:
    """The WebSocket address of a server given as `http://host:port` or in full.

    Raises:
        InvalidInput: the address has another scheme.
    """
    scheme, _, rest = url.partition("://")
    schemes = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    if not rest.strip("/") or scheme not in schemes:
        raise InvalidInput(f"--url {url!r}: expected http://HOST:PORT", param="url")
    address = f"{schemes[scheme]}://{rest.rstrip('/')}"
    if "/v1/realtime" not in address:
        address += "/v1/realtime"
    if profile:
        address += ("&" if "?" in address else "?") + urlencode({"model": profile})
    return address


def _refused(error: Any, address: str) -> VdxError:
    """Why the server refused the connection: its own message where it sent one."""
    try:
        told = error_in(json.loads(error.response.body))
    except (ValueError, TypeError):  # no JSON, or no body
        told = None
    if not error_words(told):
        return ConnectionLost(f"{address}: {error}")
    return refusal(told, f"{address}: ", ConnectionLost)
