"""Modified beam search: several paths side by side, at most one token a frame.

After icefall's `modified_beam_search` and sherpa-onnx's decoder of that name: paths that end in the
same tokens are one, the best has the highest score for its length. Tokens that all paths share are
settled.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from triton_backends.shared.hot_words import HotWords, Matches
from triton_backends.transducer.search import (
    Emission,
    Frames,
    Prediction,
    Predictor,
    SearchState,
    Vocabulary,
    log_softmax,
)

CONTEXT = 2
"""sherpa-onnx counts the tokens of the empty context into the length of a path."""


@dataclass(frozen=True, slots=True)
class Path:
    """Tokens that are not settled; `settled` counts those that are, in every path alike."""

    prediction: Prediction
    tail: tuple[Emission, ...] = ()
    settled: int = 0
    score: float = 0.0
    """Natural logarithm of its probability, with what hot words have added."""
    matches: Matches | None = None

    @property
    def tokens(self) -> tuple[int, ...]:
        return tuple(emission.token for emission in self.tail)

    @property
    def rank(self) -> float:
        return self.score / (self.settled + len(self.tail) + CONTEXT)


class BeamTransducer:
    """Keeps `paths` of them. The state's memory is a tuple of paths."""

    def __init__(self, predictor: Predictor, vocabulary: Vocabulary, paths: int) -> None:
        self._predictor = predictor
        self._vocabulary = vocabulary
        self._paths = paths

    def start(self, words: HotWords | None = None) -> SearchState:
        matches = Matches.start(words) if words and words.phrases else None
        return SearchState((Path(self._predictor.start(), matches=matches),))

    def step(self, state: SearchState, frames: Frames) -> tuple[list[Emission], SearchState]:
        paths: tuple[Path, ...] = state.memory
        for place, frame in enumerate(frames, state.frame):
            paths = self._extend(paths, frame, place)
        settled, paths = _settle(paths)
        return settled, SearchState(paths, state.frame + len(frames))

    def open_end(self, state: SearchState) -> list[Emission]:
        paths: tuple[Path, ...] = state.memory
        return list(max(paths, key=lambda path: path.rank).tail)

    def _extend(self, paths: Sequence[Path], frame: Frames, place: int) -> tuple[Path, ...]:
        logits = np.stack([self._predictor.logits(frame, path.prediction) for path in paths])
        sure = log_softmax(logits / self._vocabulary.temperature)
        scores = log_softmax(logits) + np.array([[path.score] for path in paths], np.float32)
        for row, path in zip(scores, paths, strict=True):
            _add_bonuses(row, path.matches)
        merged: dict[tuple[int, ...], Path] = {}
        for score, row, token in _best(scores, self._paths):
            path = paths[row]
            if not self._vocabulary.is_blank(token):
                path = self._with(path, Emission(token, place, float(sure[row, token])))
            # What a token gains is in its score; what an unfinished word had gained goes again.
            lost = _bonus(paths[row].matches, token) - _gain(paths[row].matches, path.matches)
            path = replace(path, score=score - lost)
            known = merged.get(path.tokens)
            if known is not None:
                both = float(np.logaddexp(known.score, path.score))
                path = replace(known, score=both)
            merged[path.tokens] = path
        return tuple(merged.values())

    def _with(self, path: Path, emission: Emission) -> Path:
        token = emission.token
        if token in self._vocabulary.resets:
            prediction = self._predictor.start()
        else:
            prediction = self._predictor.after(path.prediction, token)
        matches = path.matches.after(token) if path.matches else None
        return replace(path, prediction=prediction, tail=(*path.tail, emission), matches=matches)


def _best(scores: Frames, count: int) -> Iterator[tuple[float, int, int]]:
    """The highest scores with their row and token, the highest first."""
    flat = scores.reshape(-1)
    for place in np.argsort(-flat, kind="stable")[:count].tolist():
        row, token = divmod(place, scores.shape[1])
        yield float(flat[place]), row, token


def _add_bonuses(row: Frames, matches: Matches | None) -> None:
    if matches:
        for token, bonus in matches.bonuses.items():
            row[token] += bonus


def _bonus(matches: Matches | None, token: int) -> float:
    return matches.bonuses.get(token, 0.0) if matches else 0.0


def _gain(before: Matches | None, after: Matches | None) -> float:
    return after.worth - before.worth if before and after else 0.0


def _settle(paths: Sequence[Path]) -> tuple[list[Emission], tuple[Path, ...]]:
    """Take off what all paths begin with."""
    best = max(paths, key=lambda path: path.rank)
    count = 0
    for tokens in zip(*(path.tokens for path in paths), strict=False):
        if len(set(tokens)) > 1:
            break
        count += 1
    rest = [replace(each, tail=each.tail[count:], settled=each.settled + count) for each in paths]
    return list(best.tail[:count]), tuple(rest)
