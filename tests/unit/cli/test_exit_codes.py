"""One rule for every command: 0 done, 1 it failed, 2 what was typed or configured is wrong.

docs/running.md tells it.
"""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.admin_server import answering
from tests.unit.cli.calls import status_of
from vdx.bench.target import DATA
from vdx.cli import main
from vdx.core.config_help import commented_file

WAV = str(DATA / "uh.wav")
SESSIONS = {"sessions": []}
WRONG = [
    "nosuch",
    "up --voice nosuch",
    "up --recogniser nosuch",
    "up --set colour=blue",
    "up --config nosuch.yaml",
    "up --voice espeak-en --language de --set asr.enabled=false",
    "up --llm --responder repeat",
    "frontend --set colour=blue",
    "frontend --port 70000",
    "manager --config nosuch.yaml",
    "triton --set colour=blue",
    "triton assemble",
    "setup --python /nosuch/python",
    "grammar add nosuch.jsgf",
    "grammar check nosuch.jsgf",
    "grammar remove nosuch",
    "models list --url foo",
    "models list --url ftp://127.0.0.1",
    "models load nosuch --url SERVER",
    "models lease nosuch --url SERVER",
    "models release nosuch operator-1 --url foo",
    "models capabilities nosuch --url SERVER",
    "models reload nosuch --url SERVER",
    "models unload nosuch --url SERVER",
    "models use nosuch --url SERVER",
    "models why nosuch --url SERVER",
    "models list --url LOCKED",
    "voices add nosuch",
    "voices check nosuch",
    "voices remove nosuch",
    "voices remove nosuch --url foo",
    "voices pull --id x",
    "voices add nosuch --parameter x",
    "sessions --url foo",
    "sessions --url LOCKED",
    "logs --url foo",
    "logs --level loud",
    f"talk --wav {WAV} --url foo",
    "talk --wav nosuch.wav",
    "say hello --voice nosuch --out x.wav",
    "say hello --voice pocketsphinx-en --out x.wav",
    "say hello --voice espeak-en --language de --out x.wav",
    "say hello --out x.docx",
    "say  --out x.wav",
    "say hello --out x.wav --config nosuch.yaml",
    "transcribe nosuch.wav",
    f"transcribe {WAV} --model nosuch",
    f"transcribe {WAV} --format nosuch",
    "config --set colour=blue",
    "config --explain nosuch",
    "config init --out there.yaml",
    "doctor --config nosuch.yaml",
    "bench nosuch",
    "bench turn --url foo",
    "bench speech --voice nosuch",
    "bench report nosuch",
    "token --url foo",
    "token --config nosuch.yaml",
    "top --url foo",
    "top --once --url LOCKED",
    "profile --seconds 0",
    "profile --url foo",
    "models drain nosuch --url SERVER",
    "models update nosuch tone --url SERVER",
    "models update tone --url SERVER",
    "voices list --hub --endpoint foo",
    "voices pull whisper-base --endpoint foo",
    "voices clone nosuch.wav --id jo",
    "install-service --config nosuch.yaml",
    "install-service --user nosuch",
    "recordings list --config nosuch.yaml",
    "recordings delete nosuch",
    "recordings prune --days -1",
    "keys add x --scope nosuch",
    "keys list --config nosuch.yaml",
    "keys revoke nosuch",
    "plan",
    "plan --calls 0",
    "plan --calls 10 --figures nosuch.json",
    "plan --calls 10 --profile nosuch",
]
FAILED = [
    "models list --url CLOSED",
    "sessions --url CLOSED",
    "logs --url CLOSED",
    "token --url CLOSED",
    f"talk --wav {WAV} --url CLOSED",
    "bench turn --rounds 1 --url CLOSED",
    "top --once --url CLOSED",
    "models use tone --url CLOSED",
    "models update tone tone-2 --url CLOSED",
]
DONE = [
    "--version",
    "-h",
    "models -h",
    "config",
    "config --changed",
    "config --explain tts",
    "config init",
    "config init --out -",
    "models list --url SERVER",
    "sessions --url SERVER",
    "logs --url SERVER",
    "voices list",
]


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    table = {
        "GET /vdx/models": {"models": []},
        "GET /vdx/servers": {"servers": []},
        "GET /vdx/sessions": SESSIONS,
        "GET /vdx/logs?after=0&level=debug": {"lines": []},
    }
    with answering(table) as server, answering({}, key="secret") as locked:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        yield {"SERVER": server, "LOCKED": locked, "CLOSED": f"http://127.0.0.1:{port}"}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.yaml").write_text(commented_file())
    for name in ("VDX_CONFIG", "VDX_URL", "VDX_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def ended(line: str, addresses: dict[str, str]) -> int:
    return status_of(*(addresses.get(word, word) for word in line.split(" ")))


@pytest.mark.parametrize("line", WRONG)
def test_what_is_typed_or_configured_wrong_ends_with_2(
    line: str, addresses: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(line, addresses) == 2
    told = capsys.readouterr().err
    assert told
    assert "Traceback" not in told
    assert "Value error" not in told


@pytest.mark.parametrize("line", ["up --port x", "up --port 70000", "bench turn --rounds -3"])
def test_a_value_that_an_option_does_not_take_is_named(
    line: str, addresses: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(line, addresses) == 2
    assert f"got {line.rsplit(maxsplit=1)[-1]!r}" in capsys.readouterr().err


@pytest.mark.parametrize("line", FAILED)
def test_what_fails_though_it_is_right_ends_with_1(
    line: str, addresses: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(line, addresses) == 1
    assert capsys.readouterr().err.count("\n") >= 1


@pytest.mark.parametrize("line", DONE)
def test_what_is_done_ends_with_0(line: str, addresses: dict[str, str]) -> None:
    assert ended(line, addresses) == 0


def paths() -> list[str]:
    """Every command and sub-command, as typed."""
    groups = {name: getattr(main.load_command(name), "commands", {}) for name in main.COMMANDS}
    return [" ".join((name, *sub)) for name, subs in groups.items() for sub in ((), *zip(subs))]


@pytest.mark.parametrize("path", [each for each in paths() if not each.startswith("bench ")])
def test_every_command_is_called_with_something_wrong(path: str) -> None:
    assert any(f"{line} ".startswith(f"{path} ") for line in WRONG)


@pytest.mark.parametrize("path", paths())
def test_an_option_that_does_not_exist_ends_with_2(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(*path.split(" "), "--nosuch") == 2
    assert "--nosuch" in capsys.readouterr().err


def test_an_interrupted_command_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    from vdx.cli import config

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(config.settings, "load", interrupted)
    assert status_of("config") == 130
