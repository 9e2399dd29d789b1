"""One scripted fake for each role beside the session: recogniser, voice, responder, transport."""

import asyncio
import itertools
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from vdx.core.audio import SPEAK_FRAME
from vdx.core.errors import VdxError
from vdx.core.events import Message, Pcm, SpeechChunk, Transcript, TranscriptKind, Word
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session_events import ReplyDone, SessionEvent
from vdx.dialog.transport import OutputFrame
from vdx.speech.output.tts import Voice

FRAMES_PER_CHARACTER = 3
"""60 ms a character: close to ordinary speech."""

Kind = TypeVar("Kind")


# --- the recogniser -----------------------------------------------------------------------------


@dataclass
class Heard:
    """What the recogniser makes of one utterance; `pause` None repeats `final`."""

    final: str = ""
    pause: str | None = None
    delay_s: float = 0.01
    pause_delay_s: float = 0.01
    error: VdxError | None = None
    error_on_open: VdxError | None = None
    hangs: bool = False
    silent_end: bool = False
    words: tuple[Word, ...] = ()
    language: str = ""
    language_probability: float = 1.0


class FakeRecogniser:
    """Answers utterance after utterance from a script, then with nothing heard."""

    def __init__(self, *script: Heard) -> None:
        self._script = iter(script)
        self.streams: list[FakeRecognition] = []

    def __call__(self, options: SessionOptions, session: str) -> "FakeRecognition":
        stream = FakeRecognition(next(self._script, Heard()), options.recogniser)
        self.streams.append(stream)
        return stream


class FakeRecognition:
    def __init__(self, plan: Heard, recogniser: str) -> None:
        self.recogniser = recogniser
        self._plan = plan
        self._answers: asyncio.Queue[Transcript | VdxError | None] = asyncio.Queue(16)
        self.flushes = 0
        self.received = bytearray()
        self.sends: list[tuple[int, str]] = []
        self.open = False
        self.closed = False

    async def __aenter__(self) -> Self:
        if self._plan.error_on_open:
            raise self._plan.error_on_open
        self.open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.open, self.closed = False, True

    async def send(
        self, pcm: bytes, *, flush: bool = False, end: bool = False, cancel: bool = False
    ) -> None:
        self.received += pcm
        what = "cancel" if cancel else "end" if end else "flush" if flush else "audio"
        self.sends.append((len(pcm), what))
        plan = self._plan
        if plan.hangs:
            return
        if plan.error:
            self._answers.put_nowait(plan.error)
        elif cancel or (end and plan.silent_end):
            self._answers.put_nowait(None)
        elif end:
            self._later(plan.delay_s, plan.final, TranscriptKind.FINAL)
        elif flush:
            self.flushes += 1
            text = plan.final if plan.pause is None else plan.pause
            self._later(plan.pause_delay_s, text, TranscriptKind.PAUSE)

    def say(self, text: str) -> None:
        """A partial transcript, unasked."""
        self._answers.put_nowait(Transcript(0, text, 0, 0, TranscriptKind.PARTIAL))

    def _later(self, delay_s: float, text: str, kind: TranscriptKind) -> None:
        plan = self._plan
        answer = Transcript(
            *(0, text, 0, len(self.received) // 32, kind),
            words=plan.words,
            language=plan.language,
            language_probability=plan.language_probability,
            flush=self.flushes if kind is TranscriptKind.PAUSE else 0,
        )
        asyncio.get_running_loop().call_later(delay_s, self._answers.put_nowait, answer)

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while (answer := await self._answers.get()) is not None:
            if isinstance(answer, VdxError):
                raise answer
            yield answer


# --- the voice ----------------------------------------------------------------------------------


@dataclass
class FakeVoice:
    """Noise that only this voice and text make; counts what it was asked for."""

    words: bool = True
    first_chunk_s: float = 0.02
    chunk_frames: int = 10
    chunk_s: float = 0.01
    failures: dict[str, BaseException] = field(default_factory=dict)
    failure_after_chunks: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)
    voices: list[Voice] = field(default_factory=list)
    open: int = 0
    chunks: int = 0

    async def __call__(self, voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
        self.requests.append((voice.model, text))
        self.voices.append(voice)
        self.open += 1
        try:
            await asyncio.sleep(self.first_chunk_s)
            rows, words = utter(voice.model, text), word_times(text) if self.words else ()
            error = self.failures.pop(text, None)
            for number, start in enumerate(range(0, len(rows), self.chunk_frames)):
                if error and number >= self.failure_after_chunks:
                    raise error
                self.chunks += 1
                yield SpeechChunk(rows[start : start + self.chunk_frames], words)
                words = ()
                await asyncio.sleep(self.chunk_s)
            if error:
                raise error
        finally:
            self.open -= 1


def utter(model: str, text: str) -> Pcm:
    """The frames a fake voice speaks `text` with: loud everywhere and like no other text."""
    noise = np.random.default_rng(zlib.crc32(f"{model}/{text}".encode()))
    samples = noise.integers(1000, 9000, (len(text) * FRAMES_PER_CHARACTER, SPEAK_FRAME))
    return samples.astype(np.int16)


def word_times(text: str) -> tuple[Word, ...]:
    words, position = [], 0
    ms = FRAMES_PER_CHARACTER * 20
    for word in text.split():
        start = text.index(word, position)
        position = start + len(word)
        words.append(Word(word, start * ms, position * ms, start, position))
    return tuple(words)


# --- the responder ------------------------------------------------------------------------------


@dataclass
class FakeResponder:
    """Answers the last message from a table, a delta at a time."""

    answers: dict[str, Sequence[str | BaseException | float]] = field(default_factory=dict)
    default: Sequence[str | BaseException | float] = ("One two three. ", "Four five six.")
    asked: list[list[Message]] = field(default_factory=list)
    open: int = 0

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        self.asked.append(list(messages))
        self.open += 1
        try:
            for delta in self.answers.get(messages[-1].text if messages else "", self.default):
                if isinstance(delta, BaseException):
                    raise delta
                if isinstance(delta, str):
                    yield delta
                else:
                    await asyncio.sleep(delta)
        finally:
            self.open -= 1

    async def aclose(self) -> None:
        """Nothing to free."""


# --- the transport ------------------------------------------------------------------------------


class FakeTransport:
    """Keeps every event and every frame with the time it came."""

    def __init__(self) -> None:
        self.events: list[tuple[float, SessionEvent]] = []
        self.rows: list[tuple[float, int, Pcm]] = []
        self.slow_s = 0.0
        self._changed = asyncio.Event()

    def notify(self, event: SessionEvent) -> None:
        self.events.append((asyncio.get_running_loop().time(), event))
        self._changed.set()

    async def play(self, frame: OutputFrame) -> None:
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        self.rows.append((asyncio.get_running_loop().time(), frame.reply.number, frame.pcm))

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def times(self, kind: type[Any]) -> list[float]:
        return [when for when, event in self.events if isinstance(event, kind)]

    def heard(self, reply: int) -> Pcm:
        """Every sample that was sent of a reply."""
        rows = [row for _, number, row in self.rows if number == reply]
        return np.concatenate([row.reshape(-1) for row in rows] or [np.zeros(0, np.int16)])

    def statuses(self) -> list[tuple[int, str]]:
        return [(ended.reply.number, ended.status) for ended in self.all(ReplyDone)]

    async def wait_for(self, kind: type[Kind], count: int = 1) -> Kind:
        """The `count`th event of a kind, once it came."""
        while len(found := self.all(kind)) < count:
            self._changed.clear()
            await self._changed.wait()
        return next(itertools.islice(found, count - 1, None))
