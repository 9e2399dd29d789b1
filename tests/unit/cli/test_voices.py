"""`vdx voices` as a person calls it, against files and a local hub."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.documents import ROOT
from tests.unit.serving import small_models as small
from tests.unit.serving.hub_server import FakeHub, serving
from tests.unit.serving.test_hub import KEY, piper_repository, whisper_repository
from tests.unit.test_documented_commands import typed
from tests.wait_limit import WAIT_LIMIT_S
from vdx.cli import main, voice_listing
from vdx.core.errors import InvalidInput, InvalidVoicepack
from vdx.core.paths import locate
from vdx.serving.voicepacks.declared import declared_families
from vdx.serving.voicepacks.starters import language_model
from vdx.serving.voicepacks.terms import require_accepted, terms_of_family

FIXTURE = Path(__file__).parents[2] / "data" / "whisper-micro-int8"
NOBODY = ("--url", "http://127.0.0.1:9")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VDX_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a hub is late, not silent."""
    monkeypatch.setattr(voice_listing, "ANSWER_S", WAIT_LIMIT_S)


@pytest.fixture
def fake(patient: None) -> Iterator[FakeHub]:
    hub = FakeHub(
        {
            "rhasspy/piper-voices": piper_repository(),
            "Systran/faster-whisper-tiny": whisper_repository(),
        }
    )
    with serving(hub):
        yield hub


@pytest.fixture
def no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """For models whose weights mean nothing: format and files are what is looked at."""
    monkeypatch.setattr("vdx.serving.voicepacks.load_check.load_once", lambda _: None)


def vdx(*arguments: str) -> Result:
    answer = CliRunner().invoke(main.app, ["voices", *arguments])
    assert "Traceback" not in answer.output
    return answer


@pytest.mark.usefixtures("home", "no_trial")
def test_pulled_listed_checked_and_removed(fake: FakeHub) -> None:
    pulled = vdx("pull", KEY, "--endpoint", fake.url)
    assert pulled.exit_code == 0, pulled.output
    assert "licence: CC0 1.0" in pulled.output
    assert f"vdx up --voice {KEY}" in pulled.output
    rows = {row["id"]: row for row in json.loads(vdx("list", "--json").output)}
    assert rows[KEY]["languages"] == "de-DE"
    assert rows[KEY]["origin"] == "added"
    assert rows["espeak-en"]["origin"] == "comes with vdx"
    assert f"{KEY} " in vdx("list", "DE-de").output
    nothing = vdx("list", "swahili")
    assert (nothing.stdout, nothing.stderr) == ("", "nothing here fits 'swahili'\n")
    assert f"{KEY}: OK" in vdx("check").output
    assert vdx("remove", KEY, *NOBODY).output == f"{KEY} is removed\n"
    assert KEY not in vdx("list").output


@pytest.mark.usefixtures("home")
def test_what_the_hub_has(fake: FakeHub) -> None:
    answer = vdx("list", "--hub", "--endpoint", fake.url)
    assert KEY in answer.output
    assert "German Germany" in answer.output
    assert "whisper-tiny.en" in answer.output
    assert KEY not in vdx("list", "--hub", "portuguese", "--endpoint", fake.url).output


@pytest.mark.usefixtures("home", "no_trial", "patient")
def test_the_commands_of_the_readme_fetch_what_they_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """All but `kokoro-ja`, which is made of packages of the registry."""
    printed = [call[1:] for call in typed(ROOT / "README.md") if call[0] == "voices"]
    hub = FakeHub(
        {
            "rhasspy/piper-voices": piper_repository("en_US-lessac-medium"),
            "Systran/faster-whisper-base.en": whisper_repository(8),
        }
    )
    with serving(hub):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        listed, *pulled = [vdx(*call) for call in printed if "kokoro-ja" not in call]
    assert listed.exit_code == 0, listed.output
    assert KEY in listed.output
    assert [answer.output for answer in pulled if answer.exit_code] == []
    here = {row["id"] for row in json.loads(vdx("list", "--json").output)}
    assert {call[-1] for call in printed if call[0] == "pull"} - here == {"kokoro-ja"}


