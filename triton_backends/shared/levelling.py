"""Brings every clause to -16 LUFS while it streams.

How loud a clause is as a whole is known only at its end: one voice's clauses differ by 6 dB. It
begins with the gain its speaker needed so far (`SpeakerGains`), since the first audio cannot wait.
With each further piece, seen before it is given out, the gain moves towards the one that brings
the clause so far to the target (`Leveller`): an automatic gain control with look-ahead, as in
Giannoulis, Massberg and Reiss, "Digital Dynamic Range Compressor Design", JAES 60 (2012), steered
by the gated loudness of BS.1770 instead of an envelope. The gain is continuous and changes by at
most 0.4 dB in 20 ms, less than the step of about 1 dB that can be heard; where the clause is loud
enough it does not change at all.
"""

import math
import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.loudness import (
    HOPS_PER_S,
    MAX_GAIN,
    TARGET_LUFS,
    LoudnessSoFar,
    PowerMeter,
    limit,
    lufs,
    power,
)

SLOPE_DB = 0.4
"""The most the gain changes in a hop of 20 ms."""
MEASURABLE_S = 0.25
"""Less sound than this tells nothing about a clause."""
TRUST_S = 0.5
"""So much sound counts as much as what the speaker's earlier clauses say."""
CORRECTED_S = 0.7
"""From so much sound on the clause so far is brought to the target, not only what follows."""
LOWEST_LUFS, HIGHEST_LUFS = TARGET_LUFS - 0.2, TARGET_LUFS + 0.2
"""Between these a clause is loud enough."""
FURTHER_S, DECLINE_DB = 0.4, 2.5
"""What is expected to follow: so much sound, so much softer than before, as speech ends softly.

A correction is made over this as well as over the piece, so that the gain moves less.
"""
WEIGHED_S = 0.1
"""The gain is chosen anew once so much has come since; single shorter pieces tell nothing."""
MOST_DB = 6.0
"""How far the gain follows what was heard."""
CORRECTION_DB = 5.0
"""How much further it goes to correct what was given out."""
QUIET_DB = 8.0
"""A piece so much softer than the clause corrects nothing: it would only get a loud noise."""
PAUSE_DB = 25.0
"""What is so much softer than the loudest hop is no sound."""
NEAR_DB = 0.05
"""How near to the right one a correction comes."""

LEARNED_S = 0.5
MEMORY = 20
"""Clauses over which the gain of a speaker is averaged."""
MAX_SPEAKERS = 256

Powers = NDArray[np.float64]
Samples = NDArray[np.float32]


