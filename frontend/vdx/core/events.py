"""What the stages of a session work on and the events they emit: frozen values, no behaviour.

Events name an utterance or a reply by its number, which is unique in its session. Positions named
`at` count 16 kHz samples of the session's input since it began.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vdx.core.errors import VdxError
from vdx.core.tools import ToolCall

Pcm = NDArray[np.int16]


class SessionState(StrEnum):
    """State of a conversation; the transitions are in `dialog/turn.py`."""

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
class PauseJudged:
    """The endpointer's answer about the pause that began at `at`.

    `probability`, 0 to 1: the person is done.
    """

    utterance: int
    at: int
    probability: float


@dataclass(frozen=True, slots=True)
class LevelTooLow:
    """The input sounds like a voice but stays below the gate's threshold; both are int16 RMS."""

    rms: float
    threshold: float


@dataclass(frozen=True, slots=True)
class SpeechLasted:
    """The current utterance spans `ms` from its onset to its last speech frame.

    Emitted at every frame while speech over a reply is neither confirmed nor rejected.
    """

    utterance: int
    ms: int


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded | LevelTooLow


class TranscriptKind(IntEnum):
    """STATE of the recogniser contract."""

    PARTIAL = 0
    PAUSE = 1
    FINAL = 2


@dataclass(frozen=True, slots=True)
class Word:
    """One word and its time, in ms from the start of its audio.

    `char_start` and `char_end` are offsets into the text it was spoken from, or into the transcript
    of a segment; a recogniser leaves them at 0, and `batch/files.py` finds them.
    """

    word: str
    start_ms: int
    end_ms: int
    char_start: int = 0
    char_end: int = 0


@dataclass(frozen=True, slots=True)
class TurnMark:
    """The person is done (`end`), or made a listening sound (`backchannel`).

    `at_ms` counts from the start of the utterance's audio.
    """

    kind: Literal["end", "backchannel"]
    at_ms: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript of one utterance so far.

    `stable` leading characters of `text` will not change; `audio_ms` says how much audio of
    the utterance (pre-roll included) the text covers; `confidence` is 0 to 1. `marks` come from
    recognisers that listen for the end of the turn too; `language`, a BCP-47 tag, and its
    probability, 0 to 1, from those that detect it. `flush` says which FLUSH of its sequence it
    answers, from 1 on; 0: none, or the recogniser does not tell. `begin` is the 16 kHz sample of
    the session's input that the utterance's audio begins with.
    """

    utterance: int
    text: str
    stable: int
    audio_ms: int
    kind: TranscriptKind
    confidence: float = 0.0
    words: tuple[Word, ...] = ()
    marks: tuple[TurnMark, ...] = ()
    language: str = ""
    language_probability: float = 0.0
    flush: int = 0
    begin: int = 0

    @property
    def done(self) -> bool:
        """Whether the recogniser heard that the person is done, and no word after it."""
        if not self.marks:
            return False
        return not self.words or self.marks[-1].at_ms >= self.words[-1].end_ms


@dataclass(frozen=True, slots=True)
class TranscriptFailed:
    """The recogniser could not answer for this utterance; there will be no final."""

    utterance: int
    error: VdxError


# --- the reply ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """Synthesised audio: int16 [n, 960] at 48 kHz, one 20 ms frame a row.

    `words` became known with this chunk; their times count from the start of the request.
    """

    audio: Pcm
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Phonemes:
    """What the source from `start` to `end` is said as, in IPA, by voices that take phonemes."""

    start: int
    end: int
    ipa: str


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a reply small enough to speak in one request.

    `text` is cleaned for the voice; `source_start` and `source_end` say the part of the
    reply's source that it came from, `offsets[i]` which source offset `text[i]` came from.
    `line_breaks`: 1 where a line of the source ends with it, as each entry of a list does, 2 where
    a paragraph does. Words of it may have
    `phonemes`. `only_code`: `text` is said in place of a reply that is only code. `sounds` are the
    tags in `text` that the voice makes sounds of.
    """

    text: str
    source_start: int
    source_end: int
    offsets: tuple[int, ...] = ()
    line_breaks: int = 0
    only_code: bool = False
    phonemes: tuple[Phonemes, ...] = ()
    sounds: tuple[str, ...] = ()

    @property
    def voice_text(self) -> str:
        """The TEXT of a voice's request; the line breaks at its end call for a pause."""
        return self.text + "\n" * self.line_breaks

    def source_offset(self, index: int) -> int:
        """The source offset just after the first `index` characters of `text`."""
        if index >= len(self.text):
            return self.source_end
        return self.offsets[index] if self.offsets else self.source_start + index


@dataclass(frozen=True, slots=True)
class ResponderStarted:
    """The responder gave the first text of a reply."""

    reply: int


@dataclass(frozen=True, slots=True)
class SynthesisStarted:
    """The voice gave the first audio of a reply."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyPaused:
    """Playout stopped because somebody speaks; `played_ms` of the reply were sent before."""

    reply: int
    played_ms: int


@dataclass(frozen=True, slots=True)
class ReplyAudible:
    """Playout is about to send the first frame of a reply."""

    reply: int


@dataclass(frozen=True, slots=True)
class ClauseStarted:
    """Playout is about to send the first frame of a clause; `index` counts from 0 in its reply."""

    reply: int
    index: int
    clause: Clause


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """A reply was played to its end, `played_ms` of it; with `error` it failed on the way."""

    reply: int
    error: VdxError | None = None
    played_ms: int = 0


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A stage failed and the session goes on."""

    error: VdxError


StageEvent = (
    SpeechEvent
    | PauseJudged
    | SpeechLasted
    | Transcript
    | TranscriptFailed
    | ResponderStarted
    | SynthesisStarted
    | ReplyPaused
    | ReplyAudible
    | ClauseStarted
    | ReplyEnded
    | StageFailed
)
"""What the stages of a session emit."""

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation as a responder sees it.

    `calls` are those that an assistant made after saying `text`; the message of a tool has its
    result as `text` and the id of the call in `answers`.
    """

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""
