"""Recordings whose voice is taken: decoded to one form, bad ones refused with the reason."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vdx.batch.reference import RATE, read_reference
from vdx.core.errors import InvalidInput


def write(file: Path, seconds: float, *, level: float = 0.3, rate: int = 44_100) -> Path:
    times = np.arange(int(seconds * rate)) / rate
    tone = level * np.sin(2 * np.pi * 220 * times)
    soundfile.write(file, np.stack([tone, tone], axis=1), rate)
    return file


def test_any_file_becomes_mono_at_the_rate_of_the_contract(tmp_path: Path) -> None:
    pcm = np.frombuffer(read_reference(write(tmp_path / "a.flac", 4.0)), np.int16)
    assert abs(pcm.size - 4 * RATE) < RATE // 100
    assert np.abs(pcm).max() == pytest.approx(0.3 * 32767, rel=0.02)


@pytest.mark.parametrize(
    ("seconds", "level", "reason"),
    [
        (2.0, 0.3, r"has 2\.0 s; a voice is taken from 3 to 30 s"),
        (33.0, 0.3, "has more than 30 s; a voice is taken"),
        (5.0, 0.0, "is silent"),
    ],
    ids=["short", "long", "silent"],
)
def test_a_bad_one_is_refused_with_the_reason(
    tmp_path: Path, seconds: float, level: float, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_reference(write(tmp_path / "a.wav", seconds, level=level))


def test_what_is_no_recording_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("nothing")
    with pytest.raises(InvalidInput, match=r"cannot read .*a\.wav"):
        read_reference(tmp_path / "a.wav")
