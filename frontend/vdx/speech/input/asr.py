"""The recogniser stage: one Triton sequence per utterance, audio 60 ms at a time.

At the first silence the recogniser is asked to decode what there is (FLUSH), and the silent
frames that follow are held back: they are sent if the person goes on, and dropped if the
utterance ends, so that the speculative transcript covers exactly what was said and the final one
costs nothing.
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
"""Audio waiting for Triton beyond which the input is asked to wait."""
KEPT_MS = 60_000
"""Audio of an utterance that is kept, to be recognised again if the recogniser dies."""
RECOVERIES = 3
"""How often one utterance may be recognised again."""
ABANDON_S = 0.5
"""How long the server may take to hear that an utterance is thrown away."""


class Recognition(Protocol):
    """One open sequence; serving.triton.RecognitionStream is the real one."""

    async def send(
        self, pcm: bytes, *, flush: bool = False, end: bool = False, cancel: bool = False
    ) -> None: ...

    def __aiter__(self) -> AsyncIterator[Transcript]: ...


OpenRecognition = Callable[[], AbstractAsyncContextManager[Recognition]]
Emit = Callable[[Transcript | TranscriptFailed], None]
Recover = Callable[[VdxError], Awaitable[bool]]
"""Waits after a failure for a recogniser that can be asked again; False where none can."""


@dataclass(frozen=True, slots=True)
class Recogniser:
    """How a sequence is opened, and what is done when the recogniser dies; None: nothing."""

    open: OpenRecognition
    recover: Recover | None = None


class Utterance:
    """Carries one utterance into its sequence and its transcripts out, in a task of its own.

    `push`, `pause`, `resume`, `finish` and `abandon` return at once; `run` does the work and
    emits exactly one final transcript or failure after `finish`, and nothing after `abandon`.
    When the recogniser dies, its `recover` waits for it, and what was said is sent to it again.
    """

    def __init__(
        self,
        number: int,
        config: AsrConfig,
        recogniser: Recogniser,
        emit: Emit,
        *,
        manual: bool = False,
    ) -> None:
        self.number = number
        self.manual = manual
        """The client ends it by a commit; voice activity detection is off."""
        self._piece = config.request_ms * BYTES_PER_MS
        self._recogniser = recogniser
        self._emit = emit
        self._recovering = False
        self._sent: bytearray | None = bytearray()
        """What a recogniser that died has to be told again; None once that is too much."""
        self._pending = bytearray()
        self._held = bytearray()
        self._silent = False
        self._flush = False
        self._ending = False
        self._abandoned = False
        self._deaf = False
        self._patience_s = 0.0
        self._timer: asyncio.Timeout | None = None
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._final_due = asyncio.Event()

    @property
    def awaited(self) -> bool:
        """Somebody waits for the final transcript."""
        return self._ending and not self._abandoned

    def push(self, pcm: bytes) -> None:
        """Appends int16 16 kHz audio."""
        if self._deaf:
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
        """The person fell silent: transcribe what there is."""
        self._silent = self._flush = True
        self._wake.set()

    def resume(self) -> None:
        """The person went on after all."""
        self._silent = False
        held, self._held = bytes(self._held), bytearray()
        self.push(held)

    def finish(self) -> None:
        """The utterance is over: a final transcript is wanted."""
        self._ending = True
        self._wake.set()
        self._final_due.set()
        self._set_timer()

    def abandon(self) -> None:
        """Throw it away; nothing is emitted any more."""
        self._abandoned = True
        self._stop_listening()
        self.finish()

    async def room(self) -> None:
        """Waits while more audio is queued than a recogniser should be behind."""
        await self._room.wait()

    async def run(self, final_timeout_ms: int) -> None:
        """Works until the final transcript; a failure is emitted, not raised."""
        self._patience_s = final_timeout_ms / 1000
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

        The wait for a recogniser that died is bounded by `recover` alone.
        """
        if self._timer is None or self._timer.expired():  # one that expires cannot be changed
            return
        if self._recovering and not self._abandoned:
            self._timer.reschedule(None)
        elif self._ending:
            patience = ABANDON_S if self._abandoned else self._patience_s
            self._timer.reschedule(asyncio.get_running_loop().time() + patience)

    def _stop_listening(self) -> None:
        """Nobody takes audio any more: keep none, and let nobody wait for room."""
        self._deaf = True
        self._sent = None
        self._pending.clear()
        self._held.clear()
        self._room.set()

    async def _converse(self) -> None:
        """Asks the recogniser, and asks again when it died and came back."""
        for _ in range(RECOVERIES):
            try:
                return await self._ask()
            except (VdxError, ExceptionGroup) as broken:
                error = _first(broken)
                if not await self._recovered(error):
                    raise error from None
        return await self._ask()

    async def _recovered(self, error: VdxError) -> bool:
        """Whether everything can be told to a recogniser again; it is pending then."""
        recover = self._recogniser.recover
        if recover is None or not self._can_be_told_again():
            return False
        self._recovering = True
        self._set_timer()
        try:
            recovered = await recover(error)
        finally:
            self._recovering = False
        self._set_timer()
        if not recovered or not self._can_be_told_again():
            return False
        self._pending[:0] = self._sent or b""
        self._sent = bytearray()
        self._flush = self._silent
        self._wake.set()
        return True

    def _can_be_told_again(self) -> bool:
        """Whether all that was heard of it is still kept, and somebody wants its words."""
        return not self._abandoned and self._sent is not None

    async def _ask(self) -> None:
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
            async with asyncio.timeout(self._patience_s):
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
            self._emit(replace(transcript, utterance=self.number))
            if final:
                return
        if not self._abandoned:
            raise ModelFailed("the recogniser ended without a final transcript")

    async def _fail(self, error: VdxError) -> None:
        """Tells of the failure when the turn asks for the words, not in mid-speech."""
        await self._final_due.wait()
        if not self._abandoned:
            self._emit(TranscriptFailed(self.number, error))


def _first(group: BaseException) -> VdxError:
    """One error of the group: they all tell of the same broken stream."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    if isinstance(found, VdxError):
        return found
    return ModelFailed(f"the recogniser's stream broke: {found!r}")
