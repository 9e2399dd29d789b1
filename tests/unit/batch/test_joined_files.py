"""Files written one behind the other are heard to the end of the last one."""

import hashlib
import io
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.media import tone, written
from vdx.batch.encoders import Encoder
from vdx.batch.files import Segment
from vdx.batch.recording import Recording
from vdx.batch.transcripts import Document
from vdx.core import audio_decoder, audio_heads
from vdx.core.errors import InvalidInput
from vdx.core.joined_files import part_at

RATE = 16_000
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def coded(form: str, hz: int) -> bytes:
    """A second of a tone in one of `FORMS`."""
    muxer, codec, options = FORMS[form]
    return written(muxer, tone(RATE, 1.0, hz), RATE, codec=codec, options=options)


def heard(raw: bytes) -> np.ndarray:
    pieces = []
    with Recording(io.BytesIO(raw), "joined") as recording:
        while (piece := recording.read()).size:
            pieces.append(piece[:, 0])
    return np.concatenate(pieces)


def pitch(sound: np.ndarray) -> float:
    """Hz of the loudest tone."""
    return float(np.abs(np.fft.rfft(sound)).argmax() * RATE / sound.size)


FORMS = {
    "mp4": ("mp4", "aac", None),
    "fragmented mp4": ("mp4", "aac", FRAGMENTS),
    "m4a": ("ipod", "alac", None),
    "3gp": ("3gp", "aac", None),
    "mov": ("mov", "pcm_s16le", None),
    "caf": ("caf", "pcm_s16le", None),
    "aiff": ("aiff", "pcm_s16be", None),
    "w64": ("w64", "pcm_s16le", None),
    "wav": ("wav", "pcm_s16le", None),
    "au": ("au", "pcm_s16be", None),
    "flac": ("flac", "flac", None),
    "mp3": ("mp3", "libmp3lame", None),
    "aac": ("adts", "aac", None),
    "webm": ("webm", "libopus", None),
    "live webm": ("webm", "libopus", {"live": "1"}),
    "mkv": ("matroska", "flac", None),
    "ogg": ("ogg", "libopus", None),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_of_three_files_of_a_format_are_heard(form: str) -> None:
    sound = heard(b"".join(coded(form, hz) for hz in (400, 800, 1_600)))
    assert sound.size == pytest.approx(3 * RATE, abs=0.4 * RATE)
    third = sound.size // 3
    for n, hz in enumerate((400, 800, 1_600)):
        middle = sound[n * third + third // 4 : n * third + 3 * third // 4]
        assert pitch(middle) == pytest.approx(hz, abs=5)


@pytest.mark.parametrize("first", FORMS)
@pytest.mark.parametrize("other", ["mp3", "aac", "flac", "ogg", "wav", "caf", "webm", "au", "m4a"])
def test_a_file_of_another_format_may_follow(first: str, other: str) -> None:
    sound = heard(coded(first, 400) + coded(other, 800))
    assert sound.size == pytest.approx(2 * RATE, abs=0.3 * RATE)
    assert pitch(sound[: RATE // 2]) == pytest.approx(400, abs=5)
    assert pitch(sound[-RATE // 2 :]) == pytest.approx(800, abs=5)


@pytest.mark.parametrize("other", ["mp3", "flac", "ogg", "wav", "webm"])
def test_a_file_may_follow_amr(other: str) -> None:
    amr = b"#!AMR\n" + (b"\x3c" + bytes(31)) * 50
    sound = heard(amr + coded(other, 800))
    assert sound.size == pytest.approx(2 * RATE, abs=0.3 * RATE)
    assert pitch(sound[-RATE // 2 :]) == pytest.approx(800, abs=5)


def test_frames_without_a_head_behind_another_format_are_heard() -> None:
    """As vdx writes MP3 itself: no tag, frame after frame."""
    encoder = Encoder("mp3", RATE)
    bare = encoder.push(tone(48_000, 1.0, 800)) + encoder.finish()
    for form in ("flac", "ogg", "aac", "wav", "webm"):
        sound = heard(coded(form, 400) + bare)
        assert sound.size == pytest.approx(2 * RATE, abs=0.3 * RATE)
        assert pitch(sound[-RATE // 2 :]) == pytest.approx(800, abs=5)


@pytest.mark.parametrize("form", ["mp3", "aac"])
def test_tags_between_pieces_of_a_stream_make_no_files_of_them(form: str) -> None:
    tag = b"ID3\4\0\0\0\0\0\x0a" + bytes(10)
    raw = (tag + coded(form, 400)) * 3
    assert part_at(io.BytesIO(raw)).end is None
    assert heard(raw).size == pytest.approx(3 * RATE, abs=0.4 * RATE)


def test_a_head_is_found_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_heads, "SEARCHED", 20_000)
    for filled in range(19_990, 20_030, 3):
        raw = bytes(filled) + coded("wav", 400)
        assert audio_heads.next_head(io.BytesIO(raw), 0, {"wav", "aac"}) == filled


@pytest.mark.parametrize("behind", [b"", b"\0" * 100, b"words behind it" * 10])
def test_what_is_no_recording_behind_one_does_no_harm(behind: bytes) -> None:
    first = coded("mp4", 400)
    assert heard(first + behind).size == heard(first).size


def test_a_second_file_that_is_damaged_leaves_the_first() -> None:
    first = coded("mp4", 400)
    assert heard(first + first[:60]).size == heard(first).size


def test_files_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_decoder, "MOST_PARTS", 3)
    file = io.BytesIO()
    soundfile.write(file, tone(RATE, 0.1), RATE, format="WAV")
    assert heard(file.getvalue() * 3).size == pytest.approx(0.3 * RATE, abs=100)
    with pytest.raises(InvalidInput, match="joined: it is more than 3 files"):
        heard(file.getvalue() * 4)


@pytest.mark.parametrize(
    "marks", [b"\xff\xfb\x90\x40", b"\xff\xf8", b"RIFF", b"\x1a\x45\xdf\xa3", b"ID3"]
)
def test_a_file_of_nothing_but_marks_takes_no_time(marks: bytes) -> None:
    raw = coded("flac", 400)[:4] + marks * (8 * 2**20 // len(marks))
    begin = time.process_time()
    part_at(io.BytesIO(raw))
    looked = time.process_time()
    hashlib.sha256(raw * 2).digest()
    assert looked - begin < time.process_time() - looked, "less than to read it twice"


@pytest.mark.parametrize("form", FORMS)
def test_whatever_is_broken_in_a_file_finds_an_end(form: str) -> None:
    raw, rng = coded(form, 400), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(raw + raw)
        for place in rng.integers(0, len(broken), 8):
            broken[place] = rng.integers(256)
        for at in rng.integers(0, 200, 3):
            broken[at] = rng.integers(256)
        part = part_at(io.BytesIO(broken[: rng.integers(1, len(broken))]))
        assert part.end is None or part.end > part.start


FARTHEST = (2**64 - 1).to_bytes(8, "big")
"""A size that no file has, and that no place in one can be told by."""
BEYOND = {
    "mp4": lambda first: first + b"\0\0\0\1free" + FARTHEST,
    "caf": lambda first: first + b"free" + (2**63).to_bytes(8, "big"),
    "w64": lambda first: first[:16] + FARTHEST + first[24:],
}


@pytest.mark.parametrize("form", BEYOND)
def test_a_size_beyond_any_file_does_no_harm(form: str, tmp_path: Path) -> None:
    first = coded(form, 400)
    raw = BEYOND[form](first)
    assert heard(raw).size == pytest.approx(heard(first).size, abs=2_000)
    file = tmp_path / "recording"
    file.write_bytes(raw)
    with Recording(file) as recording:
        assert recording.read().size


def test_channels_are_those_of_the_beginning() -> None:
    raw = io.BytesIO()
    for channels in (2, 1):
        part = io.BytesIO()
        soundfile.write(part, np.zeros((RATE, channels)), RATE, format="WAV")
        raw.write(part.getvalue())
    with Recording(raw, "joined") as recording:
        while recording.read().size:
            pass
        assert recording.heard == pytest.approx(2 * RATE, abs=100)
        assert recording.channels == 2


def test_no_side_of_a_call_is_dropped() -> None:
    said = [Segment(n, n + 1, word, channel=n) for n, word in enumerate(("one", "two", "three"))]
    sides = Document(said, 3.0, channels=2).as_json()["channels"]
    assert [side["text"] for side in sides] == ["one", "two", "three"]
