"""What a family implements: an engine that knows its model and nothing of Triton."""

from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import AsrRequest, TtsRequest


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word.

    Times in milliseconds from the start of the request's audio; for TTS `char_start` and
    `char_end` are offsets into the request's text, in characters.
    """

    word: str
    start_ms: int
    end_ms: int
    char_start: int = 0
    char_end: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """What a recogniser heard of the turn itself, `at_ms` after the start of the utterance.

    `end`: the person is done; `backchannel`: it was a listening sound, which is over.
    """

    kind: Literal["end", "backchannel"]
    at_ms: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of synthesised audio: mono, int16 or float32 in -1 to 1, at the engine's rate."""

    pcm: NDArray[np.int16] | NDArray[np.float32]
    words: tuple[Word, ...] = ()


class TtsEngine(Protocol):
    """Turns text into audio.

    `synthesize` may be called from several threads at once, up to `max_streams`. It checks what
    it alone can check (voice, language) before the first chunk, raising InvalidArgument. Closing
    the iterator ends the synthesis: nothing is computed afterwards. An empty chunk has no audio
    and is a further point at which the iterator can be closed.
    """

    sample_rate: int
    max_streams: int

    def synthesize(self, request: TtsRequest) -> Generator[Chunk]: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recogniser has recognised of one utterance so far.

    `stable` is how many leading characters of `text` will not change any more; `audio_ms` how
    much audio the text covers; `confidence` lies in 0 to 1. `marks` are in order of time, and
    reach the client from models with the capability `turn_marks`, `language`, the BCP-47 tag of
    what is said, and its probability, 0 to 1, from those with `language_detection`.
    """

    text: str = ""
    stable: int = 0
    audio_ms: int = 0
    confidence: float = 0.0
    words: tuple[Word, ...] = ()
    marks: tuple[Mark, ...] = ()
    language: str = ""
    language_probability: float = 0.0


class Utterance(Protocol):
    """The state of one utterance inside a recogniser; used by one thread at a time.

    The answers are transcripts, or futures of them where the engine computes in threads of its own;
    until a future has ended nothing else is called but `queued_behind`, except that `flush` and
    `finish` may follow `accept` at once, whose audio they cover and whose future is then dropped.
    Whatever a method raises or the future ends with ends the utterance.
    """

    def accept(self, pcm: NDArray[np.int16]) -> "Hypothesis | Future[Hypothesis | None] | None":
        """Take 16 kHz mono audio; a hypothesis if it differs from the last one returned."""
        ...

    def flush(self) -> "Hypothesis | Future[Hypothesis | None]":
        """The best transcript of what is there; more audio may follow."""
        ...

    def finish(self) -> "Hypothesis | Future[Hypothesis | None]":
        """The final transcript; only `close` may follow."""
        ...

    def close(self) -> None:
        """Free everything; also called without `finish`, when the utterance is cancelled."""
        ...


@runtime_checkable
class SeesQueue(Protocol):
    """An utterance that wants to know which requests wait behind the one it works on."""

    def queued_behind(self, request: AsrRequest, *, end: bool) -> None:
        """A request of this utterance has to wait; called by any thread, returns at once."""
        ...


class AsrEngine(Protocol):
    """Opens utterances.

    `workers` is how many threads call its utterances where the configuration does not say. 0: each
    call returns within a millisecond and is made by the thread that brought the request.
    """

    max_utterances: int
    workers: int

    def start(self, request: AsrRequest, /) -> Utterance: ...

    def close(self) -> None: ...
