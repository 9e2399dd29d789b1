"""`vdx say`, `transcribe`, `models` and `up`, as a person calls them, on a real tritonserver."""

import asyncio
import json
import re
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from frontend.cli import main
from frontend.core.paths import locate
from frontend.serving.embedded import EmbeddedTriton
from tests.server.processes import Http, Vdx, running
from tests.triton.test_contract import recording

TEXT = "Hello there. This is the second sentence."
SUFFIXES = ["wav", "flac", "ogg", "mp3"]


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str


Call = Callable[..., Answer]


@pytest.fixture
def vdx(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Runs a command of `vdx` in an empty folder; an unforeseen exception fails the test."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["vdx", *arguments])
        status: int | str | None = 0
        try:
            main.main()
        except SystemExit as ended:
            status = ended.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Answer(int(status or 0), out, err)

    return call


@pytest.fixture
def on_triton(vdx: Call, triton_server: EmbeddedTriton) -> Call:
    """The same against the server of the tests."""
    return lambda *arguments: vdx(*arguments, "--set", f"triton.url={triton_server.grpc_url}")


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
    silence = np.zeros(24_000, np.int16)
    pcm = np.concatenate([silence, recording(), silence, recording("ps_something.wav"), silence])
    answer = on_triton("transcribe", write("two.wav", pcm, 16_000), "--json")
    assert answer.status == 0, answer.err
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert len(lines) >= 2
    assert "forward" in lines[0]["text"]
    assert all(line["start_ms"] < line["end_ms"] <= pcm.size / 16 for line in lines)
    assert [line["start_ms"] for line in lines] == sorted(line["start_ms"] for line in lines)
    assert abs(lines[0]["start_ms"] - 1500) < 700


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
        (["speech.wav", "--set", "asr.adapter=whispr"], "whispr"),
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


# --- without a server ---------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_say_starts_a_triton_for_the_moment(vdx: Call) -> None:
    port = free_port()
    answer = vdx(
        "say",
        "Hello.",
        "--voice",
        "tone",
        "--out",
        "x.wav",
        "--set",
        f"triton.url=127.0.0.1:{port}",
    )
    assert answer.status == 0, answer.err
    assert "starting one for the moment" in answer.err
    assert soundfile.info("x.wav").duration == pytest.approx(0.36, abs=0.05)


@pytest.mark.parametrize("command", [["list"], ["load", "tone"], ["unload", "tone"], ["use", "x"]])
def test_models_without_a_server(vdx: Call, command: list[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    answer = vdx("models", *command, "--url", url)
    assert answer.status == 1
    assert f"no vdx server answers at {url}" in answer.err
    assert "vdx up" in answer.err


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://127.0.0.1", "http://[::1", ""])
def test_models_with_a_url_that_is_none(vdx: Call, url: str) -> None:
    answer = vdx("models", "list", "--url", url)
    assert answer.status != 0
    assert answer.err.startswith("vdx: ")
    assert repr(url) in answer.err or url in answer.err.removeprefix("vdx: ")


def test_models_on_a_server_that_is_not_vdx(vdx: Call, triton_server: EmbeddedTriton) -> None:
    url = triton_server.metrics_url.removesuffix("/metrics")
    answer = vdx("models", "list", "--url", url)
    assert answer.status == 1
    assert url in answer.err


# --- up and models ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    """A whole `vdx up`, its proof included."""
    ports = ("--port", "0", "--grpc-port", "0", "--http-port", "0", "--metrics-port", "0")
    with running("up", *ports, home=tmp_path_factory.mktemp("up")) as process:
        process.url()
        yield process
        assert process.interrupt() == 0
        assert process.output.endswith("stopped")
        assert "Traceback" not in process.output


def test_up_proves_a_turn_and_says_where_to_go(up: Vdx) -> None:
    up.said("Ctrl-C stops everything")
    text = up.output
    assert text.index("starting Triton") < text.index("loading models") < text.index("one turn")
    assert re.search(r"heard +.*forward", text)
    assert re.search(r"answered +\S+", text)
    stages = re.findall(r"^    (\S.*?) +(\d+\.\d)  █", text, re.MULTILINE)
    assert [name for name, _ in stages][-1] == "first audio sent"
    times = [float(ms) for _, ms in stages]
    assert times == sorted(times)
    assert re.search(r"talk here: +http://127\.0\.0\.1:\d+", text)
    assert text.count("vdx models list") == 1


def test_the_models_of_a_running_server(vdx: Call, up: Vdx) -> None:
    url = ("--url", up.url())
    listed = vdx("models", "list", *url)
    assert listed.status == 0, listed.err
    states = {line.split()[0]: line.split()[1] for line in listed.out.splitlines()}
    assert states["espeak-en"] == states["pocketsphinx-en"] == "READY"
    assert states["tone"] != "READY"
    assert vdx("models", "load", "tone", *url).out == "tone is ready\n"
    as_json = json.loads(vdx("models", "list", "--json", *url).out)
    tone = next(model for model in as_json["models"] if model["name"] == "tone")
    assert (tone["state"], tone["kind"], tone["sample_rate"]) == ("READY", "tts", 48_000)
    assert vdx("models", "use", "tone", *url).out == "0 live sessions now use tone\n"
    assert Http(up.url()).status()["voice"] == "tone"
    assert vdx("models", "use", "espeak-en", *url).status == 0
    assert vdx("models", "unload", "tone", *url).out == "tone is unloaded\n"


@pytest.mark.parametrize("action", ["load", "unload", "use"])
@pytest.mark.parametrize("name", ["espek-en", "a/b", "?", "ü"])
def test_a_model_that_is_not_there(vdx: Call, up: Vdx, action: str, name: str) -> None:
    answer = vdx("models", action, name, "--url", up.url())
    assert answer.status != 0
    assert f"there is no model {name!r}" in answer.err
    if name == "espek-en":
        assert "did you mean 'espeak-en'?" in answer.err


def test_a_session_that_is_not_there(vdx: Call, up: Vdx) -> None:
    answer = vdx("models", "use", "espeak-en", "--session", "a b&c", "--url", up.url())
    assert answer.status == 1
    assert "there is no session 'a b&c'" in answer.err


def test_a_talk_with_an_unknown_profile_says_which_there_are(vdx: Call, up: Vdx) -> None:
    wav = str(locate().recordings / "ps_goforward.wav")
    answer = vdx("talk", "--wav", wav, "--url", up.url(), "--profile", "nope")
    assert answer.status == 1
    assert "there is no profile 'nope'; there are: vdx" in answer.err
    assert "ASGI" not in up.output, "uvicorn must not cry over a proper refusal"


def test_a_second_up_finds_other_ports(up: Vdx, tmp_path: Path) -> None:
    port = int(up.url().rsplit(":", 1)[1])
    with running("up", "--port", str(port), home=tmp_path) as second:
        assert second.wait() == 1
        assert f"port {port}" in second.output
        assert "starting Triton" not in second.output


def test_the_recording_of_the_proof_is_there() -> None:
    from frontend.cli.welcome import PROOF_RECORDING

    assert (locate().recordings / PROOF_RECORDING).is_file()


def test_a_proof_that_fails_is_told_and_harms_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from frontend.cli.welcome import prove
    from frontend.core.config import Config

    asyncio.run(prove(f"http://127.0.0.1:{free_port()}", Config()))
    assert "the proof turn failed: " in capsys.readouterr().err
