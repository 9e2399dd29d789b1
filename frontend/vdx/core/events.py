"""The events between stages: frozen dataclasses without behaviour.

Positions named `at` count 16 kHz samples of one session's input since it began.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vdx.core.errors import VdxError

Pcm = NDArray[np.int16]


class SessionState(StrEnum):
    """The state of a conversation; see `dialog/turn.py` for the transitions."""

    IDLE = "idle"
    LISTENING = "listening"
    SPEAKING = "speaking"
    BARGED_IN = "barged_in"
    WAITING_FOR_INPUT = "waiting_for_input"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech lasted `vad.min_speech_duration_ms`; `at` is the onset, before the debounce."""

    utterance: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The first silence inside an utterance; `at` is the end of its last speech frame."""

    utterance: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech came back before the silence was long enough to end the utterance."""

    utterance: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Silence lasted `vad.min_silence_duration_ms`; `at` is the end of the last speech frame."""

    utterance: int
    at: int


@dataclass(frozen=True, slots=True)
class LevelTooLow:
    """Speech whose level stays below the threshold; levels are int16 RMS."""

    rms: float
    threshold: float


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded | LevelTooLow


class TranscriptKind(IntEnum):
    """STATE of the recogniser contract."""

    PARTIAL = 0
    PAUSE = 1
    FINAL = 2


@dataclass(frozen=True, slots=True)
class Word:
    """One word and its time, in ms from the start of its audio.

    `char_start` and `char_end` are offsets into the text it was spoken from; a recogniser
    leaves them at 0.
    """

    word: str
    start_ms: int
    end_ms: int
    char_start: int = 0
    char_end: int = 0


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript of one utterance so far.

    `stable` leading characters of `text` will not change; `audio_ms` says how much audio of
    the utterance (pre-roll included) the text covers; `confidence` is 0 to 1.
    """

    utterance: int
    text: str
    stable: int
    audio_ms: int
    kind: TranscriptKind
    confidence: float = 0.0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class TranscriptFailed:
    """The recogniser could not answer for this utterance; there will be no final."""

    utterance: int
    error: VdxError


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """Synthesised audio: int16 [n, 960] at 48 kHz, one 20 ms frame a row.

    `words` became known with this chunk; their times count from the start of the request.
    """

    audio: Pcm
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a reply small enough to speak in one request.

    `text` is cleaned for the voice; `source_start` and `source_end` say the part of the
    reply's source that it came from, `offsets[i]` which source offset `text[i]` came from.
    """

    text: str
    source_start: int
    source_end: int
    offsets: tuple[int, ...] = ()

    def source_offset(self, index: int) -> int:
        """The source offset just after the first `index` characters of `text`."""
        if index >= len(self.text):
            return self.source_end
        return self.offsets[index] if self.offsets else self.source_start + index


Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation as a responder sees it."""

    role: Role
    text: str
