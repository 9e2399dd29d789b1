"""The stretch of an utterance that is encoded and decoded as one: its sound and what it says.

A window that has become long ends at a pause, and the next one begins with the sound after it, so
that cost and memory do not grow however long somebody speaks.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.moonshine.agreement import Agreed
from triton_backends.moonshine.audio_encoder import Sound
from triton_backends.moonshine.model_folder import Model
from triton_backends.moonshine.search import DecodedTokens, GreedySearch
from triton_backends.shared.contract import ASR_FRAME, ASR_RATE
from triton_backends.shared.hot_words import HotWords
from triton_backends.shared.levels import SILENT_RMS, frame_levels, loudest

PRIMING = ASR_RATE * 3 // 10
"""Samples of silence that a window keeps before the first sound."""
LEAST_TOKENS = 3
"""That a window may have, however short it is."""


class Window:
    """Used by one thread at a time."""

    def __init__(
        self, model: Model, words: HotWords | None, is_unwanted: Callable[[], bool]
    ) -> None:
        self._model = model
        self._words = words
        self._is_unwanted = is_unwanted
        self._settling = False
        self._restart(np.zeros(0, np.int16))

    def _restart(self, pcm: NDArray[np.int16]) -> None:
        self._pcm: list[NDArray[np.int16]] = []
        self._waiting = np.zeros(0, np.int16)
        """Sound that is no whole step of the encoder yet."""
        self._state: Any = self._model.encoder.start()
        self._loudest = 0.0
        self.samples = 0
        self.agreed = Agreed()
        self._draft: list[int] = []
        self.hear(pcm)

    def hear(self, pcm: NDArray[np.int16]) -> None:
        """int16 mono at 16 kHz."""
        self._pcm.append(pcm)
        self.samples += pcm.size
        self._loudest = max(self._loudest, loudest(pcm))
        waiting = np.concatenate([self._waiting, pcm])
        whole = waiting.size - waiting.size % self._model.encoder.step
        if whole:
            self._state = self._model.encoder.hear(self._state, _sound(waiting[:whole]))
        self._waiting = waiting[whole:]

    @property
    def silent(self) -> bool:
        """It holds no words, and the decoder would make some up."""
        return self._loudest < SILENT_RMS

    @property
    def pcm(self) -> NDArray[np.int16]:
        """All of its sound."""
        whole = np.concatenate(self._pcm) if self._pcm else np.zeros(0, np.int16)
        self._pcm = [whole]
        return whole

    def forget_silence(self) -> int:
        """Drop the silence it begins with but `PRIMING`; returns how many samples went."""
        gone = max(self.samples - PRIMING, 0) if self.silent else 0
        if gone:
            self._restart(self.pcm[gone:])
        return gone

    def partial(self) -> DecodedTokens | None:
        """What was said so far; None where it was stopped. What partials agree on stays."""
        memory, self._state = self._model.encoder.listen(self._state, last=False)
        said = self._search(memory)
        if said is not None:
            self._draft = said.tokens
            self.agreed.add(said.tokens)
        return said

    def whole(self) -> DecodedTokens | None:
        """What all of the sound says, its end padded; the window goes on as if it had not been."""
        encoder, state = self._model.encoder, self._state
        if self._waiting.size:
            padded = np.pad(self._waiting, (0, encoder.step - self._waiting.size))
            state = encoder.hear(state, _sound(padded))
        memory, _ = encoder.listen(state, last=True)
        return self._search(memory)

    def take_until(self, sample: int) -> DecodedTokens:
        """What the sound before `sample` says; the window then begins there."""
        pcm, agreed, draft = self.pcm, self.agreed, self._draft
        if sample < pcm.size:
            self._restart(pcm[:sample])
            self.agreed, self._draft = agreed, draft
        self._settling = True
        said = self.whole()
        self._settling = False
        self._restart(pcm[sample:])
        return said or DecodedTokens()

    def quietest(self, within: int) -> int:
        """The middle of the quietest 100 ms among the last `within` samples."""
        pcm = self.pcm
        begin = max(pcm.size - within, 0)
        levels = frame_levels(pcm[begin:])
        smooth = np.convolve(levels, np.ones(5), mode="valid")
        return begin + (int(smooth.argmin()) + 2) * ASR_FRAME + ASR_FRAME // 2

    def _search(self, memory: NDArray[np.float32]) -> DecodedTokens | None:
        if self.silent or not memory.shape[1]:
            return DecodedTokens()
        most = int(-(-self.samples * self._model.tokens_per_second // ASR_RATE))
        most = min(max(most, LEAST_TOKENS, self.agreed.count), self._model.decoder.longest)
        search = GreedySearch(self._model.decoder, self._words, self._should_stop)
        return search(memory, most, self._draft, self.agreed.count)

    def _should_stop(self) -> bool:
        """What ends a window is computed in any case: its sound is gone afterwards."""
        return self._is_unwanted() and not self._settling


def _sound(pcm: NDArray[np.int16]) -> Sound:
    return pcm.astype(np.float32) / np.float32(32768)
