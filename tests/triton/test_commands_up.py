"""`vdx up` and `vdx models`, and commands that find no server."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import soundfile

from tests.server.processes import Http, Vdx, running
from tests.triton.commands import Call
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedTriton

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
    with running("up", "--port", "0", home=tmp_path_factory.mktemp("up")) as process:
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
    assert text.count("vdx voices pull") == 3, "a voice, a recogniser, an endpointer"
    assert text.count("vdx models use ID") == 1
    http = Http(up.url())
    assert http.get("/readyz") == (200, "ready")
    status = http.status()
    assert psutil.Process(status["triton_pid"]).is_running()
    assert status["sessions"] == 0


def test_the_models_of_a_running_server(vdx: Call, up: Vdx) -> None:
    url = ("--url", up.url())
    listed = vdx("models", "list", *url)
    assert listed.status == 0, listed.err
    states = {
        line.split()[0]: line.split()[1] for line in listed.out.splitlines() if line[0] != " "
    }
    assert states["espeak"] == states["pocketsphinx-en"] == "loaded"
    assert states["tone"] == "not"
    assert vdx("models", "load", "tone", *url).out == "tone is ready\n"
    as_json = json.loads(vdx("models", "list", "--json", *url).out)
    tone = next(model for model in as_json["models"] if model["name"] == "tone")
    assert (tone["state"], tone["kind"], tone["sample_rate"]) == ("READY", "tts", 48_000)
    assert "new sessions" in vdx("models", "use", "tone", *url).out
    assert Http(up.url()).status()["voice"] == "tone"
    assert vdx("models", "use", "espeak-en", *url).status == 0
    assert vdx("models", "unload", "tone", *url).out == "tone is unloaded\n"


@pytest.mark.parametrize("action", ["load", "unload", "use"])
@pytest.mark.parametrize("name", ["espek-en", "a/b", "?", "ü"])
def test_a_model_that_is_not_there(vdx: Call, up: Vdx, action: str, name: str) -> None:
    answer = vdx("models", action, name, "--url", up.url())
    assert answer.status == 2
    # What follows the slash is a speaker where a voice is switched to.
    model = name.partition("/")[0] if action == "use" else name
    assert f"there is no model {model!r}" in answer.err
    if name == "espek-en":
        assert "did you mean 'espeak-en'?" in answer.err


def test_a_session_that_is_not_there(vdx: Call, up: Vdx) -> None:
    answer = vdx("models", "use", "espeak-en", "--session", "a b&c", "--url", up.url())
    assert answer.status == 2
    assert "there is no session 'a b&c'" in answer.err


def test_a_talk_with_an_unknown_profile_says_which_there_are(vdx: Call, up: Vdx) -> None:
    wav = str(locate().recordings / "ps_goforward.wav")
    answer = vdx("talk", "--wav", wav, "--url", up.url(), "--profile", "nope")
    assert answer.status == 2
    assert "there is no profile 'nope'; there are: vdx" in answer.err
    assert "ASGI" not in up.output, "uvicorn must not cry over a proper refusal"


def test_a_second_up_finds_other_ports(up: Vdx, tmp_path: Path) -> None:
    port = int(up.url().rsplit(":", 1)[1])
    with running("up", "--port", str(port), home=tmp_path) as second:
        assert second.wait() == 1
        assert f"port {port}" in second.output
        assert "starting Triton" not in second.output


def test_the_recording_of_the_proof_is_there() -> None:
    from vdx.cli.welcome import PROOF_RECORDING

    assert (locate().recordings / PROOF_RECORDING).is_file()


def test_a_proof_that_fails_is_told_and_harms_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from vdx.cli.welcome import prove
    from vdx.core.config import Config

    asyncio.run(prove(f"http://127.0.0.1:{free_port()}", Config()))
    assert "the proof turn failed: " in capsys.readouterr().err
