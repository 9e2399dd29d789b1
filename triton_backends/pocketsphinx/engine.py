"""pocketsphinx as a streaming recogniser.

One decoder serves one utterance from its first frame to its last. A FLUSH is answered with the
current hypothesis, which costs microseconds and leaves the search able to go on. When only quiet
followed the FLUSH, the final is that same hypothesis (shared/flush_reuse.py).
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.pocketsphinx.cmn_store import CmnStore
from triton_backends.pocketsphinx.decoders import mean_of
from triton_backends.pocketsphinx.pool import DecoderPool
from triton_backends.pocketsphinx.voice_guard import VoiceGuard
from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis, Word
from triton_backends.shared.flush_reuse import FlushReuse
from triton_backends.shared.language_tags import require_english
from triton_backends.shared.transcripts import Agreement

FRAME_MS = 10  # of pocketsphinx's own time axis
AGREEING_PARTIALS = 5
MIN_MEAN_SAMPLES, MAX_MEAN_SAMPLES = 2 * ASR_RATE, 10 * ASR_RATE
"""Audio of a first request from which its cepstral mean is estimated: at least, at most."""

_ALTERNATE = re.compile(r"\(\d+\)$")
_NOT_A_WORD = re.compile(r"^[<\[+(]")


class PocketsphinxEngine:
    """English only. `means` keeps the cepstral mean (CMN) between the utterances of one SESSION.

    An utterance that begins with seconds of audio, as those of a recording do, is decoded with the
    cepstral mean of that audio, as pocketsphinx decodes whole files. `complete_sentences_only`: a
    final is what the search ended with, so that a grammar's sentence counts only when it is
    complete; ending a grammar's search takes 4 ms.
    """

    workers = 1

    def __init__(
        self,
        pool: DecoderPool,
        means: CmnStore | None = None,
        *,
        complete_sentences_only: bool = False,
    ) -> None:
        self.max_utterances = pool.size
        self._pool = pool
        self._means = means
        self.complete_sentences_only = complete_sentences_only
        decoder = pool.take()
        # A decoder keeps the mean of its last utterance; a new session starts from the model's own.
        self._neutral_mean = decoder.get_cmn(update=False)
        pool.give_back(decoder)

    def start(self, request: AsrRequest, /) -> "PocketsphinxUtterance":
        require_english(request.language)
        decoder = self._pool.take()
        try:
            self._begin(decoder, request)
        except BaseException:  # the state of the decoder is unknown then
            self._pool.drop()
            raise
        return PocketsphinxUtterance(self, decoder, request.session)

    def _begin(self, decoder: Any, request: AsrRequest) -> None:
        known = self._means.get(request.session) if self._means else None
        decoder.set_cmn(known or self._neutral_mean)
        if request.audio.size >= MIN_MEAN_SAMPLES:
            decoder.set_cmn(mean_of(decoder, request.audio[:MAX_MEAN_SAMPLES]))
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
        self._searched = ""
        self._text = ""
        """What the search found last, and what of it somebody may have said."""
        self._agreement = Agreement(AGREEING_PARTIALS)
        self._reuse = FlushReuse()
        self._guard = VoiceGuard()
        self._finished = False
        self._ended = False

    def accept(self, pcm: NDArray[np.int16]) -> Hypothesis | None:
        """Continue the search; a hypothesis when the text has changed."""
        self._reuse.hear(pcm)
        self._guard.hear(pcm)
        self._decoder.process_raw(pcm.tobytes(), no_search=False, full_utt=False)
        self._samples += pcm.size
        text = self._current_text()
        stable = self._agreement.update(text)
        if text == self._text:
            return None
        self._text = text
        return Hypothesis(text, stable, self._audio_ms, 0.5)

    def flush(self) -> Hypothesis:
        """The current hypothesis."""
        hypothesis = self._heard()
        self._reuse.keep(hypothesis)
        return hypothesis

    def finish(self) -> Hypothesis:
        """The last FLUSH's hypothesis if only quiet followed it, else that of the ended search."""
        self._finished = True
        kept = None if self._engine.complete_sentences_only else self._reuse.final()
        if kept is not None:
            return kept  # ending the search takes up to 50 ms: `close` does it later
        self._end()
        return self._heard()

    def close(self) -> None:
        """Return the decoder to the pool; without `finish`, its mean is not kept."""
        if self._decoder is not None:
            if not self._ended:
                self._end()
            decoder, self._decoder = self._decoder, None
            self._engine.release(decoder)

    def _end(self) -> None:
        self._decoder.end_utt()
        self._ended = True
        if self._finished:  # before the final is sent: the next utterance may follow at once
            self._engine.learn(self._decoder, self._session)

    @property
    def _audio_ms(self) -> int:
        return self._samples * 1000 // ASR_RATE

    def _current_text(self) -> str:
        hypothesis = self._decoder.hyp()
        searched = hypothesis.hypstr if hypothesis is not None else ""
        if searched == self._searched:
            return self._text
        self._searched = searched
        return self._heard().text if self._guard.doubts else searched

    def _heard(self) -> Hypothesis:
        hypothesis = self._decoder.hyp()
        if hypothesis is None:
            return Hypothesis(audio_ms=self._audio_ms)
        words = _words(self._decoder)
        spoken = self._guard.spoken(words)
        if len(spoken) < len(words):
            text = " ".join(word.word for word in spoken)
        else:
            text = hypothesis.hypstr
        return Hypothesis(text, len(text), self._audio_ms, 0.5, spoken)


def _words(decoder: Any) -> tuple[Word, ...]:
    return tuple(
        Word(
            _ALTERNATE.sub("", segment.word),
            segment.start_frame * FRAME_MS,
            (segment.end_frame + 1) * FRAME_MS,
        )
        for segment in decoder.seg() or ()
        if not _NOT_A_WORD.match(segment.word)
    )
