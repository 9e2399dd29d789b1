"""The recogniser stage: one Triton sequence per utterance, audio 60 ms at a time.

At the first silence the recogniser is asked to decode what there is (FLUSH), and the silent
frames that follow are held back: they are sent if the user goes on, and dropped if the
utterance ends. So the speculative transcript covers exactly what was said, and the final one needs
no further decoding.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES
from vdx.core.config import AsrConfig
from vdx.core.errors import ModelFailed, ModelTimeout, VdxError
from vdx.core.events import Transcript, TranscriptFailed, TranscriptKind

BYTES_PER_MS = LISTEN_RATE * SAMPLE_BYTES // 1000
BACKLOG_MS = 2_000
"""Audio queued for Triton, in ms, above which `room` waits."""
KEPT_MS = 60_000
"""Audio of an utterance, in ms, that is kept to be recognised again if the recogniser fails."""
RECOVERIES = 3
"""How often one utterance may be recognised again."""
ABANDON_S = 0.5
"""Seconds for telling the server that an utterance is dropped."""


class Recognition(Protocol):
    """One open sequence; serving.triton.RecognitionStream is the real one."""

    async def send(
        self, pcm: bytes, *, flush: bool = False, end: bool = False, cancel: bool = False
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[Transcript]: ...


OpenRecognition = Callable[[], AbstractAsyncContextManager[Recognition]]
Emit = Callable[[Transcript | TranscriptFailed], None]
Recover = Callable[[VdxError], Awaitable[bool]]
"""Waits after a failure until a recogniser can be asked again; False if none can."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """How a sequence is opened, and how a recogniser that failed is waited for; None: it is not."""

    open: OpenRecognition
    recover: Recover | None = None


class Utterance:
    """Carries one utterance into its sequence and its transcripts out, in a task of its own.

    `push`, `pause`, `resume`, `finish` and `abandon` return at once; `run` does the work and
    emits exactly one final transcript or failure after `finish`, and nothing after `abandon`.
    When the recogniser fails, `recover` waits for it, and the audio so far is sent to it again.
    """

    def __init__(
        self,
        number: int,
        config: AsrConfig,
        recogniser: Recogniser,
        emit: Emit,
        *,
        manual: bool = False,
        begin: int = 0,
    ) -> None:
        """`begin` is the sample of the session's input that its audio begins with."""
        self.number = number
        self._begin = begin
        self.manual = manual
        """The client ends it by a commit; voice activity detection is off."""
        self._piece = config.request_ms * BYTES_PER_MS
        self._recogniser = recogniser
        self._emit = emit
        self._recovering = False
        self._sent: bytearray | None = bytearray()
        """Audio to send again after a failure; None once it is longer than KEPT_MS."""
        self._pending = bytearray()
        self._held = bytearray()
        self._silent = False
        self._flush = False
        self._flushes = 0
        """Sent to the present sequence."""
        self._ending = False
        self._abandoned = False
        self._stopped = False
        self._final_timeout_s = 0.0
        self._timer: asyncio.Timeout | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._final_due = asyncio.Event()

    @property
    def awaited(self) -> bool:
        """Whether the final transcript was asked for and is still wanted."""
        return self._ending and not self._abandoned

    @property
    def audio(self) -> bytes:
        """What was said so far, int16 16 kHz mono; empty where it is over, or over KEPT_MS long."""
        return b"" if self._sent is None else bytes(self._sent + self._pending)

    @property
    def held_bytes(self) -> int:
        """Silence since a pause, which is sent once speech goes on."""
        return len(self._held)

    def push(self, pcm: bytes) -> None:
        """Appends int16 16 kHz audio."""
        if self._stopped:
            return
        if self._silent:
            self._held += pcm
            return
        self._pending += pcm
        if len(self._pending) >= self._piece:
            self._wake.set()
        backlog_ms = KEPT_MS if self._recovering else BACKLOG_MS
        if len(self._pending) > backlog_ms * BYTES_PER_MS:
            self._room.clear()

    def pause(self) -> None:
        """VAD found a pause: asks for the speculative transcript of the audio so far (FLUSH)."""
        self._silent = self._flush = True
        self._wake.set()

    def resume(self) -> None:
        """Speech went on: the silence that was held back is sent."""
        self._silent = False
        held, self._held = bytes(self._held), bytearray()
        self.push(held)

    def finish(self) -> None:
        """The utterance is over: asks for the final transcript (END)."""
        self._ending = True
        self._wake.set()
        self._final_due.set()
        self._set_timer()

    def abandon(self) -> None:
        """Drops the utterance; nothing is emitted any more."""
        self._abandoned = True
        self._stop_listening()
        self.finish()

    async def room(self) -> None:
        """Waits while more than BACKLOG_MS of audio is queued."""
        await self._room.wait()

    async def run(self, final_timeout_ms: int) -> None:
        """Works until the final transcript; a failure is emitted, not raised."""
        self._final_timeout_s = final_timeout_ms / 1000
        failure: VdxError
        try:
            async with asyncio.timeout(None) as self._timer:
                self._set_timer()
                await self._converse()
        except TimeoutError:
            failure = ModelTimeout(f"no final transcript within {final_timeout_ms} ms")
        except VdxError as error:
            failure = error
        except ExceptionGroup as group:
            failure = _first(group)
        else:
            return
        finally:
            self._timer = None
            self._stop_listening()
        await self._fail(failure)

    def _set_timer(self) -> None:
        """Bounds the wait for the final transcript, counted from `finish` or `abandon`.

        The wait for a recogniser that failed is bounded by `recover` alone.
        """
        if self._timer is None or self._timer.expired():  # one that expires cannot be changed
            return
        if self._recovering and not self._abandoned:
            self._timer.reschedule(None)
        elif self._ending:
            timeout_s = ABANDON_S if self._abandoned else self._final_timeout_s
            self._timer.reschedule(asyncio.get_running_loop().time() + timeout_s)

    def _stop_listening(self) -> None:
        """Takes no more audio, drops what is queued, and ends the waits of `room`."""
        self._stopped = True
        self._sent = None
        self._pending.clear()
        self._held.clear()
        self._room.set()

    async def _converse(self) -> None:
        """Asks the recogniser, and again after a failure, RECOVERIES times at most."""
        for _ in range(RECOVERIES):
            try:
                return await self._ask()
            except (VdxError, ExceptionGroup) as failure:
                error = _first(failure)
                if not await self._recovered(error):
                    raise error from None
        return await self._ask()

    async def _recovered(self, error: VdxError) -> bool:
        """Waits for a recogniser after a failure; True if all audio is queued for it again."""
        recover = self._recogniser.recover
        if recover is None or not self._can_be_resent():
            return False
        if self._timer is not None and self._timer.expired():
            return False  # in the same moment: nothing would bound another try
        self._recovering = True
        self._set_timer()
        try:
            recovered = await recover(error)
        finally:
            self._recovering = False
        self._set_timer()
        if not recovered or not self._can_be_resent():
            return False
        self._pending[:0] = self._sent or b""
        self._sent = bytearray()
        self._flush = self._silent
        self._wake.set()
        return True

    def _can_be_resent(self) -> bool:
        """Whether all audio is still kept and the transcript is still wanted."""
        return not self._abandoned and self._sent is not None

    async def _ask(self) -> None:
        self._flushes = 0
        async with self._recogniser.open() as stream, asyncio.TaskGroup() as group:
            group.create_task(self._read(stream), name="asr-read")
            await self._write(stream)

    async def _write(self, stream: Recognition) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            flush, self._flush = self._flush, False
            end = self._ending
            if self._abandoned:
                await stream.send(b"", end=True, cancel=True)
                return
            if flush or end or len(self._pending) >= self._piece:
                pcm = bytes(self._pending)
                self._pending.clear()
                self._keep(pcm)
                self._room.set()
                await self._send(stream, pcm, flush=flush and not end, end=end)
            if end:
                return

    def _keep(self, pcm: bytes) -> None:
        if self._sent is not None:
            self._sent += pcm
            if len(self._sent) > KEPT_MS * BYTES_PER_MS:
                self._sent = None

    async def _send(self, stream: Recognition, pcm: bytes, *, flush: bool, end: bool) -> None:
        try:
            self._flushes += flush
            async with asyncio.timeout(self._final_timeout_s):
                await stream.send(pcm, flush=flush, end=end)
        except TimeoutError:
            # Before the end of the utterance nothing else bounds this, and the input waits.
            raise ModelTimeout("the recogniser takes no audio") from None

    async def _read(self, stream: Recognition) -> None:
        async for transcript in stream:
            if self._abandoned:
                return
            final = transcript.kind is TranscriptKind.FINAL
            if final and not self._ending:
                raise ModelFailed("the recogniser ended the utterance by itself")
            self._emit(self._told(transcript))
            if final:
                return
        if not self._abandoned:
            raise ModelFailed("the recogniser ended without a final transcript")

    def _told(self, transcript: Transcript) -> Transcript:
        """As it is emitted: words before a pause say nothing of a later one's end."""
        told = replace(transcript, utterance=self.number, begin=self._begin)
        if told.kind is not TranscriptKind.PAUSE or not told.flush:
            return told
        newest = self._flushes + self._flush
        return told if told.flush == newest else replace(told, kind=TranscriptKind.PARTIAL)

    async def _fail(self, error: VdxError) -> None:
        """Emits TranscriptFailed, once the final transcript is asked for."""
        await self._final_due.wait()
        if not self._abandoned:
            self._emit(TranscriptFailed(self.number, error))


def _first(group: BaseException) -> VdxError:
    """The first error of the group: all have the same failed stream as their cause."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    if isinstance(found, VdxError):
        return found
    return ModelFailed(f"the recogniser's stream failed: {found!r}")
