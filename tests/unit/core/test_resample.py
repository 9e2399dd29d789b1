"""The streaming resampler: a frame in, a frame out, whatever the pieces."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdx.core.errors import InvalidInput
from vdx.core.resample import Resampler

RATES = (16_000, 24_000, 48_000)
PAIRS = list(itertools.permutations(RATES, 2))


def tone(rate: int, hertz: float, seconds: float = 1.0) -> np.ndarray:
    grid = np.arange(int(rate * seconds)) / rate
    return (10_000 * np.sin(2 * np.pi * hertz * grid)).astype(np.int16)


def in_frames(resampler: Resampler, pcm: np.ndarray) -> list[np.ndarray]:
    step = resampler.source_hz // 50
    return [resampler.push(pcm[at : at + step]) for at in range(0, pcm.size, step)]


def test_equal_rates_pass_through() -> None:
    pcm = np.arange(320, dtype=np.int16)
    assert Resampler(16_000, 16_000).push(pcm) is pcm


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_frame_gives_a_frame(source: int, target: int) -> None:
    frames = in_frames(Resampler(source, target), tone(source, 440))
    assert {frame.size for frame in frames} == {target // 50}
    assert all(frame.dtype == np.int16 for frame in frames)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("hertz", [100, 1000, 5000])
def test_a_tone_stays_the_tone_it_was(source: int, target: int, hertz: int) -> None:
    out = np.concatenate(in_frames(Resampler(source, target), tone(source, hertz)))[target // 10 :]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(out.size))) ** 2
    peak = int(np.argmax(spectrum))
    assert peak * target / out.size == pytest.approx(hertz, abs=2)
    assert spectrum[peak - 4 : peak + 5].sum() / spectrum.sum() > 0.99999, "nothing beside it"
    assert np.sqrt(2) * out.std() == pytest.approx(10_000, rel=0.01)


@pytest.mark.parametrize(
    ("source", "target"), [(48_000, 24_000), (48_000, 16_000), (24_000, 16_000)]
)
def test_what_the_lower_rate_cannot_hold_is_gone(source: int, target: int) -> None:
    out = np.concatenate(in_frames(Resampler(source, target), tone(source, target * 0.6)))
    assert out[target // 50 :].std() < 5, "it would come back as a wrong tone"


@given(cuts=st.lists(st.integers(0, 700), max_size=40), pair=st.sampled_from(PAIRS))
def test_the_pieces_do_not_matter(cuts: list[int], pair: tuple[int, int]) -> None:
    pcm = np.random.default_rng(1).integers(-30_000, 30_000, 6000).astype(np.int16)
    whole = Resampler(*pair).push(pcm)
    resampler, at, parts = Resampler(*pair), 0, []
    for cut in [*cuts, pcm.size]:
        parts.append(resampler.push(pcm[at : at + cut]))
        at += cut
    assert np.array_equal(np.concatenate(parts), whole)


def test_the_last_piece_brings_out_what_the_filter_holds() -> None:
    pcm = np.full(960, 10_000, dtype=np.int16)
    held = Resampler(48_000, 24_000).push(pcm)
    out = Resampler(48_000, 24_000).push(pcm, last=True)
    assert out.size > held.size
    assert np.array_equal(out[: held.size], held)


def test_full_scale_does_not_wrap_around() -> None:
    square = np.where(np.arange(9600) // 480 % 2, 32_767, -32_768).astype(np.int16)
    out = Resampler(48_000, 24_000).push(square)[100:]
    flips = np.abs(np.diff(out.astype(int))) > 60_000
    assert flips.sum() <= 2, "overshoot is clipped, not wrapped"


def test_a_ratio_that_needs_a_long_filter_is_refused() -> None:
    with pytest.raises(InvalidInput, match="44100"):
        Resampler(44_100, 48_000)
