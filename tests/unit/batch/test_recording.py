"""Recordings of every kind, and the speech in them."""

import asyncio
import contextlib
import io
import threading
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vdx.batch.cutting import JOINED, LONGEST, Cutter, Stretch
from vdx.batch.recording import Recording
from vdx.batch.stretches import stretches
from vdx.core.config import VadConfig
from vdx.core.errors import InvalidInput, TooLarge

AUDIO = Path(__file__).parents[2] / "data" / "audio"


def read(path: Path) -> np.ndarray:
    """float32 [samples, channels]."""
    pieces = []
    with Recording(path) as recording:
        while (piece := recording.read()).size:
            pieces.append(piece)
        assert recording.heard == sum(len(piece) for piece in pieces)
    return np.concatenate(pieces)


def cut(pcm: np.ndarray, step: int = 16_000) -> list[Stretch]:
    cutter = Cutter(VadConfig())
    found = [s for at in range(0, pcm.size, step) for s in cutter.push(pcm[at : at + step])]
    return found + cutter.finish()


def quiet(ms: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-15, 15, ms * 16).astype(np.int16)


def recorded(name: str) -> np.ndarray:
    with wave.open(str(AUDIO / name)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_becomes_16_khz_and_channels_are_kept(
    tmp_path: Path, rate: int, channels: int
) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate * 2) / rate)
    soundfile.write(tmp_path / "x.wav", np.repeat(tone[:, None], channels, axis=1), rate)
    sound = read(tmp_path / "x.wav")
    assert sound.dtype == np.float32
    assert sound.shape == (pytest.approx(32_000, abs=2), channels)
    assert np.abs(sound).max() == pytest.approx(0.5, rel=0.05)
    assert np.abs(np.fft.rfft(sound[:32_000, -1])).argmax() == 880


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_the_content_counts_and_not_the_ending(tmp_path: Path, ending: str) -> None:
    soundfile.write(tmp_path / f"x.{ending}", recorded("ps_goforward.wav"), 16_000)
    (tmp_path / f"x.{ending}").rename(tmp_path / "x.raw")
    assert len(read(tmp_path / "x.raw")) == pytest.approx(44_580, abs=2_000)


def test_full_scale_is_clipped_and_never_wraps(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.array([1.0, -1.0] * 8000), 16_000, subtype="FLOAT")
    sound = read(tmp_path / "x.wav")
    assert (sound[0], sound[1]) == (1.0, -1.0)
    soundfile.write(tmp_path / "y.wav", np.full(16_000, 3.0), 16_000, subtype="FLOAT")
    assert set(read(tmp_path / "y.wav").flat) == {1.0}
    soundfile.write(tmp_path / "z.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    assert set(read(tmp_path / "z.wav").flat) == {0.0}


@pytest.mark.parametrize("name", ["missing.wav", "folder", "text.wav", "empty.wav"])
def test_what_is_no_recording_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.wav").write_text("words")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(InvalidInput, match=f"{name}.*vdx reads wav, aiff") as told:
        Recording(tmp_path / name)
    assert told.value.param == "file"


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 17), (400_000, 1), (900, 1)])
def test_absurd_recordings_are_refused(rate: int, channels: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((10, channels)), rate, format="WAV")
    file.seek(0)
    with pytest.raises(InvalidInput, match=f"{channels} channels at {rate} Hz"):
        Recording(file, "absurd")


