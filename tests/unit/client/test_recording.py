from pathlib import Path

import numpy as np
import pytest
import soundfile

from vdx.client.recording import frames_of, loud_span, read_clip, room_noise
from vdx.core.audio import rms, to_pcm
from vdx.core.errors import InvalidInput, UnknownName

RATE = 24_000


def burst(rate: int, *, quiet_s: float, loud_s: float) -> np.ndarray:
    quiet = np.zeros(round(quiet_s * rate))
    loud = 0.3 * np.sin(2 * np.pi * 300 * np.arange(round(loud_s * rate)) / rate)
    return np.concatenate((quiet, loud, quiet))


@pytest.mark.parametrize("rate", [8000, 24_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channel_count_becomes_the_wires(
    tmp_path: Path, rate: int, channels: int
) -> None:
    path = tmp_path / "clip.wav"
    wave = burst(rate, quiet_s=0.5, loud_s=1.0)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate)
    clip = read_clip(path, RATE)
    assert clip.pcm.dtype == np.int16
    assert clip.seconds == pytest.approx(2.0, abs=0.01)
    assert clip.onset / RATE == pytest.approx(0.5, abs=0.06)
    assert clip.end / RATE == pytest.approx(1.5, abs=0.06)
    assert clip.cut_at_end().pcm.size == clip.end


def test_a_missing_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"nowhere\.wav"):
        read_clip(tmp_path / "nowhere.wav", RATE)


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("this is no sound")
    with pytest.raises(InvalidInput, match=r"cannot read .*text\.wav: it is no audio file"):
        read_clip(path, RATE)


def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0, np.int16), RATE)
    with pytest.raises(InvalidInput, match="holds no sound"):
        read_clip(path, RATE)


def test_silence_is_loud_nowhere_and_spans_all() -> None:
    assert loud_span(np.zeros(RATE, np.int16), RATE) == (0, RATE)
    assert loud_span(np.zeros(10, np.int16), RATE) == (0, 10)


def test_frames_are_whole_and_the_last_is_padded() -> None:
    frames = frames_of(np.arange(1, 700, dtype=np.int16), RATE)
    assert [len(frame) for frame in frames] == [960, 960]
    joined = np.concatenate([to_pcm(frame) for frame in frames])
    assert joined[:699].tolist() == list(range(1, 700))
    assert not joined[699:].any()


def test_room_noise_is_light_and_always_the_same() -> None:
    noise = room_noise(RATE)
    assert noise == room_noise(RATE)
    assert rms(to_pcm(b"".join(noise))) == pytest.approx(25, abs=1)
