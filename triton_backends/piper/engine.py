"""The `piper` voice: a VITS network in three parts, the last two computed in growing windows.

The first window is small, so that audio starts after the text part and a tenth of a second of
audio; the next ones grow quickly, because each computes its context of about 12 + 32 frames again.
Windows of all sessions wait in one queue (shared/compute_queue.py); how long each may be is decided
when it leaves the queue (window_sizing.py).
"""

import contextlib
import math
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from triton_backends.piper.config import VoiceConfig
from triton_backends.piper.context import Context
from triton_backends.piper.networks import Array, Networks, Prepared
from triton_backends.piper.phonemes import Phonemizer, Sentence
from triton_backends.piper.window_sizing import WindowSizing
from triton_backends.piper.windows import Windows
from triton_backends.shared.compute_queue import ComputeQueue
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.language_tags import primary_subtag
from triton_backends.shared.silence import leading_silence
from triton_backends.shared.word_clock import WordClock
from triton_backends.shared.word_spans import word_spans

FIRST_MS, LARGEST_MS = 105, 4000
NOTHING = Chunk(np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class PiperOptions:
    """Milliseconds of audio in the first and the largest window."""

    first_ms: int = FIRST_MS
    largest_ms: int = LARGEST_MS
    max_streams: int = 32


class PiperEngine:
    """One released voice; any number of threads."""

    def __init__(
        self,
        config: VoiceConfig,
        phonemizer: Phonemizer,
        networks: Networks,
        contexts: tuple[Context, Context],
        options: PiperOptions,
    ) -> None:
        self.sample_rate = config.sample_rate
        self.max_streams = options.max_streams
        self._config = config
        self._phonemizer = phonemizer
        self._networks = networks
        self._flow, self._decoder = contexts
        self._queue = ComputeQueue()
        self._clauses = 0
        self._counting = threading.Lock()
        self._sizing = WindowSizing(
            self._frames(options.first_ms),
            self._frames(options.largest_ms),
            self._flow.frames // 2 + 2 * self._decoder.frames,
            self._decoder.samples / config.sample_rate,
        )

    def synthesize(self, request: TtsRequest) -> Generator[Chunk]:
        """A chunk per window, each with the words that begin in it.

        The empty ones are points at which the generator can be closed for a client that has left,
        before computing that takes a second where many wait.
        """
        speaker = self._speaker(request.speaker)
        self._check_language(request.language)
        with self._clause():
            yield from self._chunks(request, speaker)

    def _chunks(self, request: TtsRequest, speaker: int | None) -> Generator[Chunk]:
        sentences = self.sentences(request.text)
        spans = word_spans(request.text)
        clock = WordClock(request.text, spans, self._decoder.samples, self.sample_rate)
        due: float | None = None  # when the audio so far has been played
        before = 0
        for index, sentence in enumerate(sentences):
            with self._queue.slot(due):
                yield NOTHING
                urgent = due is None and self._clauses == 1
                prepared = self._prepare(sentence, request.speed, speaker, urgent=urgent)
                yield NOTHING
                last = index == len(sentences) - 1
                clock.add(sentence.words, prepared.durations.reshape(-1), last=last)
                windows = Windows(self._networks, prepared, self._flow, self._decoder)
                pcm = self._first(windows, heard=due is not None, urgent=urgent)
            if due is None:
                due = time.monotonic() - self._leading_silence(pcm) / self.sample_rate
            while True:
                due += pcm.size / self.sample_rate
                yield Chunk(pcm, tuple(clock.begun_before(before + windows.at)))
                if windows.at == windows.frames:
                    break
                with self._queue.slot(due):
                    yield NOTHING
                    slack_s, shared = due - time.monotonic(), self._queue.shared
                    length = pcm.size // self._decoder.samples
                    pcm = self._compute(
                        windows, self._sizing.following(length, slack_s, shared=shared)
                    )
            before += windows.frames
        if rest := tuple(clock.rest()):
            yield Chunk(NOTHING.pcm, rest)

    def sentences(self, text: str) -> list[Sentence]:
        """What the network is given for a text, a sentence at a time."""
        return self._phonemizer.sentences(text)

    @property
    def calibration_text(self) -> str:
        """A text of the voice's own, empty where English will do."""
        return self._phonemizer.calibration_text

    def move(self, networks: Networks) -> None:
        """Run the networks there from now on; nobody may be speaking."""
        self._networks.close()
        self._networks = networks

    def close(self) -> None:
        self._networks.close()

    @contextlib.contextmanager
    def _clause(self) -> Iterator[None]:
        """Counts the clauses that are spoken now."""
        with self._counting:
            self._clauses += 1
        try:
            yield
        finally:
            with self._counting:
                self._clauses -= 1

    def _prepare(
        self, sentence: Sentence, speed: float, speaker: int | None, *, urgent: bool
    ) -> Prepared:
        config = self._config
        scales = np.array(
            [config.noise_scale, config.length_scale / speed, config.noise_w], np.float32
        )
        ids = np.array(sentence.ids, np.int64)
        return self._networks.text(ids, scales, speaker, urgent=urgent)

    def _first(self, windows: Windows, *, heard: bool, urgent: bool) -> Array:
        """The first window of a sentence; `heard` says whether there is audio before it."""
        queue, sizing = self._queue, self._sizing
        waiting = queue.without_audio  # with this one, unless it has audio already
        length = sizing.first(waiting - (not heard), shared=queue.shared)
        pcm = self._compute(windows, length, urgent=urgent)
        came = queue.without_audio - waiting
        if heard or came <= 0 or windows.at == windows.frames:
            return pcm
        # They are computed before this one's next window, whose audio would run out by then.
        return np.concatenate([pcm, self._compute(windows, sizing.catching_up(came))])

    def _leading_silence(self, pcm: Array) -> int:
        """Samples at the beginning of a clause that are left out later."""
        silence = leading_silence(pcm, self.sample_rate)
        self._sizing.leading_silence(silence // self._decoder.samples)
        return silence

    def _compute(self, windows: Windows, length: int, *, urgent: bool = False) -> Array:
        """The next window; a rest of less than half of one is joined to it."""
        end = windows.at + length
        if windows.frames - end < length // 2:
            end = windows.frames
        length = end - windows.at
        began = time.monotonic()
        pcm = windows.upto(end, urgent=urgent)
        if not urgent:  # those have more cores
            self._sizing.took(length, time.monotonic() - began)
        return pcm

    def _frames(self, milliseconds: int) -> int:
        return max(math.ceil(milliseconds * self.sample_rate / 1000 / self._decoder.samples), 1)

    def _speaker(self, wanted: str) -> int | None:
        config = self._config
        if config.num_speakers == 1:
            if wanted and wanted != "0":
                raise InvalidArgument(f"SPEAKER {wanted!r}: this voice has one speaker")
            return None
        if not wanted:
            return config.default_speaker
        number = config.speakers.get(wanted)
        if number is None and wanted.isdecimal() and int(wanted) < config.num_speakers:
            number = int(wanted)
        if number is None:
            names = ", ".join(list(config.speakers)[:10]) or "none has a name"
            raise InvalidArgument(
                f"SPEAKER {wanted!r}: there are {config.num_speakers}, by number or name ({names})"
            )
        return number

    def _check_language(self, wanted: str) -> None:
        own = self._config.language
        if wanted and own and primary_subtag(wanted) != primary_subtag(own):
            raise InvalidArgument(f"LANGUAGE {wanted!r}: this voice speaks {own}")
