"""Leaves out words that pocketsphinx finds in noise and music, where nobody speaks.

It has no probability that nobody speaks, as Whisper has, and its search always fits some word.
Noise keeps its level; notes keep their spectrum, while that of a voice changes within some 60 ms.
Both are told on the sound itself, and only the words that lie in such sound are left out.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME, ASR_RATE
from triton_backends.shared.engine import Word

FRAME_MS = ASR_FRAME * 1000 // ASR_RATE
KEPT_FRAMES = 3_000
"""What is remembered of an utterance: its last minute."""
LEAST_FRAMES = 15
"""Of 20 ms; less sound is not judged."""
EVEN_RATIO = 1.5
"""Loudest frame over quiet ones, in amplitude, low sounds weakened: below this it is noise."""
GAP = 3
"""Frames between two spectra that are compared."""
SAME = 0.95
"""Their likeness, from -1 to 1, above which a note is held."""
LOUD_SHARE = 0.2
"""Of the level of loud frames: only louder ones are compared."""
MUSIC, MUSIC_WORD = 0.35, 0.25
"""Share of held sound in an utterance with music, and in a word that is part of it. In recordings
of people it is up to 0.04, of a monotonous voice of flite 0.13, of a quick melody 0.48 and more."""
LOWEST, HIGHEST = 4, 160
"""Bins of the spectrum, of 25 Hz each: 100 to 4,000 Hz."""


class VoiceGuard:
    """The sound of one utterance; not thread-safe."""

    def __init__(self) -> None:
        self._first = 0  # number of the oldest frame that is kept
        self._levels: deque[float] = deque(maxlen=KEPT_FRAMES)
        self._held: deque[float] = deque(maxlen=KEPT_FRAMES)
        self._spectra: deque[NDArray[np.float32]] = deque(maxlen=GAP)
        self._rest = np.zeros(ASR_FRAME, np.float32)
        """The frame before, and what is no whole frame yet."""

    def hear(self, pcm: NDArray[np.int16]) -> None:
        """Takes note of int16 mono at 16 kHz."""
        sound = np.concatenate([self._rest, pcm.astype(np.float32)])
        count = sound.size // ASR_FRAME - 1
        for at in range(count):
            self._add(sound[at * ASR_FRAME : (at + 2) * ASR_FRAME])
        self._rest = sound[count * ASR_FRAME :]

    def spoken(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The words that somebody may have spoken."""
        if len(self._levels) < LEAST_FRAMES:
            return tuple(words)
        if self._is_even():
            return ()
        loud = self._loud()
        if self._share(loud, slice(None)) < MUSIC:
            return tuple(words)
        return tuple(word for word in words if self._share(loud, self._span(word)) < MUSIC_WORD)

    @property
    def doubts(self) -> bool:
        """Whether `spoken` may leave words out."""
        if len(self._levels) < LEAST_FRAMES:
            return False
        return self._is_even() or self._share(self._loud(), slice(None)) >= MUSIC

    def _add(self, sound: NDArray[np.float32]) -> None:
        """One frame with the one before it."""
        if len(self._levels) == KEPT_FRAMES:
            self._first += 1
        self._levels.append(float(np.sqrt(np.mean(np.square(np.diff(sound[ASR_FRAME:]))))))
        spectrum = np.sqrt(np.abs(np.fft.rfft(sound * _WINDOW)))[LOWEST:HIGHEST]
        spectrum -= spectrum.mean()
        spectrum /= np.linalg.norm(spectrum) + 1e-9
        before = self._spectra[0] if len(self._spectra) == GAP else None
        self._held.append(float(spectrum @ before) if before is not None else 0.0)
        self._spectra.append(spectrum.astype(np.float32))

    def _is_even(self) -> bool:
        levels = np.array(self._levels)
        return bool(levels.max() < EVEN_RATIO * np.percentile(levels, 10))

    def _loud(self) -> NDArray[np.bool_]:
        """Frames that are loud, and were so when the spectrum was that they are compared with."""
        levels = np.array(self._levels)
        loud = levels > LOUD_SHARE * np.percentile(levels, 95)
        return np.concatenate([np.zeros(GAP, bool), loud[GAP:] & loud[:-GAP]])

    def _share(self, loud: NDArray[np.bool_], span: slice) -> float:
        held = np.array(self._held)[span][loud[span]]
        return float((held > SAME).mean()) if held.size else 0.0

    def _span(self, word: Word) -> slice:
        start, end = (ms // FRAME_MS - self._first for ms in (word.start_ms, word.end_ms))
        return slice(max(0, start), max(0, end))


_WINDOW = np.hanning(2 * ASR_FRAME).astype(np.float32)
