"""Cuts against waits, as the public benchmark counts them, with intervals over recordings.

A pause of 0.2 to 5 s is cut where the turn ends before the person goes on; the wait is the silence
from the annotated end of speech to the end of the turn, of true ends. Unlike there, everything
that delays the decision counts: the detector, the transcript, the endpointer and the network.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vdx.bench.endpointing.evidence import Evidence
from vdx.bench.endpointing.rules import Rule
from vdx.bench.endpointing.turns import Silence
from vdx.core.config import BargeInConfig
from vdx.dialog.turn import GOES_ON_MS

FIRST_SOUND_MS: Final = 50
"""From the end of a turn to the first sound of its reply, which was prepared meanwhile."""
RESAMPLED: Final = 1000

Flags = NDArray[np.bool_]
Ms = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Heard:
    """The silences of a corpus, each with its pauses in order."""

    groups: tuple[tuple[Evidence, ...], ...]

    @classmethod
    def of(cls, evidence: Iterable[Evidence]) -> "Heard":
        """Only silences that count (see `Silence.counts`)."""
        groups: dict[tuple[str, float], list[Evidence]] = {}
        for each in evidence:
            if Silence(each.start_ms, each.end_ms, each.ends_turn).counts:
                groups.setdefault((each.turn, each.start_ms), []).append(each)
        return cls(tuple(tuple(group) for group in groups.values()))

    @property
    def ends(self) -> Flags:
        """Which silences end a turn."""
        return np.array([group[0].ends_turn for group in self.groups], dtype=bool)

    @property
    def recordings(self) -> list[str]:
        return [group[0].recording for group in self.groups]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule does in every silence of a corpus.

    `cut`: it ends the turn in a pause; `mended`: and both halves are answered as one; `wait` in ms
    from the annotated end of speech, of true ends.
    """

    rule: Rule
    cut: Flags
    mended: Flags
    wait: Ms

    @property
    def cut_rate(self) -> float:
        """Share of the pauses, 0 to 1."""
        return float(self.cut.mean()) if self.cut.size else 0.0

    @property
    def mean_wait(self) -> float:
        return float(self.wait.mean()) if self.wait.size else 0.0


def outcome(heard: Heard, rule: Rule) -> Outcome:
    """Applies a rule to every silence."""
    cut, mended, wait = [], [], []
    for group in heard.groups:
        ended = _ended(group, rule)
        if group[0].ends_turn:
            wait.append((group[-1].end_ms if ended is None else ended[1]) - group[0].start_ms)
        else:
            cut.append(ended is not None)
            mended.append(ended is not None and _is_mended(*ended))
    return Outcome(rule, np.array(cut, bool), np.array(mended, bool), np.array(wait, float))


def _ended(group: Sequence[Evidence], rule: Rule) -> tuple[Evidence, float] | None:
    """The pause that ends the turn, and when."""
    for pause in group:
        at = pause.speech_end_ms + rule.silence_ms(pause)
        if pause.resumed_ms is None or at < pause.resumed_ms:
            return pause, at
    return None


def _is_mended(pause: Evidence, ended_ms: float) -> bool:
    """Whether the person goes on soon enough, and for long enough to interrupt the reply."""
    resumed = pause.end_ms if pause.resumed_ms is None else pause.resumed_ms
    soon = resumed - (ended_ms + FIRST_SOUND_MS) <= GOES_ON_MS
    return soon and pause.rest_ms >= BargeInConfig().confirm_ms


def fewest_cuts(outcomes: Iterable[Outcome], wait_ms: float) -> Outcome | None:
    """The setting with the fewest cuts among those that wait no longer on average."""
    fit = [each for each in outcomes if each.mean_wait <= wait_ms]
    return min(fit, key=lambda each: (each.cut_rate, each.mean_wait), default=None)


def shortest_wait(outcomes: Iterable[Outcome], cut_rate: float) -> Outcome | None:
    """The setting with the shortest mean wait among those that cut no more."""
    fit = [each for each in outcomes if each.cut_rate <= cut_rate]
    return min(fit, key=lambda each: (each.mean_wait, each.cut_rate), default=None)


def frontier(outcomes: Iterable[Outcome]) -> list[tuple[float, float]]:
    """(mean wait, cut rate) of the settings that no other is better than, by wait."""
    found: list[tuple[float, float]] = []
    for wait, rate in sorted((each.mean_wait, each.cut_rate) for each in outcomes):
        if not found or rate < found[-1][1]:
            found.append((wait, rate))
    return found


def intervals(heard: Heard, found: Outcome) -> tuple[tuple[float, float], tuple[float, float]]:
    """95 % intervals of cut rate and mean wait: recordings are drawn again, with all they hold."""
    owner, count = _owners(heard)
    cuts, waits = (
        _sums(owner[~heard.ends], found.cut, count),
        _sums(owner[heard.ends], found.wait, count),
    )
    drawn = _drawn(count)
    return _interval(cuts, drawn), _interval(waits, drawn)


def ratio_interval(heard: Heard, found: Outcome, other: Outcome) -> tuple[float, float]:
    """The 95 % interval of how many times the cuts of another rule one makes.

    Both are counted in the same recordings each time, so that what is hard for both is no chance.
    """
    owner, count = _owners(heard)
    drawn = _drawn(count)
    cuts, others = (
        _sums(owner[~heard.ends], each.cut, count)[0][drawn].sum(axis=1) for each in (found, other)
    )
    if not (some := others > 0).any():
        return 0.0, 0.0
    low, high = np.percentile(cuts[some] / others[some], [2.5, 97.5])
    return float(low), float(high)


def _owners(heard: Heard) -> tuple[NDArray[np.int64], int]:
    """The number of each silence's recording, and how many recordings there are."""
    names = heard.recordings
    which = {name: index for index, name in enumerate(dict.fromkeys(names))}
    return np.array([which[name] for name in names]), len(which)


def _drawn(count: int) -> NDArray[np.int64]:
    """[RESAMPLED, count]: recordings drawn again, the same ones every time."""
    return np.random.default_rng(0).integers(count, size=(RESAMPLED, count))


def _sums(owner: NDArray[np.int64], values: NDArray[np.generic], count: int) -> Ms:
    """[2, count]: sum and number of the values of each recording."""
    totals = np.bincount(owner, weights=values.astype(float), minlength=count)
    return np.stack([totals, np.bincount(owner, minlength=count).astype(float)])


def _interval(sums: Ms, drawn: NDArray[np.int64]) -> tuple[float, float]:
    totals, counts = sums[0][drawn].sum(axis=1), sums[1][drawn].sum(axis=1)
    means = totals[counts > 0] / counts[counts > 0]
    if not means.size:
        return 0.0, 0.0
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
