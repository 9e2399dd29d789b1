"""What the recogniser is given and what it gives: windows of audio, and their transcripts."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Window:
    """Audio to transcribe: int16 mono 16 kHz, cut or padded to `frames` of 10 ms.

    `language` is empty where it is to be detected; `prefix` are tokens that the text begins with,
    `prompt` those of words that are likely in it. `is_even`: by its level it is silence or noise.
    `is_partial`: what seems to be no speech may be left out unexamined, for more is to come.
    `by_beam`: it is decoded by beam search, because the likeliest token each time made a loop.
    `language_probability`, 0 to 1, is 1 where the language was named. `translate`: the transcript
    is an English translation.
    """

    pcm: NDArray[np.int16]
    frames: int
    language: str = ""
    prefix: tuple[int, ...] = ()
    prompt: tuple[int, ...] = ()
    is_even: bool = False
    is_partial: bool = False
    by_beam: bool = False
    language_probability: float = 1.0
    translate: bool = False

    @property
    def batch_key(self) -> tuple[int, bool, tuple[int, ...], bool, bool]:
        """What has to be equal in a batch: length, is there a prefix, prompt, search, task."""
        return self.frames, bool(self.prefix), self.prompt, self.by_beam, self.translate


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word with the space before it, its tokens, and its times in ms from the window's start."""

    text: str
    tokens: tuple[int, ...]
    start_ms: int
    end_ms: int

    def later(self, ms: int) -> "TimedWord":
        """The same word `ms` later (negative: earlier), not before 0."""
        start, end = max(0, self.start_ms + ms), max(0, self.end_ms + ms)
        return replace(self, start_ms=start, end_ms=end)


@dataclass(frozen=True, slots=True)
class WindowTranscript:
    """What a window says; `confidence` is the mean probability of its tokens, 0 to 1."""

    words: tuple[TimedWord, ...] = ()
    confidence: float = 0.0
    language: str = ""
    language_probability: float = 0.0

    def later(self, ms: int) -> "WindowTranscript":
        """The same words `ms` later."""
        return replace(self, words=tuple(word.later(ms) for word in self.words))
