"""espeak-ng as a streaming engine.

The C library has one global state, so one thread owns it and synthesises clause after clause; a
clause takes a few milliseconds. Chunks are handed over through a queue of one, so that little is
computed for a client that has left. Several processes (instances) add throughput.
"""

import contextlib
import queue
import re
import threading
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from triton_backends.espeak.japanese import Rewritten, in_digits
from triton_backends.espeak.library import EspeakLibrary, Mark
from triton_backends.espeak.phonemes import RAW, SEPARATOR, mnemonics_of, rewritten
from triton_backends.espeak.voices import find_language, find_variant
from triton_backends.espeak.words import WordTracker
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk, Word
from triton_backends.shared.errors import Internal, InvalidArgument

# Seconds per chunk: short at first so that audio starts early, then longer, with less overhead.
FIRST_CHUNK_S, LARGEST_CHUNK_S = 0.04, 0.5
SLOT_TIMEOUT_S = 0.5

# espeak-ng reads commands after control characters, and stops at a NUL.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class EspeakEngine:
    """Any language of espeak-ng; SPEAKER names a voice variant such as "f3" or "m1"."""

    def __init__(self, default_language: str = "en-us", max_streams: int = 32) -> None:
        self.max_streams = max_streams
        self._jobs: queue.Queue[_Job | None] = queue.Queue(max_streams + 1)
        self._owner = threading.Thread(target=self._own_library, name="espeak", daemon=True)
        started: queue.Queue[EspeakLibrary | Exception] = queue.Queue(1)
        self._started = started
        self._owner.start()
        library = started.get()
        if isinstance(library, Exception):
            raise Internal(f"espeak-ng does not start: {library}") from library
        self._library = library
        self.sample_rate = library.sample_rate
        self._default_language = find_language(default_language, self.languages)

    @property
    def languages(self) -> frozenset[str]:
        """Every language, as espeak-ng names it in lower case."""
        return frozenset(self._library.languages)

    def synthesize(self, request: TtsRequest) -> Generator[Chunk]:
        """Chunks of growing length; each carries the words that end in it."""
        language = self._default_language
        if request.language:
            language = find_language(request.language, self.languages)
        voice = language + find_variant(request.speaker, self._library.variants)
        text = _CONTROL.sub(" ", request.text)
        job = _Job(text, voice, request.speed, in_digits(text) if language == "ja" else None)
        self._jobs.put(job)
        try:
            yield from job.chunks()
        finally:
            job.abandon()

    def close(self) -> None:
        """End the owner thread, after the clause it is speaking."""
        self._jobs.put(None)
        self._owner.join(timeout=5.0)

    def _own_library(self) -> None:
        try:
            library = EspeakLibrary()
        except (RuntimeError, OSError, ImportError) as error:
            self._started.put(error)
            return
        self._started.put(library)
        voice, speed = "", 0.0
        tables: dict[str, dict[str, str]] = {}
        while (job := self._jobs.get()) is not None:
            try:
                if job.voice != voice:
                    voice = ""
                    library.set_voice(job.voice)
                    # Some voices (Ukrainian) bring a speed, which espeak-ng keeps for later ones.
                    voice, speed = job.voice, 0.0
                if job.speed != speed:
                    library.set_speed(job.speed)
                    speed = job.speed
                if RAW.search(job.text):
                    job.rewrite(_in_mnemonics(job, library, tables))
                job.run(library)
            except Exception as error:  # noqa: BLE001  (root of the thread: the request hears of it)
                job.put(error)
        library.close()


def _in_mnemonics(
    job: "_Job", library: EspeakLibrary, tables: dict[str, dict[str, str]]
) -> Rewritten:
    """A job's text for the library; the table of its language is made once, in half a second."""
    language = job.voice.partition("+")[0]
    if language not in tables:
        tables[language] = mnemonics_of(lambda text: library.read(text, SEPARATOR))
    if not tables[language]:
        raise InvalidArgument(f"TEXT has IPA, and the sounds of {language!r} are not known")
    return rewritten(job.text, tables[language])


class _Job:
    """One clause that the owner thread synthesises; `rewritten` is what is read in its place."""

    def __init__(
        self, text: str, voice: str, speed: float, rewritten: Rewritten | None = None
    ) -> None:
        self._original = text
        self._phonemes = False
        self.text = rewritten.text if rewritten else text
        self.voice = voice
        self.speed = speed
        self._slot: queue.Queue[Chunk | Exception | None] = queue.Queue(1)
        self._abandoned = False
        self._pieces: list[NDArray[np.int16]] = []
        self._words: list[Word] = []
        self._held = 0
        self._wanted = 0
        self._tracker = WordTracker(text, rewritten)

    def rewrite(self, text: Rewritten) -> None:
        """For the owner: its IPA is in mnemonics now."""
        self._phonemes = True
        self.text = text.text
        self._tracker = WordTracker(self._original, text)

    def chunks(self) -> Generator[Chunk]:
        """For the reader: what the owner thread puts into the slot."""
        while (item := self._slot.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    def abandon(self) -> None:
        """For the reader: nothing more is needed."""
        self._abandoned = True
        # The owner may wait because the queue is full, and would notice only after SLOT_TIMEOUT_S.
        with contextlib.suppress(queue.Empty):
            self._slot.get_nowait()

    def put(self, item: Chunk | Exception | None) -> bool:
        """For the owner: hand over; False when the reader has left."""
        while not self._abandoned:
            try:
                self._slot.put(item, timeout=SLOT_TIMEOUT_S)
            except queue.Full:
                continue
            return True
        return False

    def run(self, library: EspeakLibrary) -> None:
        """For the owner: synthesise, and end the stream."""
        self._wanted = int(FIRST_CHUNK_S * library.sample_rate)
        largest = int(LARGEST_CHUNK_S * library.sample_rate)

        def take(pcm: NDArray[np.int16], marks: list[Mark]) -> bool:
            self._words += self._tracker.complete(marks)
            self._pieces.append(pcm)
            self._held += pcm.size
            if self._held < self._wanted:
                return not self._abandoned
            self._wanted = min(2 * self._wanted, largest)
            return self.put(self._chunk())

        if not self._abandoned:
            library.speak(self.text, take, phonemes=self._phonemes)
        if self._held or self._words:
            self.put(self._chunk())
        self.put(None)

    def _chunk(self) -> Chunk:
        chunk = Chunk(np.concatenate(self._pieces), tuple(self._words))
        self._pieces, self._words, self._held = [], [], 0
        return chunk
