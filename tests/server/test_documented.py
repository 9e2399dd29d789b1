"""Commands of the documents that need models or a server, run against one as they are printed.

And what a command prints of a running server that refuses.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import soundfile

from tests.documents import DOCUMENTS, ROOT, blocks
from tests.unit.cli.calls import status_of
from tests.unit.test_documented_commands import commands_of, named, typed
from vdx.serving.embedded import EmbeddedTriton

PRINTED = {
    " ".join(call) for document in DOCUMENTS for call in (*typed(document), *named(document))
}
SPEAKS = "say Hello. --voice tone --out hello.wav"
TALKS = "talk --wav tests/data/audio/ps_goforward.wav --json"
LOOKS = "top"
ASKS = ("models load tone", "models list", "sessions", "logs")
PIPES = {
    'echo "Hello there." | vdx say - --out - | vdx transcribe -': "hello there",
    "vdx transcribe - --format srt < meeting.mp3 > meeting.srt": "",
}
"""Lines of a shell, and what they print."""
ON_A_SERVER = {SPEAKS, TALKS, LOOKS, *ASKS} | {
    " ".join(words[1:]) for line in PIPES for words in commands_of(line) if words[0] == "vdx"
}


@pytest.fixture
def at_home(
    server: str, triton: EmbeddedTriton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder of the person's own; `vdx` finds the server and its Triton."""
    monkeypatch.setenv("VDX_URL", server)
    monkeypatch.setenv("VDX_TRITON__URL", triton.grpc_url)
    (tmp_path / "tests").symlink_to(ROOT / "tests")  # recordings are named from the checkout
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str) -> None:
    """Runs it, if it is still in a document."""
    assert command in PRINTED
    assert status_of(*command.split()) == 0


def test_a_sentence_is_spoken_into_a_file(at_home: Path) -> None:
    run(SPEAKS)
    assert soundfile.info(at_home / "hello.wav").duration > 0.1


def test_a_recording_talks_and_its_events_are_told(
    at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(TALKS)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {event.get("type") for event in events if "t_ms" in event}
    assert {"input_audio_buffer.speech_stopped", "response.done"} <= told


@pytest.mark.parametrize("line", PIPES)
def test_a_line_of_the_shell_is_run_as_it_is_printed(at_home: Path, line: str) -> None:
    assert line in blocks(ROOT / "docs" / "running.md", "sh")[0].splitlines()
    soundfile.write("meeting.mp3", *soundfile.read("tests/data/audio/ps_goforward.wav"))
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    models = {"VDX_TTS__VOICE": "tone", "VDX_ASR__MODEL": "canned"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=os.environ | models | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert PIPES[line] in done.stdout
    if "srt" in line:
        assert "hello there" in (at_home / "meeting.srt").read_text()


def test_a_live_view_is_one_look_where_no_terminal_is(
    at_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert at_home.is_dir()
    run(LOOKS)
    assert "ready" in capsys.readouterr().out


@pytest.mark.parametrize("command", ASKS)
def test_a_running_server_is_asked(at_home: Path, command: str) -> None:
    assert at_home.is_dir()
    run(command)


WAV = str(ROOT / "tests" / "data" / "audio" / "ps_goforward.wav")
REFUSED = {
    f"talk --wav {WAV} --voice nosuch": "there is no voice 'nosuch'",
    f"talk --wav {WAV} --voice canned": "canned",
    f"talk --wav {WAV} --voice espeak-en/nobody": "no speaker of espeak-en 'nobody'",
    f"talk --wav {WAV} --profile nosuch": "there is no profile 'nosuch'",
    "models use nosuch": "there is no model 'nosuch'",
    "models use espeak-en/nobody": "no speaker of espeak-en 'nobody'",
    "models use tone --session nosuch": "nosuch",
    "models update tone canned": "canned",
    "models update tone tone-fast --hold 1e9": "hold_seconds",
    "models drain nosuch": "nosuch",
    "models why nosuch": "nosuch",
}
"""What is typed, and what its one line names."""


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: line.replace(f"--wav {WAV} ", ""))
def test_a_refusal_is_one_line_of_words(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    monkeypatch.setenv("VDX_URL", server)
    assert status_of(*line.split()) == 2
    told = capsys.readouterr().err
    assert REFUSED[line] in told
    assert told.count("\n") == 1
    assert "{" not in told
    assert "Traceback" not in told