@pytest.mark.usefixtures("no_trial")
def test_a_recogniser_is_pulled_under_another_name(fake: FakeHub, home: Path) -> None:
    answer = vdx("pull", "Systran/faster-whisper-tiny", "--id", "tiny", "--endpoint", fake.url)
    assert "vdx up --recogniser tiny" in answer.output
    assert (home / "model_repository" / "tiny" / "config.pbtxt").exists()


def test_the_trained_model_is_added_and_tried(home: Path) -> None:
    answer = vdx("add", str(FIXTURE), "--licence", "Apache-2.0")
    assert answer.exit_code == 0, answer.output
    assert "whisper-micro-int8 is here: whisper, en, licence: Apache-2.0" in answer.output
    assert vdx("check", "whisper-micro-int8").exit_code == 0
    model = home / "voicepacks" / "whisper" / "whisper-micro-int8" / "model.bin"
    raw = bytearray(model.read_bytes())
    raw[-2000] ^= 1
    model.write_bytes(raw)
    spoilt = vdx("check", "whisper-micro-int8", "espeak-en")
    assert spoilt.exit_code == 1
    assert "model.bin is not the file its sha256" in spoilt.output
    assert "espeak-en: OK" in spoilt.output


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["voice/en_US-test-medium.onnx", "whisper-tiny/model.bin"])
def test_what_its_family_cannot_load_is_refused(tmp_path: Path, name: str) -> None:
    """The files are whole; that the network in them is none shows only when it is loaded."""
    small.write_piper(tmp_path / "voice")
    small.write_whisper(tmp_path / "whisper-tiny")
    refused = vdx("add", str(tmp_path / Path(name).parent))
    assert refused.exit_code != 0
    assert isinstance(refused.exception, InvalidVoicepack)
    assert f"{tmp_path / name} cannot be loaded: " in str(refused.exception)
    assert not list((tmp_path / "home").glob("model_repository/*"))


