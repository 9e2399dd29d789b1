"""pocketsphinx as a streaming recogniser.

One decoder serves one utterance from its first frame to its last. A FLUSH is answered with the
hypothesis of the moment, which costs microseconds and leaves the search able to go on. When all
that followed the FLUSH was quiet, the final is that same hypothesis: decoding the silence after
an utterance only ever adds errors, and the listener may already have acted on it.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.pocketsphinx.cmn_store import CmnStore
from triton_backends.pocketsphinx.decoders import mean_of
from triton_backends.pocketsphinx.pool import DecoderPool
from triton_backends.shared.contract import ASR_FRAME, ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis, Word
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.language_tags import primary_subtag
from triton_backends.shared.transcripts import Agreement

FRAME_MS = 10  # of pocketsphinx's own time axis
AGREEING_PARTIALS = 5
# After a FLUSH a frame is quiet when its RMS is below this part of the utterance's loudest one.
QUIET_RATIO = 0.1
QUIET_RMS = 100.0
MAX_QUIET_MS = 600

# Samples of a first request that tell something of the microphone, and that tell enough.
TELLING, MOST_TELLING = 2 * ASR_RATE, 10 * ASR_RATE

_ALTERNATE = re.compile(r"\(\d+\)$")
_NOT_A_WORD = re.compile(r"^[<\[+(]")


class PocketsphinxEngine:
    """English only. `means` keeps the cepstral mean between the utterances of one SESSION.

    An utterance that begins with seconds of audio, as those of a recording do, is heard through
    a mean that knows them already, as pocketsphinx hears whole files.
    `whole_only`: a final is what the search ended with, so that a grammar's sentence counts only
    when it is complete; ending a grammar's search takes 4 ms.
    """

    instant = False
    workers = 1

    def __init__(
        self, pool: DecoderPool, means: CmnStore | None = None, *, whole_only: bool = False
    ) -> None:
        self.max_utterances = pool.size
        self._pool = pool
        self._means = means
        self.whole_only = whole_only
        decoder = pool.take()
        # A decoder keeps the mean of whoever spoke last; a stranger starts from the model's own.
        self._neutral_mean = decoder.get_cmn(update=False)
        pool.give_back(decoder)

    def start(self, request: AsrRequest, /) -> "PocketsphinxUtterance":
        if request.language and primary_subtag(request.language) != "en":
            raise InvalidArgument(f"LANGUAGE {request.language!r}: this model understands only en")
        decoder = self._pool.take()
        try:
            self._begin(decoder, request)
        except BaseException:  # whatever it was, nobody knows what state the decoder is in
            self._pool.drop()
            raise
        return PocketsphinxUtterance(self, decoder, request.session)

    def _begin(self, decoder: Any, request: AsrRequest) -> None:
        known = self._means.get(request.session) if self._means else None
        decoder.set_cmn(known or self._neutral_mean)
        if request.audio.size >= TELLING:
            decoder.set_cmn(mean_of(decoder, request.audio[:MOST_TELLING]))
        decoder.start_utt()

    def learn(self, decoder: Any, session: str) -> None:
        """Keep a decoder's cepstral mean for the session."""
        if self._means:
            self._means.put(session, decoder.get_cmn(update=False))

    def release(self, decoder: Any) -> None:
        """Take a decoder back."""
        self._pool.give_back(decoder)

    def close(self) -> None:
        self._pool.close()
        if self._means:
            self._means.close()


class PocketsphinxUtterance:
    """One utterance on one decoder."""

    def __init__(self, engine: PocketsphinxEngine, decoder: Any, session: str) -> None:
        self._engine = engine
        self._decoder: Any = decoder
        self._session = session
        self._samples = 0
        self._text = ""
        self._agreement = Agreement(AGREEING_PARTIALS)
        self._loudest = 0.0
        self._loudest_since_flush = 0.0
        self._flushed: Hypothesis | None = None
        self._finished = False
        self._ended = False

    def accept(self, pcm: NDArray[np.int16]) -> Hypothesis | None:
        """Search on; a hypothesis when the text has changed."""
        self._measure(pcm)
        self._decoder.process_raw(pcm.tobytes(), no_search=False, full_utt=False)
        self._samples += pcm.size
        text = self._current_text()
        stable = self._agreement.update(text)
        if text == self._text:
            return None
        self._text = text
        return Hypothesis(text, stable, self._audio_ms, 0.5)

    def flush(self) -> Hypothesis:
        """The hypothesis of the moment."""
        self._flushed = self._heard()
        self._loudest_since_flush = 0.0
        return self._flushed

    def finish(self) -> Hypothesis:
        """The last FLUSH's hypothesis if only quiet followed it, else a final one."""
        self._finished = True
        reusable = self._flushed is not None and not self._engine.whole_only
        if self._flushed is not None and reusable and self._quiet_since_flush(self._flushed):
            return self._flushed  # ending the search takes up to 50 ms: `close` does it later
        self._end()
        return self._heard()

    def close(self) -> None:
        """Give the decoder back; without `finish`, what it learned is forgotten."""
        if self._decoder is not None:
            if not self._ended:
                self._end()
            decoder, self._decoder = self._decoder, None
            self._engine.release(decoder)

    def _end(self) -> None:
        self._decoder.end_utt()
        self._ended = True
        if self._finished:  # before the transcript leaves: the next utterance may follow at once
            self._engine.learn(self._decoder, self._session)

    @property
    def _audio_ms(self) -> int:
        return self._samples * 1000 // ASR_RATE

    def _current_text(self) -> str:
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis is not None else ""

    def _heard(self) -> Hypothesis:
        return _heard(self._decoder, self._audio_ms)

    def _measure(self, pcm: NDArray[np.int16]) -> None:
        frames = pcm.reshape(-1, ASR_FRAME).astype(np.float32)
        loudest = float(np.sqrt(np.mean(frames * frames, axis=1)).max())
        self._loudest = max(self._loudest, loudest)
        self._loudest_since_flush = max(self._loudest_since_flush, loudest)

    def _quiet_since_flush(self, flushed: Hypothesis) -> bool:
        limit = max(QUIET_RATIO * self._loudest, QUIET_RMS)
        recent = self._audio_ms - flushed.audio_ms <= MAX_QUIET_MS
        return recent and self._loudest_since_flush < limit


def _heard(decoder: Any, audio_ms: int) -> Hypothesis:
    hypothesis = decoder.hyp()
    if hypothesis is None:
        return Hypothesis(audio_ms=audio_ms)
    words = tuple(
        Word(
            _ALTERNATE.sub("", segment.word),
            segment.start_frame * FRAME_MS,
            (segment.end_frame + 1) * FRAME_MS,
        )
        for segment in decoder.seg() or ()
        if not _NOT_A_WORD.match(segment.word)
    )
    text = hypothesis.hypstr
    return Hypothesis(text, len(text), audio_ms, 0.5, words)
