"""Who is heard through in another's channel is transcribed once."""

import wave
from pathlib import Path

import numpy as np
import pytest

from vdx.batch.crosstalk import HOP, without_crosstalk
from vdx.batch.cutting import Cutter
from vdx.batch.stretches import SpeechFinder
from vdx.core.config import VadConfig

AUDIO = Path(__file__).parents[2] / "data" / "audio"
GAP = np.zeros(8_000, np.float32)


def recorded(name: str) -> np.ndarray:
    with wave.open(str(AUDIO / f"{name}.wav")) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return raw.astype(np.float32) / 32_768


ONE, OTHER = recorded("ps_librivox_0880"), recorded("ps_librivox_0930")


def heard_through(sound: np.ndarray, db: float, delay: int, dull: int) -> np.ndarray:
    later = np.roll(sound, delay) * 10 ** (db / 20)
    return np.convolve(later, np.ones(dull) / dull, "same").astype(np.float32)


def a_call(db: float, delay: int, dull: int) -> np.ndarray:
    """float32 [samples, 2]: the left person, then the right one, each heard on both sides."""
    left = np.concatenate([ONE, GAP, np.zeros_like(OTHER), GAP])
    right = np.concatenate([np.zeros_like(ONE), GAP, OTHER, GAP])
    noise = np.random.default_rng(3).normal(0, 0.0003, (left.size, 2))
    sides = [
        left + heard_through(right, db, delay, dull),
        right + heard_through(left, db, delay, dull),
    ]
    return (np.stack(sides, axis=1) + noise).astype(np.float32)


@pytest.mark.parametrize("db", [-15, -25, -35])
@pytest.mark.parametrize(("delay", "dull"), [(0, 1), (40, 1), (160, 6)])
def test_people_who_take_turns_are_each_heard_on_their_own_side(
    db: float, delay: int, dull: int
) -> None:
    finder = SpeechFinder(lambda at, channel: Cutter(VadConfig(), at=at, channel=channel))
    sound = a_call(db, delay, dull)
    found = [s for at in range(0, len(sound), 16_000) for s in finder.push(sound[at : at + 16_000])]
    found += finder.finish()
    turn = ONE.size + GAP.size // 2
    assert {(s.channel, s.start > turn) for s in found} == {(0, False), (1, True)}
    for channel, words in ((0, ONE), (1, OTHER)):
        heard = sum(s.audio.size for s in found if s.channel == channel)
        assert heard > 0.8 * words.size


def test_a_second_person_who_speaks_quietly_at_the_same_time_stays() -> None:
    size = min(ONE.size, OTHER.size)
    quiet = 0.2 * OTHER[:size] + 0.02 * ONE[:size]
    sound = np.stack([ONE[:size], quiet], axis=1)
    kept = without_crosstalk(sound, (0, 1))
    # What is silenced lies where the second person says nothing.
    changed = np.flatnonzero(kept[:, 1] != sound[:, 1])
    assert np.square(0.2 * OTHER[:size][changed]).sum() < 0.02 * np.square(0.2 * OTHER).sum()
    assert np.array_equal(kept[:, 0], sound[:, 0])


def test_a_second_person_a_little_louder_than_what_is_heard_through_stays() -> None:
    size = min(ONE.size, OTHER.size)
    own = 10 ** (-15 / 20) * OTHER[:size]
    sound = np.stack([ONE[:size], own + 0.1 * ONE[:size]], axis=1)
    kept = without_crosstalk(sound, (0, 1))[:, 1]
    assert np.square(own[kept == 0]).sum() < 0.02 * np.square(own).sum()


def test_who_is_heard_through_an_echoing_room_is_silenced() -> None:
    random = np.random.default_rng(1)
    size = 4_800
    echo = random.normal(size=size) * 10 ** (-3 * np.arange(size) / size)
    echo /= np.sqrt(np.square(echo).sum())  # as loud as the way without it
    echo[0] += 1
    through = (0.07 * np.convolve(ONE, echo)[: ONE.size]).astype(np.float32)
    kept = without_crosstalk(np.stack([ONE, through], axis=1), (0, 1))[:, 1]
    assert np.square(kept).sum() < 0.02 * np.square(through).sum()


@pytest.mark.parametrize("size", [0, 1, 100, HOP, HOP + 1])
def test_short_blocks_keep_their_length(size: int) -> None:
    sound = np.stack([ONE[:size], 0.1 * ONE[:size]], axis=1)
    assert without_crosstalk(sound, (0, 1)).shape == (size, 2)


def test_one_channel_is_left_as_it_is() -> None:
    sound = np.stack([ONE, 0.1 * ONE], axis=1)
    assert without_crosstalk(sound, (0,)) is sound