def test_parameters_reach_the_model(home: Path) -> None:
    said = vdx("add", str(FIXTURE), "--parameter", "threads=1", "--parameter", "window=full")
    assert said.exit_code == 0, said.output
    text = (home / "model_repository" / "whisper-micro-int8" / "config.pbtxt").read_text()
    assert "threads" in text
    assert "window" in text


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("parameter", "named"),
    [
        ("device=abacus", "abacus"),
        ("kind=tts", "'kind' cannot"),
        ("A=1", "'A'"),
        ("x", "KEY=VALUE"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(parameter: str, named: str) -> None:
    refused = vdx("add", str(FIXTURE), "--parameter", parameter)
    assert named in str(refused.exception)


@pytest.mark.usefixtures("home", "no_trial")
def test_what_it_says_to_do_is_what_works(fake: FakeHub) -> None:
    german = vdx("pull", KEY, "--endpoint", fake.url).output
    assert "a recogniser for it first: vdx voices pull whisper-base" in german
    assert f"up --voice {KEY} --language de --recogniser whisper-base" in german
    assert "models use" not in german
    tiny = vdx("pull", "whisper-tiny", "--endpoint", fake.url).output
    assert "vdx up --recogniser whisper-tiny\n" in tiny
    vdx("remove", KEY, *NOBODY)
    again = vdx("pull", KEY, "--endpoint", fake.url).output
    assert f"up --voice {KEY} --language de --recogniser whisper-tiny" in again


@pytest.mark.usefixtures("home", "no_trial")
def test_a_path_is_checked_without_being_added(tmp_path: Path) -> None:
    model = small.write_piper(tmp_path / "voice")
    assert vdx("check", str(model)).exit_code == 0
    Path(f"{model}.json").write_text("{")
    refused = vdx("check", str(tmp_path / "voice"))
    assert refused.exit_code == 1
    assert f"{model}.json is not JSON" in refused.output
    assert "`vdx setup` builds the environment" in refused.output


def run(*arguments: str, home: Path, **variables: str) -> "subprocess.Popen[str]":
    """A `vdx voices` of its own process, as signals and exit statuses want."""
    return subprocess.Popen(
        [sys.executable, "-m", "vdx.cli", "voices", *arguments],
        env={**os.environ, "VDX_HOME": str(home), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_without_a_network_one_line_says_so(tmp_path: Path) -> None:
    with serving(FakeHub({})) as gone:
        url = gone.url
    process = run("pull", "whisper-base", home=tmp_path / "home", HF_ENDPOINT=url)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.startswith(f"vdx: the hub at {url} does not answer")
    assert output.count("\n") == 1
    assert not (tmp_path / "home").exists()


def test_ctrl_c_leaves_no_voice_behind(fake: FakeHub, tmp_path: Path) -> None:
    fake.stalled = {f"de/de_DE/test/medium/{KEY}.onnx"}
    process = run("pull", KEY, home=tmp_path, HF_ENDPOINT=fake.url)
    deadline = time.monotonic() + 60
    while not fake.stalling.is_set() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    fake.stalled = set()
    assert process.returncode == 130
    assert "the same command goes on where this one stopped" in output
    assert "Traceback" not in output
    assert not list(tmp_path.glob("voicepacks/*/*"))
    assert not list(tmp_path.glob("model_repository/*"))


@pytest.mark.usefixtures("home")
def test_what_could_be_pulled_is_listed_without_the_hub() -> None:
    listed = vdx("list", "--hub", "german", "--endpoint", "http://127.0.0.1:9")
    assert listed.exit_code == 0
    assert "does not answer; these are the voices of August 2023" in listed.output
    assert "de_DE-thorsten-medium" in listed.output


@pytest.mark.usefixtures("home")
def test_a_starter_that_is_not_here_is_listed_with_how_to_fetch_it() -> None:
    listed = vdx("list", "whisper").output
    assert "whisper-tiny.en" in listed
    assert listed.split()[:6] == ["ID", "KIND", "LANGUAGES", "SIZE", "LICENCE", "NOTE"]
    assert re.search(r"whisper-tiny.en +recogniser +en +78 MB +MIT +not fetched", listed)
    assert "fetch one with: vdx voices pull ID" in listed
    assert max(map(len, listed.splitlines())) <= 80
    refused = vdx("pull", "--id", "mine")
    assert "need a NAME" in str(refused.exception)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("option", [("--id", "mine"), ("--parameter", "device=cuda")])
def test_a_language_model_has_neither_another_id_nor_parameters(option: tuple[str, str]) -> None:
    refused = vdx("pull", "SmolLM2-135M-Instruct", *option)
    assert isinstance(refused.exception, InvalidInput)
    assert "--id and --parameter are for voices and recognisers" in str(refused.exception)


@pytest.mark.usefixtures("home")
def test_the_row_of_the_language_model_is_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "vdx.serving.voicepacks.language_models.place_of", lambda paths, model: tmp_path
    )
    model = language_model().id
    rows = {row["id"]: row["origin"] for row in voice_listing._not_fetched(set())}
    assert rows.pop(model) == "added"
    assert rows
    others = voice_listing._not_fetched({model})
    assert all(str(row["origin"]).startswith("not fetched") for row in others)


def test_the_help_of_add_names_every_family() -> None:
    shown = " ".join(vdx("add", "--help").output.split())
    for family in ("Piper", "Kokoro", "XTTS-v2", "Sesame CSM", "CosyVoice 2", "Whisper"):
        assert family in shown
    known = {"piper", "whisper", *declared_families()}
    assert known == {"cosyvoice2", "csm", "kokoro", "piper", "whisper", "xtts"}


def test_terms_of_a_licence_are_shown_and_accepted_once(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "XTTS-v2"
    folder.mkdir()
    for name in ("model.pth", "config.json", "vocab.json"):
        (folder / name).write_text("{}")
    refused = vdx("add", str(folder))
    assert isinstance(refused.exception, InvalidInput)
    assert "non-commercial purposes only" in refused.output
    assert not list((home / "accepted-licences").glob("*"))
    terms = terms_of_family("xtts")
    require_accepted(locate(), "x", terms, accepted=True, ask=lambda shown: False)
    assert (home / "accepted-licences" / "CPML.txt").exists()
    asked: list[str] = []
    for each in (terms, terms_of_family("piper")):
        require_accepted(
            locate(), "x", each, accepted=False, ask=lambda shown: bool(asked.append(shown))
        )
    assert asked == [], "a licence is accepted once, and one without terms never asked for"
