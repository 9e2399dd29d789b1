"""One person's way through a model: the window that comes next, the state, what was emitted.

`Stream` has no clock and no threads. Its owner computes each step that it asks for and hands the
result back. `branch` is a copy that can be padded and thrown away; the arrays of a state are never
written to, so it costs nothing.
"""

import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME
from triton_backends.shared.hot_words import HotWords
from triton_backends.shared.levels import SILENT_RMS, frame_levels
from triton_backends.transducer.audio import Audio
from triton_backends.transducer.features import FRAMES_PER_SECOND, SHIFT
from triton_backends.transducer.model_folder import Model
from triton_backends.transducer.search import Emission, Frames, SearchState
from triton_backends.transducer.states import State

LONG_SILENCE = 5 * FRAMES_PER_SECOND
"""Frames of silence after which no more is computed."""
PRIMING = 3 * FRAMES_PER_SECOND // 10
"""Frames before a sound with which a state begins anew."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an encoder is to compute: one window of features [window, mels], and a state."""

    features: NDArray[np.float32]
    state: State


class Stream:
    """`strict` waits for one frame more than a window needs, as sherpa-onnx does."""

    def __init__(
        self,
        model: Model,
        audio: Audio,
        language: str = "",
        words: HotWords | None = None,
        *,
        strict: bool = False,
    ) -> None:
        self._model = model
        self.audio = audio
        self._strict = strict
        self._language, self._words = language, words
        self._silent = 0
        """Frames of silence that the windows before this one end with."""
        self._state: State = model.encoder.start(language)
        self._search: SearchState = model.search.start(words)
        self._position = model.encoder.first_frame
        self.settled: list[Emission] = []
        """Tokens that will not change any more, since the last `hand_over`."""

    @property
    def heard_samples(self) -> int:
        """How much of the audio the emissions cover."""
        frames = self._position - self._model.encoder.shift + self._model.encoder.covered
        return min(max(frames, 0) * SHIFT, self.audio.samples)

    @property
    def emissions(self) -> list[Emission]:
        """The tokens since the last `hand_over`, the likeliest as it stands."""
        return self.settled + self._model.search.open_end(self._search)

    def hand_over(self) -> list[Emission]:
        """The settled tokens, which are forgotten here: a stream may last for hours."""
        settled, self.settled = self.settled, []
        return settled

    def ready(self) -> bool:
        """Whether the audio fills the next window."""
        frames = self._model.encoder.features.ready(self.audio.samples)
        return self._position + self._model.encoder.window + self._strict <= frames

    @property
    def is_silent(self) -> bool:
        """Whether silence has lasted so long that it is not computed."""
        return self._silent > LONG_SILENCE

    def listens(self) -> bool:
        """Whether the next window is to be computed; where it is not, it was passed over.

        The first sound after a long silence begins a new state, with what lies before it.
        """
        begin, window = max(self._position, 0) * SHIFT, self._model.encoder.window
        levels = frame_levels(self.audio.piece(begin, (self._position + window) * SHIFT))
        loud = np.flatnonzero(levels > SILENT_RMS)
        if loud.size:
            if self.is_silent:
                self._begin_anew((begin + int(loud[0]) * ASR_FRAME) // SHIFT)
            self._silent = 0
            return True
        self._silent += self._model.encoder.shift
        if not self.is_silent:
            return True
        self._position += self._model.encoder.shift
        return False

    def _begin_anew(self, sound: int) -> None:
        """From `PRIMING` before the frame `sound`, or from the next window if that is earlier."""
        encoder, search = self._model.encoder, self._model.search
        self.settled.extend(search.open_end(self._search))
        back = min((sound - PRIMING - self._position) // encoder.subsampling, 0)
        self._position += back * encoder.subsampling
        self._state = encoder.start(self._language)
        frame = (self._position - encoder.first_frame) // encoder.subsampling
        self._search = replace(search.start(self._words), frame=frame)

    def next_step(self) -> Step:
        """The next window; audio that is not there yet counts as silence."""
        encoder = self._model.encoder
        return Step(encoder.features(self.audio, self._position, encoder.window), self._state)

    def take(self, frames: Frames, state: State) -> None:
        """What the encoder made of the step."""
        found, self._search = self._model.search.step(self._search, frames)
        self.settled.extend(found)
        self._state = state
        self._position += self._model.encoder.shift

    def forget_audio(self) -> None:
        """Drop the audio that no later window needs; not on a branch, which shares it."""
        encoder = self._model.encoder
        kept = PRIMING + encoder.subsampling if self._silent else 0
        self.audio.drop_before(encoder.features.first_sample(self._position - kept))

    def branch(self) -> "Stream":
        """The same, to be led on without changing this one."""
        branched = copy.copy(self)
        branched.settled = list(self.settled)
        return branched

    def left(self) -> "Stream":
        """A copy with audio of its own, for an utterance that goes on where this one ends."""
        copied = self.branch()
        copied.audio = copy.copy(self.audio)
        return copied

    def steps_to_hear(self, speech_end: int) -> int:
        """Steps, padded with silence, until all audio and the tokens of its speech are out.

        `speech_end` is the sample after the last that may be speech: the quiet after it counts as
        padding. Without any audio there is nothing to hear.
        """
        if not self.audio.samples:
            return 0
        encoder = self._model.encoder
        last = max(-(-self.audio.samples // SHIFT), -(-speech_end // SHIFT) + encoder.delay)
        heard = self._position - encoder.shift + encoder.covered
        return max(-(-(last - heard) // encoder.shift), 0)
