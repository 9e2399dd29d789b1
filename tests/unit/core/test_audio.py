import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdx.core.audio import Framer, fade_in, rms, to_pcm


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 12))
def test_frames_hold_every_byte_once(pieces: list[bytes], size: int) -> None:
    framer = Framer(size)
    frames = [frame for piece in pieces for frame in framer.push(piece)]
    assert all(len(frame) == size for frame in frames)
    rest = framer.flush()
    whole = b"".join(pieces)
    assert b"".join([*frames, rest or b""]) == whole.ljust(-(-len(whole) // size) * size, b"\0")
    assert framer.flush() is None


def test_a_cleared_framer_is_empty() -> None:
    framer = Framer(4)
    framer.push(b"abc")
    framer.clear()
    assert framer.push(b"defg") == [b"defg"]


def test_samples_are_little_endian() -> None:
    assert to_pcm(b"\x01\x00\x00\x80").tolist() == [1, -32768]


@pytest.mark.parametrize(
    ("samples", "level"), [([], 0.0), ([0, 0], 0.0), ([3, -3], 3.0), ([-32768], 32768.0)]
)
def test_rms(samples: list[int], level: float) -> None:
    assert rms(np.array(samples, np.int16)) == pytest.approx(level)


def test_a_fade_rises_from_silence_and_leaves_the_rest_alone() -> None:
    row = np.full(960, -8000, np.int16)
    faded = fade_in(row, 240)
    assert faded[0] == 0
    assert np.all(np.diff(np.abs(faded[:240].astype(int))) >= 0)
    assert np.array_equal(faded[240:], row[240:])
    assert np.all(row == -8000), "the row itself is kept"
    assert np.array_equal(fade_in(row, 0), row)
    assert len(fade_in(row[:100], 240)) == 100
