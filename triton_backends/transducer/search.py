"""Greedy search: the likeliest symbol of each frame, of a transducer or of a CTC network.

A search knows nothing of one person: it takes their state and gives the next one. Frames count from
the beginning of the utterance, in steps of the encoder's output.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

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


class Search(Protocol):
    """`step` gives the tokens that will not change any more, `open_end` those that still may."""

    def start(self) -> SearchState: ...

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


class GreedyTransducer:
    """Up to `most_symbols` tokens a frame: 1 as icefall trains, 10 as NeMo does."""

    def __init__(self, predictor: Predictor, vocabulary: Vocabulary, most_symbols: int) -> None:
        self._predictor = predictor
        self._vocabulary = vocabulary
        self._most_symbols = most_symbols

    def start(self) -> SearchState:
        return SearchState(self._predictor.start())

    def step(self, state: SearchState, frames: Frames) -> tuple[list[Emission], SearchState]:
        prediction: Prediction = state.memory
        found: list[Emission] = []
        for place, frame in enumerate(frames, state.frame):
            for _ in range(self._most_symbols):
                logits = self._predictor.logits(frame, prediction)
                token = int(logits.argmax())
                if self._vocabulary.is_blank(token):
                    break
                sure = log_softmax(logits / self._vocabulary.temperature)[token]
                found.append(Emission(token, place, float(sure)))
                if token in self._vocabulary.resets:
                    prediction = self._predictor.start()
                else:
                    prediction = self._predictor.after(prediction, token)
        return found, SearchState(prediction, state.frame + len(frames))

    def open_end(self, _state: SearchState) -> list[Emission]:
        return []


class GreedyCtc:
    """Frames are log-probabilities; a token is emitted where it differs from the frame before."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def start(self) -> SearchState:
        return SearchState(memory=-1)

    def step(self, state: SearchState, frames: Frames) -> tuple[list[Emission], SearchState]:
        found: list[Emission] = []
        before: int = state.memory
        tokens: Sequence[int] = frames.argmax(axis=1).tolist()
        for place, token in enumerate(tokens):
            if token != before and not self._vocabulary.is_blank(token):
                sure = float(frames[place, token])
                found.append(Emission(token, state.frame + place, sure))
            before = token
        return found, replace(state, memory=before, frame=state.frame + len(frames))

    def open_end(self, _state: SearchState) -> list[Emission]:
        return []


def log_softmax(logits: Frames) -> Frames:
    """Along the last axis."""
    raised = logits - logits.max(axis=-1, keepdims=True)
    found: Frames = raised - np.log(np.exp(raised).sum(axis=-1, keepdims=True))
    return found
