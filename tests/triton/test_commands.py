"""`vdx say` and `vdx transcribe`, as a person calls them, on a real tritonserver."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from tests.triton import repository as repo
from tests.triton.commands import Call
from tests.triton.test_contract import recording

TEXT = "Hello there. This is the second sentence."
PERSON = repo.ROOT / "tests" / "data" / "audio" / "ps_librivox_0870.wav"
SUFFIXES = ["wav", "flac", "ogg", "mp3"]


# --- say ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_text_is_spoken_into_a_file(on_triton: Call, suffix: str) -> None:
    answer = on_triton("say", TEXT, "--voice", "tone", "--out", f"spoken.{suffix}")
    assert answer.status == 0, answer.err
    assert "first audio after" in answer.err
    samples, rate = soundfile.read(f"spoken.{suffix}")
    assert rate == 48_000
    assert samples.ndim == 1
    seconds = len(TEXT.replace("  ", " ")) * 0.06
    assert samples.size / rate == pytest.approx(seconds, rel=0.1)
    assert np.abs(samples).max() > 0.05
    assert soundfile.info(f"spoken.{suffix}").format == suffix.upper()


def test_a_real_voice_and_its_options(on_triton: Call) -> None:
    assert on_triton("say", TEXT, "--out", "slow.wav", "--speed", "0.8").status == 0
    fast = on_triton("say", TEXT, "--out", "fast.wav", "--speed", "1.6", "--language", "en-US")
    assert fast.status == 0, fast.err
    slow_s, fast_s = (soundfile.info(f"{name}.wav").duration for name in ("slow", "fast"))
    assert slow_s > 1.5 * fast_s


def test_a_long_text_is_spoken_whole(on_triton: Call) -> None:
    text = "This is one of very many sentences. " * 60
    answer = on_triton("say", text, "--voice", "tone", "--speed", "2", "--out", "long.wav")
    assert answer.status == 0, answer.err
    assert soundfile.info("long.wav").duration > 50


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["hello", "--out", "x.docx"], "x.docx"),
        (["hello", "--out", "noending"], "noending"),
        (["hello", "--out", "nowhere/x.wav"], "nowhere"),
        (["hello", "--out", "."], "--out"),
        (["", "--out", "x.wav"], "''"),
        ([" \n", "--out", "x.wav"], "nothing to speak"),
        (["🎉", "--out", "x.wav"], "nothing to speak"),
        (["hello", "--out", "x.wav", "--voice", "espek-en"], "did you mean 'espeak-en'"),
        (["hello", "--out", "x.wav", "--voice", "canned"], "not a voice"),
        (["hello", "--out", "x.wav", "--speed", "9"], "tts.speed"),
        (["hello", "--out", "x.wav", "--language", "tlh"], "tlh"),
        (["hello", "--out", "x.wav", "--config", "none.yaml"], "none.yaml"),
    ],
    ids=str,
)
def test_what_cannot_be_said_is_named(on_triton: Call, arguments: list[str], named: str) -> None:
    answer = on_triton("say", *arguments)
    assert answer.status != 0
    assert named in answer.err
    assert answer.err.strip().splitlines()[-1].startswith("vdx: ")
    assert not Path("x.wav").exists()


def test_a_voice_that_takes_none_of_a_recording_says_so(on_triton: Call) -> None:
    answer = on_triton("say", TEXT, "--voice", "tone", "--reference", str(PERSON))
    assert answer.status != 0
    assert "tone has voices of its own and takes none of a recording" in answer.err


# --- transcribe ---------------------------------------------------------------------------------


def write(name: str, samples: np.ndarray, rate: int) -> str:
    soundfile.write(name, samples, rate)
    return name


def stereo(pcm: np.ndarray) -> np.ndarray:
    """44.1 kHz, two channels, the second quieter."""
    up = soxr.resample(pcm.astype(np.float32) / 32768, 16_000, 44_100)
    return np.stack([up, up * 0.5], axis=1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_recording_of_any_kind_is_written_down(on_triton: Call, suffix: str) -> None:
    file = write(f"stereo.{suffix}", stereo(recording()), 44_100)
    answer = on_triton("transcribe", file)
    assert answer.status == 0, answer.err
    assert "forward" in answer.out
    assert re.match(r"00:0\d\.\d\d  ", answer.out)
    assert f"{file}: " in answer.err


def test_every_stretch_of_speech_is_a_line(on_triton: Call) -> None:
    silence, pause = np.zeros(24_000, np.int16), np.zeros(40_000, np.int16)
    pcm = np.concatenate([silence, recording(), pause, recording("ps_something.wav"), silence])
    answer = on_triton("transcribe", write("two.wav", pcm, 16_000), "--json")
    assert answer.status == 0, answer.err
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert len(lines) >= 2
    assert "forward" in lines[0]["text"]
    assert all(line["start_ms"] < line["end_ms"] <= pcm.size / 16 for line in lines)
    assert [line["start_ms"] for line in lines] == sorted(line["start_ms"] for line in lines)
    assert abs(lines[0]["start_ms"] - 1500) < 700


def test_each_side_of_a_call_is_written_down(on_triton: Call) -> None:
    left, right = recording(), recording("ps_something.wav")
    both = np.zeros((left.size + right.size + 16_000, 2), np.int16)
    both[: left.size, 0], both[-right.size :, 1] = left, right
    answer = on_triton("transcribe", write("call.wav", both, 16_000), "--channels", "split")
    assert answer.status == 0, answer.err
    assert re.findall(r"channel \d: go \w+", answer.out) == [
        "channel 0: go forward",
        "channel 1: go somewhere",
    ]


def test_silence_says_that_nobody_speaks(on_triton: Call) -> None:
    answer = on_triton("transcribe", write("silence.wav", np.zeros(32_000, np.int16), 16_000))
    assert (answer.status, answer.out) == (0, "")
    assert "2.0 s, no speech" in answer.err


@pytest.mark.parametrize("samples", [0, 1, 100])
def test_a_recording_of_next_to_nothing(on_triton: Call, samples: int) -> None:
    answer = on_triton("transcribe", write("short.wav", np.zeros(samples, np.int16), 8_000))
    assert (answer.status, answer.out) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["missing.wav"], "missing.wav"),
        (["."], "cannot read ."),
        (["text.wav"], "cannot read text.wav"),
        (["empty.wav"], "cannot read empty.wav"),
        (["speech.wav", "--model", "pocketsfinx-en"], "did you mean 'pocketsphinx-en'"),
        (["speech.wav", "--model", "tone"], "not a recogniser"),
        (["speech.wav", "--set", "asr.model=whispr"], "whispr"),
        (["speech.wav", "--channels", "split"], "speech.wav has one channel"),
        (["speech.wav", "--model", "pocketsphinx-en", "--translate"], "does not translate"),
        (["speech.wav", "--model", "pocketsphinx-en", "--language", "auto"], "cannot detect"),
    ],
    ids=str,
)
def test_what_cannot_be_written_down_is_named(
    on_triton: Call, arguments: list[str], named: str
) -> None:
    Path("text.wav").write_text("this is no recording")
    Path("empty.wav").write_bytes(b"")
    write("speech.wav", recording(), 16_000)
    answer = on_triton("transcribe", *arguments)
    assert answer.status != 0
    assert answer.out == ""
    assert named in answer.err
    assert answer.err.strip().splitlines()[-1].startswith("vdx: ")
