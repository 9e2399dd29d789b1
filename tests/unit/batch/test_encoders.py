"""Speech encoded while it is spoken, and read back."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.media import heard
from vdx.batch.encoders import FORMS, RATES, STREAMED, Encoder
from vdx.core.errors import InvalidInput

TONE = (8_000 * np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000)).astype(np.int16)


def encode(form: str, rate: int) -> list[bytes]:
    encoder = Encoder(form, rate)
    pieces = [encoder.push(TONE[at : at + 960]) for at in range(0, TONE.size, 960)]
    return [*pieces, encoder.finish()]


def decoded(raw: bytes, rate: int) -> np.ndarray:
    """As a library reads it that had no part in writing it."""
    if raw[:2] == b"\xff\xf1":
        return aac(raw, rate)
    pcm, found = soundfile.read(io.BytesIO(raw))
    assert found == rate
    return pcm


def aac(raw: bytes, rate: int) -> np.ndarray:
    """ADTS, whose headers are looked at one by one; libsndfile knows no AAC."""
    rates = {3: 48_000, 6: 24_000, 8: 16_000}
    at, frames = 0, 0
    while at < len(raw):
        header = int.from_bytes(raw[at : at + 7], "big")
        sync, length = header >> 44, header >> 13 & 0x1FFF
        index, channels = header >> 34 & 0xF, header >> 30 & 0x7
        assert (sync, rates[index], channels) == (0xFFF, rate, 1)
        assert length > 7
        at, frames = at + length, frames + 1
    assert at == len(raw)
    pcm = heard(raw, rate)
    assert pcm.size == 1024 * frames
    return pcm


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("form", STREAMED)
def test_what_was_encoded_is_heard(form: str, rate: int) -> None:
    raw = b"".join(encode(form, rate))
    pcm = np.frombuffer(raw, "<i2") if form == "pcm" else decoded(raw, rate)
    assert pcm.size / rate == pytest.approx(2.0, abs=0.13)
    assert np.abs(np.fft.rfft(pcm)).argmax() * rate / pcm.size == pytest.approx(440, abs=2)


@pytest.mark.parametrize("form", [form for form in STREAMED if form != "flac"])
def test_bytes_leave_before_the_end(form: str) -> None:
    pieces = encode(form, 24_000)
    early = sum(len(piece) for piece in pieces[:10])
    assert sum(len(piece) for piece in pieces) // 20 < early


def test_a_long_flac_leaves_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not b"".join(encode("flac", 24_000)[:-1])
    monkeypatch.setitem(FORMS, "flac", FORMS["flac"]._replace(hold_s=0.0))
    pieces = encode("flac", 24_000)
    assert pieces[0][:4] == b"fLaC"
    assert len(b"".join(pieces[:50])) > 5_000
    # What the length would be written over has left: the bytes are only ever appended.
    with soundfile.SoundFile(io.BytesIO(b"".join(pieces))) as sound:
        sound.seekable = lambda: False
        assert len(sound.read(1_000_000)) == pytest.approx(48_000, abs=20)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_says_its_length(tmp_path: Path, form: str) -> None:
    with (tmp_path / "x").open("wb") as file:
        encoder = Encoder(form, 48_000, file)
        assert encoder.push(TONE) == b""
        encoder.finish()
    if form == "pcm":
        assert (tmp_path / "x").read_bytes() == TONE.tobytes()
    else:
        pcm = decoded((tmp_path / "x").read_bytes(), 48_000)
        assert pcm.size / 48_000 == pytest.approx(2.0, abs=0.06)


def test_a_long_text_may_come_at_once() -> None:
    file, minutes = io.BytesIO(), 12
    encoder = Encoder("wav", 48_000, file)
    encoder.push(np.zeros(minutes * 60 * 48_000, np.int16))
    encoder.finish()
    file.seek(0)
    with wave.open(file) as written:
        assert written.getnframes() == minutes * 60 * 48_000


@pytest.mark.parametrize("form", ["m4a", "", "MP3"])
def test_other_formats_are_refused(form: str) -> None:
    with pytest.raises(InvalidInput, match="it makes mp3, opus") as told:
        Encoder(form, 24_000)
    assert told.value.param == "response_format"


def test_speech_of_nothing_is_a_valid_file() -> None:
    for form in STREAMED:
        encoder = Encoder(form, 24_000)
        raw = encoder.push(TONE[:960]) + encoder.finish()
        pcm = np.frombuffer(raw, "<i2") if form == "pcm" else decoded(raw, 24_000)
        assert 0 < pcm.size < 24_000 // 4


@pytest.mark.parametrize("form", STREAMED)
def test_a_stream_without_a_sample_ends(form: str) -> None:
    encoder = Encoder(form, 24_000)
    assert encoder.push(TONE[:0]) + encoder.finish() is not None


def test_a_wav_that_streams_says_the_largest_length() -> None:
    header = encode("wav", 24_000)[0][:44]
    assert (header[4:8], header[40:44]) == (b"\xff" * 4, b"\xff" * 4)
    with wave.open(io.BytesIO(b"".join(encode("wav", 24_000)))) as file:
        assert file.getparams()[:3] == (1, 2, 24_000)


def test_pages_of_opus_are_short() -> None:
    """40 ms of sound each, so that a listener waits for no more; counted in 48 kHz samples."""
    raw = b"".join(encode("opus", 24_000))
    pages = [raw[at + 6 : at + 14] for at in range(len(raw)) if raw[at : at + 4] == b"OggS"]
    ends = [int.from_bytes(page, "little") for page in pages][2:]
    assert len(ends) > 40
    assert max(np.diff([0, *ends])) <= 48_000 * 40 // 1000


def test_frames_of_mp3_are_alike_and_say_no_length() -> None:
    """No frame for the length comes first, and the rate of bits is the same everywhere."""
    raw = b"".join(encode("mp3", 24_000))
    assert raw[:2] == b"\xff\xf3"
    assert b"Xing" not in raw[:200]
    assert b"Info" not in raw[:200]
    assert {raw[at : at + 2] for at in range(0, len(raw), 192)} == {b"\xff\xf3"}


def test_files_say_nothing_of_who_wrote_them() -> None:
    """A version of a library in every answer helps nobody but an attacker."""
    for form in STREAMED:
        raw = b"".join(encode(form, 24_000))
        assert b"Lavf" not in raw
        assert b"Lavc" not in raw


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_that_is_given_up_is_freed(form: str) -> None:
    encoder = Encoder(form, 24_000)
    encoder.push(TONE)
    encoder.close()
    encoder.close()