def test_speech_is_found_with_silence_around_it() -> None:
    speech = recorded("ps_goforward.wav")
    pcm = np.concatenate([quiet(1500), speech, quiet(2000), speech, quiet(1000)])
    found = cut(pcm)
    assert len(found) >= 2
    assert all(np.array_equal(s.audio, pcm[s.start : s.end]) for s in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert 1000 * 16 < found[0].start < 2300 * 16


def test_phrases_with_short_pauses_are_one_stretch_until_it_is_long() -> None:
    speech = recorded("ps_goforward.wav")
    pcm = np.concatenate([quiet(500), *[speech, quiet(700)] * 8])
    found = cut(pcm)
    assert 2 <= len(found) <= 4
    assert all(s.audio.size >= JOINED for s in found[:-1])
    assert all(np.array_equal(s.audio, pcm[s.start : s.end]) for s in found)


def test_a_long_joined_stretch_is_parted_in_its_last_pause() -> None:
    long = np.concatenate([recorded("ps_goforward.wav")[8_000:30_000]] * 19)  # 26 s
    pcm = np.concatenate([quiet(500), recorded("ps_goforward.wav"), quiet(700), long, quiet(900)])
    first, second = cut(pcm)
    assert first.audio.size < 4 * 16_000
    assert first.end <= second.start
    assert second.audio.size > 22 * 16_000


def test_pieces_of_any_size_are_cut_alike() -> None:
    pcm = np.concatenate([quiet(700), recorded("ps_something.wav"), quiet(1200)])
    wanted = [(s.start, s.end) for s in cut(pcm)]
    for step in (1, 333, 70_000) if pcm.size < 1_000 else (333, 70_000):
        assert [(s.start, s.end) for s in cut(pcm, step)] == wanted


def test_speech_that_the_recording_breaks_off_is_found() -> None:
    speech = recorded("ps_goforward.wav")
    pcm = np.concatenate([quiet(500), speech[: speech.size * 2 // 3]])
    assert cut(pcm)[-1].end == pcm.size


def test_a_quiet_recording_is_heard() -> None:
    pcm = np.concatenate([quiet(500), recorded("ps_goforward.wav") // 12, quiet(500)])
    assert sum(s.audio.size for s in cut(pcm)) > 16_000


def test_speech_without_a_pause_is_parted_where_it_is_quiet() -> None:
    speech = recorded("ps_goforward.wav")[8_000:30_000]
    pcm = np.concatenate([speech] * 40)
    found = cut(pcm)
    assert len(found) >= 2
    assert all(s.audio.size <= LONGEST for s in found)
    assert all(a.end == b.start for a, b in pairwise(found))
    assert found[-1].end == pcm.size


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 16_000])
def test_silence_holds_no_speech(samples: int) -> None:
    assert cut(np.zeros(samples, np.int16)) == []


class Watched(io.BytesIO):
    """A file that a reader is kept in until it is let go, and that knows when it was closed."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.held = threading.Event()
        self.release = threading.Event()
        self.release.set()

    def read(self, size: int | None = -1) -> bytes:
        self.held.set()
        assert self.release.wait(10)
        assert not self.closed, "closed while it was read"
        return super().read(size)


def encoded(pcm: np.ndarray, rate: int, form: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, pcm, rate, format=form)
    return file.getvalue()


def test_closing_waits_for_the_thread_that_reads() -> None:
    file = Watched(encoded(np.tile(recorded("ps_goforward.wav"), 20), 16_000, "FLAC"))
    recording = Recording(file, "watched")
    file.held.clear()
    file.release.clear()
    pieces = []

    def read_on() -> None:
        with contextlib.suppress(InvalidInput):  # closed, in the end
            while True:
                pieces.append(recording.read())

    reader = threading.Thread(target=read_on)
    reader.start()
    assert file.held.wait(10)
    closer = threading.Thread(target=recording.close)
    closer.start()
    closer.join(0.05)
    assert closer.is_alive()
    assert not file.closed
    file.release.set()
    for thread in (closer, reader):
        thread.join(10)
    assert pieces[0].size
    assert file.closed
    with pytest.raises(InvalidInput, match="watched was closed"):
        recording.read()


async def test_whoever_is_cancelled_leaves_when_the_thread_has() -> None:
    file = Watched(encoded(np.tile(recorded("ps_goforward.wav"), 20), 16_000, "FLAC"))
    with Recording(file, "watched") as recording:
        file.held.clear()
        file.release.clear()
        reading = asyncio.create_task(anext(stretches(recording, VadConfig())))
        assert await asyncio.to_thread(file.held.wait, 10)
        reading.cancel()
        await asyncio.sleep(0.01)
        assert not reading.done()
        file.release.set()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert file.closed


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_recording_that_lasts_too_long_is_refused(form: str) -> None:
    raw = encoded(np.zeros(80_000, np.int16), 16_000, form)
    with Recording(io.BytesIO(raw), "long", limit_s=6) as recording:
        while recording.read().size:
            pass

    def read_whole() -> None:
        with Recording(io.BytesIO(raw), "long", limit_s=4) as recording:
            while recording.read().size:
                pass

    with pytest.raises(TooLarge, match="long lasts longer than the 4 s") as told:
        read_whole()
    assert told.value.param == "file"


def test_days_of_silence_are_refused_before_they_are_decoded() -> None:
    raw = encoded(np.zeros(1_000 * 3_600, np.int16), 1_000, "FLAC")
    with pytest.raises(TooLarge, match="lasts longer than the 60 s"):
        Recording(io.BytesIO(raw), "silence", limit_s=60)


def test_many_channels_are_decoded_in_small_pieces() -> None:
    raw = encoded(np.zeros((96_000, 16), np.int16), 96_000, "WAV")
    with Recording(io.BytesIO(raw)) as recording:
        assert 0 < len(recording.read()) < 8_000


@pytest.mark.parametrize("raw", [b"words", encoded(np.zeros((10, 17)), 16_000, "WAV")])
def test_what_is_refused_is_closed(raw: bytes) -> None:
    file = io.BytesIO(raw)
    with pytest.raises(InvalidInput):
        Recording(file, "refused")
    assert file.closed
