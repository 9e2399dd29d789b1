"""The `kokoro` voice: sentences in windows of symbols, each computed when its turn comes."""

import math
import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from triton_backends.kokoro.languages import FrontEnds, supported
from triton_backends.kokoro.network import FRAME, SAMPLE_RATE, Network, Prepared
from triton_backends.kokoro.spoken import Spoken, sentences
from triton_backends.kokoro.styles import Style, Styles, row_for
from triton_backends.kokoro.vocabulary import ids
from triton_backends.kokoro.windows import Joiner, plan, trimmed, window
from triton_backends.shared.compute_queue import ComputeQueue
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.speech import CALIBRATION_TEXT
from triton_backends.shared.word_clock import WordClock
from triton_backends.shared.word_spans import NO_WORD

FIRST_MS, LARGEST_MS = 600, 3000
MAX_STREAMS = 16
NOTHING = Chunk(np.zeros(0, np.float32))
JAPANESE_TEXT = "今日はとても良い天気ですから、みんなで散歩に行きましょう。"
BETWEEN_WORDS = frozenset(' ;:,.!?—…"()“”')


@dataclass(frozen=True, slots=True)
class KokoroOptions:
    """Milliseconds of audio in the first and the largest window."""

    first_ms: int = FIRST_MS
    largest_ms: int = LARGEST_MS
    max_streams: int = MAX_STREAMS


@dataclass(frozen=True, slots=True)
class Tokens:
    """A sentence as the network is given it, its two edges included in `words` and `ends`."""

    ids: np.ndarray
    words: tuple[int, ...]
    ends: np.ndarray
    closing: int
    """How many tokens of punctuation are the last."""


class KokoroEngine:
    """One network with all its styles; any number of threads."""

    sample_rate = SAMPLE_RATE

    def __init__(self, network: Network, styles: Styles, options: KokoroOptions) -> None:
        self.max_streams = options.max_streams
        self.languages = supported(styles.names)
        self.network = network
        self.styles = styles
        self.front_ends = FrontEnds()
        self._queue = ComputeQueue()
        self._first = math.ceil(options.first_ms * SAMPLE_RATE / 1000 / FRAME)
        self._largest = max(math.ceil(options.largest_ms * SAMPLE_RATE / 1000 / FRAME), self._first)
        if not self.languages:
            names = ", ".join(styles.names)
            raise InvalidArgument(f"none of the styles has a language that is read here: {names}")

    def synthesize(self, request: TtsRequest) -> Generator[Chunk]:
        """A chunk per window, each with the words that begin in it.

        The empty ones are points at which the generator can be closed.
        """
        style, first = self.styles.find(request.speaker)
        spoken = self.front_ends.of(request.language, first).read(request.text)
        parts = list(sentences(spoken))
        clock = WordClock(request.text, spoken.spans, FRAME, SAMPLE_RATE)
        due: float | None = None  # when the audio so far has been played
        before = 0
        for index, part in enumerate(parts):
            tokens = tokens_of(part)
            with self._queue.slot(due):
                yield NOTHING
                prepared = self.prepare(tokens, part, style, request.speed)
                yield NOTHING
                frames = trimmed(prepared.durations, tokens.closing)
                melody = self.network.melody(prepared, frames)
            clock.add(tokens.words, frames, last=index == len(parts) - 1)
            reach = np.cumsum(frames)
            joiner, start = Joiner(), 0
            for end in plan(frames, tokens.ends, self._first, self._largest):
                with self._queue.slot(due):
                    yield NOTHING
                    piece = window(frames, start, end)
                    heard = self.network.speak(prepared, melody, piece.frames, piece.start)
                    pcm = joiner.add(heard, piece)
                due = (due or time.monotonic()) + pcm.size / SAMPLE_RATE
                start = end
                yield Chunk(pcm, tuple(clock.begun_before(before + int(reach[end - 1]))))
            before += int(reach[-1])
        if rest := tuple(clock.rest()):
            yield Chunk(NOTHING.pcm, rest)

    @property
    def calibration_request(self) -> TtsRequest:
        """A text that the default style can be measured with."""
        own = self.languages[0]
        if own == "ja" and self.front_ends.can_read(own):
            return TtsRequest(JAPANESE_TEXT, language=own)
        return TtsRequest(CALIBRATION_TEXT, language=own if own.startswith("en") else "en-US")

    def close(self) -> None:
        self.network.close()

    def prepare(self, tokens: Tokens, part: Spoken, style: Style, speed: float) -> Prepared:
        """A sentence with the vector of a style for its length."""
        return self.network.prepare(tokens.ids, row_for(style, len(part.symbols)), speed)


def tokens_of(part: Spoken) -> Tokens:
    """The symbols the network knows; others are left out, as the reference does."""
    table = ids()
    known = [
        (symbol, word)
        for symbol, word in zip(part.symbols, part.words, strict=True)
        if symbol in table
    ]
    symbols = [symbol for symbol, _ in known]
    between = [symbol in BETWEEN_WORDS for symbol in symbols]
    closing = next((n for n, inside in enumerate(reversed(between)) if not inside), len(between))
    return Tokens(
        np.array([table[symbol] for symbol in symbols], np.int64),
        (NO_WORD, *(word for _, word in known), NO_WORD),
        np.array([False, *between, True]),
        closing,
    )
