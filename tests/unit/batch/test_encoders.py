"""Speech encoded while it is spoken, and read back."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vdx.batch import encoders
from vdx.batch.encoders import FORMS, RATES, STREAMED, Encoder
from vdx.core.errors import InvalidInput

TONE = (8_000 * np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000)).astype(np.int16)


def encode(form: str, rate: int) -> list[bytes]:
    encoder = Encoder(form, rate)
    pieces = [encoder.push(TONE[at : at + 960]) for at in range(0, TONE.size, 960)]
    return [*pieces, encoder.finish()]


def decoded(raw: bytes, rate: int) -> np.ndarray:
    pcm, found = soundfile.read(io.BytesIO(raw))
    assert found == rate
    return pcm


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("form", STREAMED)
def test_what_was_encoded_is_heard(form: str, rate: int) -> None:
    raw = b"".join(encode(form, rate))
    pcm = np.frombuffer(raw, "<i2") if form == "pcm" else decoded(raw, rate)
    assert pcm.size / rate == pytest.approx(2.0, abs=0.11)
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
        assert soundfile.info(tmp_path / "x").duration == pytest.approx(2.0, abs=0.06)


@pytest.mark.parametrize("form", ["aac", "", "MP3"])
def test_other_formats_are_refused(form: str) -> None:
    with pytest.raises(InvalidInput, match="it makes mp3, opus") as told:
        Encoder(form, 24_000)
    assert told.value.param == "response_format"


def test_speech_of_nothing_is_a_valid_file() -> None:
    for form in ("wav", "flac", "mp3", "opus"):
        encoder = encoders.Encoder(form, 24_000)
        assert soundfile.info(io.BytesIO(encoder.push(TONE[:960]) + encoder.finish())).channels == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_that_is_given_up_is_freed(form: str) -> None:
    encoder = Encoder(form, 24_000)
    encoder.push(TONE)
    encoder.close()
    encoder.close()
