"""Every clause at -16 LUFS while it streams, with a gain that does not jump."""

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from triton_backends.shared import loudness
from triton_backends.shared.levelling import (
    MAX_SPEAKERS,
    SLOPE_DB,
    FixedGain,
    Leveller,
    SpeakerGains,
)
from triton_backends.shared.loudness import integrated_loudness

RATE = 22_050
Samples = NDArray[np.float32]
PIECES_S = ((0.07, 0.35, 0.7, 1.5), (0.07, 0.93, 2.5), (0.05, 0.12, 0.18, 0.36, 0.54))
"""As a Piper voice gives them on a busy and on an idle machine, and as espeak does."""


def babble(seconds: float, level_db: float, seed: int = 0) -> Samples:
    """Noise in syllables of a fifth of a second whose levels differ by some decibels."""
    random = np.random.default_rng(seed)
    count = round(seconds / 0.2)
    levels = np.repeat(10 ** ((level_db + random.normal(0, 3, count)) / 20), RATE // 5)
    envelope = levels * np.tile(np.hanning(RATE // 5), count)
    return (envelope * random.normal(0, 1, envelope.size)).astype(np.float32)


def levelled(leveller: Leveller, samples: Samples, pieces_s: tuple[float, ...]) -> Samples:
    sizes = [round(each * RATE) for each in (*pieces_s, *[pieces_s[-1]] * 40)]
    pieces = np.split(samples, np.cumsum(sizes))
    return np.concatenate([leveller.push(piece) for piece in pieces if piece.size])


@pytest.mark.parametrize("pieces_s", PIECES_S)
@pytest.mark.parametrize("level_db", [-34, -28, -24])
@pytest.mark.parametrize("seed", range(3))
def test_a_clause_of_another_level_than_those_before_reaches_the_target(
    seed: int, level_db: float, pieces_s: tuple[float, ...]
) -> None:
    usual = babble(10, -28, 9)
    gain = 10 ** ((-16 - integrated_loudness(usual, RATE)) / 20)
    audio = levelled(Leveller(RATE, gain), babble(2.4, level_db, seed), pieces_s)
    heard = pyloudnorm.Meter(RATE).integrated_loudness(audio.astype(float))
    assert heard == pytest.approx(-16, abs=1)


def test_the_gain_never_jumps() -> None:
    # A level at which nothing is limited, so that output over input is the gain.
    samples = np.tile(np.float32([0.01, -0.01]), RATE * 2)
    samples[RATE:] *= 4
    audio = levelled(Leveller(RATE, 10.0), samples, (0.07, 0.35, 0.7))
    gains = 20 * np.log10(audio / samples)
    assert np.ptp(gains) > 3
    assert np.abs(np.diff(gains)).max() < 0.01
    hop = RATE // 50
    assert np.abs(gains[hop:] - gains[:-hop]).max() <= SLOPE_DB * 1.1


def test_a_piece_costs_the_same_however_long_the_clause_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured: list[int] = []
    count = loudness._blocks

    def counted(hops: NDArray[np.float64]) -> object:
        measured.append(hops.size)
        return count(hops)

    monkeypatch.setattr(loudness, "_blocks", counted)
    samples = babble(60, -28)
    leveller = Leveller(RATE, 10.0)
    pieces = np.array_split(samples, samples.size * 50 // RATE)
    for piece in pieces:
        leveller.push(piece)
    assert max(measured) < 100
    assert len(measured) < 6 * len(pieces)


def test_loudness_so_far_is_that_of_the_whole() -> None:
    audio = babble(7, -28)
    audio[RATE : 3 * RATE] *= 0.01
    powers = loudness.PowerMeter(RATE).push(audio)
    so_far = loudness.LoudnessSoFar()
    for piece in np.array_split(powers, 23):
        so_far.push(piece)
    assert so_far.lufs == pytest.approx(integrated_loudness(audio, RATE), abs=1e-9)
    expected = pyloudnorm.Meter(RATE).integrated_loudness(audio.astype(float))
    assert so_far.lufs == pytest.approx(expected, abs=0.1)


def test_a_clause_that_begins_loud_moves_the_gain_little() -> None:
    moves = []
    for seed in range(6):
        samples = babble(4, -28, seed)
        samples[: RATE * 4 // 10] *= 2
        gain = 10 ** ((-16 - integrated_loudness(samples, RATE)) / 20)
        audio = levelled(Leveller(RATE, gain), samples, (0.12, 0.35))
        assert integrated_loudness(audio, RATE) == pytest.approx(-16, abs=1)
        unlimited = (np.abs(samples) > 1e-3) & (np.abs(audio) < 0.69)
        moves.append(float(np.ptp(20 * np.log10(audio[unlimited] / samples[unlimited]))))
    assert np.mean(moves) < 7


def test_silence_and_the_shortest_sound_are_levelled_by_what_is_known() -> None:
    leveller = Leveller(RATE, 2.0)
    assert not levelled(leveller, np.zeros(RATE, np.float32), (0.1,)).any()
    assert leveller.needed is None
    short = babble(0.2, -30)
    assert np.allclose(levelled(Leveller(RATE, 2.0), short, (0.1,)), 2 * short, atol=1e-6)


def test_a_speaker_begins_with_what_earlier_clauses_needed() -> None:
    gains = SpeakerGains(2.0)
    for _ in range(60):
        gains.learn("anna", "en", 4.0)
    gains.learn("anna", "en", None)
    assert gains.of("anna", "en") == pytest.approx(4.0, rel=0.1)
    assert gains.of("bert", "en") == pytest.approx(2.0)
    for number in range(MAX_SPEAKERS):
        gains.learn(str(number), "", 1.0)
    assert gains.of("anna", "en") == pytest.approx(2.0)


def test_a_fixed_gain_stays_whatever_is_said() -> None:
    samples = babble(2.0, -30.0)
    fixed = levelled(FixedGain(0.5), samples, PIECES_S[0])
    assert np.array_equal(fixed, samples * np.float32(0.5))