class Leveller:
    """The gain of one clause; `gain` is the factor that its speaker needed so far."""

    def __init__(self, rate: int, gain: float) -> None:
        self._rate = rate
        self.gain = gain
        self._start_db = self._db = 20 * math.log10(gain)
        self._meter, self._given_meter = PowerMeter(rate), PowerMeter(rate)
        self._heard, self._given = LoudnessSoFar(), LoudnessSoFar()
        self._hops: Powers = np.zeros(0)
        self._wanted_db, self._weighed = self._db, 0

    def push(self, samples: Samples) -> Samples:
        """The next piece, levelled: float32 mono, not above 0.97."""
        powers = self._meter.push(samples)
        self._heard.push(powers)
        self._hops = np.concatenate([self._hops, powers])
        before = self._db
        if self._hops.size - self._weighed >= WEIGHED_S * HOPS_PER_S:
            self._weighed = self._hops.size
            self._wanted_db = self._target(powers)
        gains = self._way_to(self._wanted_db, max(round(samples.size * HOPS_PER_S / self._rate), 1))
        self._db = float(gains[-1])
        ends = np.linspace(0, samples.size, gains.size + 1)
        curve = np.interp(np.arange(samples.size), ends, np.concatenate([[before], gains]))
        levelled = limit((samples * 10 ** (curve / 20)).astype(np.float32))
        self._given.push(self._given_meter.push(levelled))
        return levelled

    @property
    def needed(self) -> float | None:
        """The factor that this clause would have needed; None where it was too short to tell."""
        loudness = self._heard.lufs
        if self._hops.size < LEARNED_S * HOPS_PER_S or not math.isfinite(loudness):
            return None
        return float(min(10 ** ((TARGET_LUFS - loudness) / 20), MAX_GAIN))

    def _target(self, powers: Powers) -> float:
        """The gain in dB that the piece with these powers should reach."""
        seconds = self._sound_s()
        heard = self._heard.lufs
        if seconds < MEASURABLE_S or not powers.size or not math.isfinite(heard):
            return self._db
        due = TARGET_LUFS - heard - self._start_db
        trust = seconds / (seconds + TRUST_S)
        target = self._start_db + trust * max(-MOST_DB, min(due, MOST_DB))
        if seconds < CORRECTED_S:
            return target
        if float(lufs(np.mean(powers))) < heard - QUIET_DB:
            return (self._db + target) / 2
        coming = np.concatenate([powers, _further(heard)])
        loudness = self._loudness_with(coming, target)
        if loudness < LOWEST_LUFS:
            return self._reaching(LOWEST_LUFS, coming, target, target + CORRECTION_DB)
        if loudness > HIGHEST_LUFS:
            return self._reaching(HIGHEST_LUFS, coming, target - CORRECTION_DB, target)
        return target

    def _sound_s(self) -> float:
        if not self._hops.size:
            return 0.0
        least = self._hops.max() * 10 ** (-PAUSE_DB / 10)
        return float(np.count_nonzero(self._hops > least)) / HOPS_PER_S

    def _reaching(self, wanted: float, powers: Powers, low: float, high: float) -> float:
        """The gain between the two with which the clause so far is as loud as `wanted`."""
        while high - low > NEAR_DB:
            middle = (low + high) / 2
            if self._loudness_with(powers, middle) < wanted:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def _loudness_with(self, powers: Powers, target: float) -> float:
        """How loud the clause is with what follows, if its gain moves to `target` dB."""
        return self._given.with_following(powers * 10 ** (self._way_to(target, powers.size) / 10))

    def _way_to(self, target: float, hops: int) -> Powers:
        """The gain in dB at the end of each hop."""
        most = SLOPE_DB * np.arange(1, hops + 1)
        way: Powers = self._db + np.clip(target - self._db, -most, most)
        return way


def _further(heard: float) -> Powers:
    """The powers that are expected after a clause so far of this loudness."""
    return np.full(round(FURTHER_S * HOPS_PER_S), power(heard - DECLINE_DB))


class SpeakerGains:
    """The factor that each speaker and language of a model needed so far; for any thread.

    Begins with the model's own factor and keeps the last MAX_SPEAKERS.
    """

    def __init__(self, gain: float) -> None:
        self._first = 20 * math.log10(gain)
        self._known: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, speaker: str, language: str) -> float:
        """The factor to begin a clause with."""
        with self._lock:
            decibels, _ = self._known.get((speaker, language), (self._first, 1))
        return float(10 ** (decibels / 20))

    def learn(self, speaker: str, language: str, needed: float | None) -> None:
        """Counts in what a clause needed."""
        if needed is None:
            return
        key = speaker, language
        with self._lock:
            decibels, clauses = self._known.get(key, (self._first, 1))
            clauses = min(clauses + 1, MEMORY)
            decibels += (20 * math.log10(needed) - decibels) / clauses
            self._known[key] = decibels, clauses
            self._known.move_to_end(key)
            if len(self._known) > MAX_SPEAKERS:
                self._known.popitem(last=False)


class FixedGain:
    """In the place of a Leveller: the gain of loading, so that a text always sounds the same."""

    needed: float | None = None

    def __init__(self, gain: float) -> None:
        self.gain = gain

    def push(self, samples: Samples) -> Samples:
        """The next piece, float32 mono, not above 0.97."""
        return limit((samples * self.gain).astype(np.float32))
