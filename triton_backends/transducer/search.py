"""Greedy search: the likeliest symbol of each frame, of a transducer or of a CTC network.

A search knows nothing of one person: it takes their state and gives the next one. Frames count from
the beginning of the utterance, in steps of the encoder's output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.hot_words import HotWords, Matches

Frames = NDArray[np.float32]
"""The encoder's output for one person: [frames, size]."""


@dataclass(frozen=True, slots=True)
class Emission:
    """A token, the frame it was emitted at, and the natural logarithm of its probability."""

    token: int
    frame: int
    log_probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predictor's output after some tokens, and its own state."""

    output: NDArray[np.float32]
    state: Any


class Predictor(Protocol):
    """The decoder network of a transducer, and its joiner."""

    def start(self) -> Prediction:
        """Before any token."""
        ...

    def after(self, prediction: Prediction, token: int) -> Prediction: ...

    def logits(self, frame: Frames, prediction: Prediction) -> Frames:
        """Of every token at one frame; float32, shape [vocabulary]."""
        ...


@dataclass(frozen=True, slots=True)
class SearchState:
    """What a search knows of one person; `memory` is the search's own."""

    memory: Any
    frame: int = 0
    matches: Matches | None = None


class Search(Protocol):
    """`step` gives the tokens that will not change any more, `open_end` those that still may."""

    def start(self, words: HotWords | None = None) -> SearchState: ...

    def step(self, state: SearchState, frames: Frames) -> tuple[list[Emission], SearchState]: ...

    def open_end(self, state: SearchState) -> list[Emission]: ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a search must know of the tokens.

    `ignored` are treated as blank; after one of `resets` the predictor begins anew. `temperature`
    divides the logits before a probability is computed.
    """

    blank: int
    ignored: frozenset[int] = frozenset()
    resets: frozenset[int] = frozenset()
    temperature: float = 1.0

    def is_blank(self, token: int) -> bool:
        return token == self.blank or token in self.ignored

    def choose(self, logits: Frames, matches: Matches | None) -> int:
        """The likeliest token; hot words decide which one, not whether there is one.

        As NeMo's greedy search does with a boosting tree, so that no word is put into silence.
        """
        token = int(logits.argmax())
        if matches is None or self.is_blank(token):
            return token
        raised = logits.copy()
        for each, bonus in matches.bonuses.items():
            raised[each] += bonus
        raised[[self.blank, *self.ignored]] = -np.inf
        return int(raised.argmax())


class GreedyTransducer:
    """Up to `most_symbols` tokens a frame: 1 as icefall trains, 10 as NeMo does."""

    def __init__(self, predictor: Predictor, vocabulary: Vocabulary, most_symbols: int) -> None:
        self._predictor = predictor
        self._vocabulary = vocabulary
        self._most_symbols = most_symbols

    def start(self, words: HotWords | None = None) -> SearchState:
        return SearchState(self._predictor.start(), matches=_matches(words))

    def step(self, state: SearchState, frames: Frames) -> tuple[list[Emission], SearchState]:
        prediction: Prediction = state.memory
        matches, found = state.matches, list[Emission]()
        for place, frame in enumerate(frames, state.frame):
            for _ in range(self._most_symbols):
                logits = self._predictor.logits(frame, prediction)
                token = self._vocabulary.choose(logits, matches)
                if self._vocabulary.is_blank(token):
                    break
                matches = matches and matches.after(token)
                sure = log_softmax(logits / self._vocabulary.temperature)[token]
                found.append(Emission(token, place, float(sure)))
                if token in self._vocabulary.resets:
                    prediction = self._predictor.start()
                else:
                    prediction = self._predictor.after(prediction, token)
        return found, SearchState(prediction, state.frame + len(frames), matches)

    def open_end(self, _state: SearchState) -> list[Emission]:
        return []


class GreedyCtc:
    """Frames are log-probabilities; a token is emitted where it differs from the frame before."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def start(self, words: HotWords | None = None) -> SearchState:
        return SearchState(memory=-1, matches=_matches(words))

    def step(self, state: SearchState, frames: Frames) -> tuple[list[Emission], SearchState]:
        matches, found = state.matches, list[Emission]()
        before: int = state.memory
        likeliest: Sequence[int] = frames.argmax(axis=1).tolist()
        for place, now in enumerate(likeliest):
            if now != before and not self._vocabulary.is_blank(now):
                token = self._vocabulary.choose(frames[place], matches)
                matches = matches and matches.after(token)
                found.append(Emission(token, state.frame + place, float(frames[place, token])))
            before = now
        return found, SearchState(before, state.frame + len(frames), matches)

    def open_end(self, _state: SearchState) -> list[Emission]:
        return []


def _matches(words: HotWords | None) -> Matches | None:
    return Matches.start(words) if words and words.phrases else None


def log_softmax(logits: Frames) -> Frames:
    """Along the last axis."""
    raised = logits - logits.max(axis=-1, keepdims=True)
    found: Frames = raised - np.log(np.exp(raised).sum(axis=-1, keepdims=True))
    return found
