"""The local language model on the command line: options, settings, fetching, what is told."""

import asyncio
import json
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from tests.unit.speech.test_chat import Behaviour, Endpoint, refuses
from vdx.cli import answer_checks, language_model, up, voice_listing, welcome
from vdx.cli.checks import Status
from vdx.cli.main import load_command
from vdx.core.config import (
    LOCAL_FIRST_CLAUSE_CHARS,
    STARTER_INSTRUCTIONS,
    ChatConfig,
    ClauseConfig,
    Config,
    LocalConfig,
)
from vdx.core.errors import ConfigError
from vdx.core.paths import Paths, locate
from vdx.dialog.profiles import resolve
from vdx.serving import language_model_files
from vdx.serving.language_model import LlamaOptions, llama_options
from vdx.serving.voicepacks.language_models import fetch_language_model, place_of
from vdx.serving.voicepacks.starters import find_starter, starters
from vdx.serving.voicepacks.starters import language_model as starter

SOCKET = Path("/run/m.sock")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A home in which nothing was fetched."""
    return replace(locate(), home=tmp_path / "home")


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.gguf"
    file.write_bytes(b"GGUF and the rest")
    return file


def installed(paths: Paths) -> None:
    folder = language_model_files.packages_folder(paths)
    folder.mkdir(parents=True)
    (folder / language_model_files.STAMP).write_text(language_model_files._digest(paths))


# --- the option ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["--llm"], None),
        (["--llm", "--port", "0"], None),
        (["--port", "0", "--llm", "own.gguf"], Path("own.gguf")),
        (["--llm=own.gguf"], Path("own.gguf")),
    ],
)
def test_the_option_takes_a_file_or_nothing(
    arguments: list[str], path: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Config] = []

    def stop(config: Config, _: object) -> None:
        given.append(config)
        raise ConfigError("far enough")

    monkeypatch.setattr(up, "check_profiles", stop)
    CliRunner().invoke(cast(Any, up.app), arguments)
    assert given[0].responder.kind == "local"
    assert given[0].responder.local.path == path


def test_it_is_no_other_responder() -> None:
    with pytest.raises(ConfigError, match="leave out --responder chat"):
        up._language_model("", "chat")
    assert up._language_model(None, "chat") == {}


def test_the_help_shows_it() -> None:
    told = CliRunner().invoke(cast(Any, up.app), ["--help"], terminal_width=100).output
    assert "--llm" in told
    assert "PATH.gguf" in told
    assert load_command("up").name == "up"


# --- the settings -------------------------------------------------------------------------------


def test_every_profile_that_uses_one_gets_its_socket() -> None:
    own = {"kind": "local", "local": {"path": "/models/own.gguf"}}
    config = Config.model_validate(
        {
            "responder": {"kind": "local"},
            "profiles": {
                "said": {"instructions": "Be a pirate."},
                "own": {"responder": own},
                "repeats": {"responder": {"kind": "repeat"}},
            },
        }
    )
    wanted = language_model.wanted(config)
    assert [local.path for local in wanted] == [None, Path("/models/own.gguf")]
    servers: Any = {local: SimpleNamespace(socket=SOCKET) for local in wanted}
    changed = language_model._with_sockets(config, servers)
    sockets = {
        name: profile.responder and profile.responder.local.socket
        for name, profile in changed.profiles.items()
    }
    assert sockets == {"vdx": SOCKET, "said": SOCKET, "own": SOCKET, "repeats": None}
    instructions = {name: profile.instructions for name, profile in changed.profiles.items()}
    assert instructions["vdx"] == STARTER_INSTRUCTIONS
    assert instructions["said"] == "Be a pirate."
    assert instructions["own"] == instructions["repeats"] == Config().profiles["vdx"].instructions
    assert language_model.wanted(changed) == []
    assert cast(Any, changed.profiles["vdx"].responder).is_starter
    assert not cast(Any, changed.profiles["own"].responder).is_starter


def test_only_profiles_with_a_language_model_here_have_a_shorter_first_clause() -> None:
    config = Config.model_validate(
        {
            "responder": {"kind": "local"},
            "clauses": {"max_chars": 150},
            "profiles": {
                "set": {"clauses": {"first_max_chars": 50}},
                "repeats": {"responder": {"kind": "repeat"}},
            },
        }
    )
    servers: Any = {
        local: SimpleNamespace(socket=SOCKET) for local in language_model.wanted(config)
    }
    changed = language_model._with_sockets(config, servers)
    defaults: Any = SimpleNamespace(voice=str, recogniser=str, endpointer=lambda *_: "")

    def first(profile: str, of: Config = changed) -> tuple[int, int]:
        clauses = resolve(of, profile, defaults).clauses
        return clauses.first_max_chars, clauses.max_chars

    assert changed.clauses == config.clauses, "POST /v1/audio/speech and vdx say have no model"
    assert first("vdx") == (LOCAL_FIRST_CLAUSE_CHARS, 150)
    assert first("set") == (50, 200)
    assert first("repeats") == (60, 150)
    config = config.model_copy(update={"clauses": ClauseConfig(first_max_chars=50)})
    assert first("vdx", language_model._with_sockets(config, servers)) == (50, 200)


def test_every_setting_reaches_llama_cpp_and_has_one_default() -> None:
    options = asdict(llama_options(LocalConfig(), Path("/models/tiny.gguf")))
    assert not [each.name for each in fields(LlamaOptions) if each.default is not MISSING]
    local = LocalConfig()
    same = set(LocalConfig.model_fields) & set(options) - {"model", "threads", "max_tokens"}
    assert len(same) == 8
    assert {name: options[name] for name in same} == {name: getattr(local, name) for name in same}
    assert (options["model"], options["max_tokens"]) == ("/models/tiny.gguf", 64)
    assert 1 <= options["threads"] <= 4


def test_a_server_of_somebody_else_is_not_taken_for_the_starter() -> None:
    local = {"kind": "local", "local": {"socket": "/run/other.sock"}}
    config = Config.model_validate({"responder": local})
    assert language_model.wanted(config) == []
    changed = language_model._with_sockets(config, {})
    assert changed.profiles["vdx"].instructions == Config().profiles["vdx"].instructions


def test_without_one_nothing_is_started_or_changed() -> None:
    assert language_model.wanted(Config()) == []
    assert language_model._with_sockets(Config(), {}) == Config()


# --- what is fetched ----------------------------------------------------------------------------


def test_it_is_a_starter_of_its_own() -> None:
    model = starter()
    assert model not in starters(), "the first start does not fetch it"
    assert find_starter(model.id) is model
    assert (model.kind, len(model.files)) == ("llm", 1)


def test_what_is_there_is_not_fetched(paths: Paths, gguf: Path) -> None:
    installed(paths)
    told: list[str] = []
    own = LocalConfig(path=gguf)
    assert language_model_files.require_language_model(paths, own, told.append) == gguf
    file = place_of(paths, starter())
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF")
    assert language_model_files.require_language_model(paths, LocalConfig(), told.append) == file
    assert fetch_language_model(cast(Any, None), paths, starter(), told.append) == file
    assert told == []


def test_another_list_of_packages_is_installed_anew(
    paths: Paths, gguf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def install(_: Path, target: Path, *__: object) -> None:
        target.mkdir()
        (target / "xllamacpp").mkdir()

    monkeypatch.setattr("vdx.serving.language_model_files.install_pinned", install)
    installed(paths)
    (language_model_files.packages_folder(paths) / language_model_files.STAMP).write_text(
        "of before"
    )
    assert not language_model_files.packages_current(paths)
    told: list[str] = []
    language_model_files.require_language_model(paths, LocalConfig(path=gguf), told.append)
    assert language_model_files.packages_current(paths)
    assert (language_model_files.packages_folder(paths) / "xllamacpp").is_dir()
    assert [line.partition(" (")[0] for line in told] == ["installing llama.cpp"]


@pytest.mark.parametrize(("content", "why"), [(b"PK\x03\x04", "no GGUF file"), (None, "No such")])
def test_a_file_that_is_no_model_is_named(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"responder\.local\.path: .*model\.gguf.* {why}"):
        language_model_files.check_gguf(file)


async def test_the_home_folder_of_nobody_is_told(paths: Paths) -> None:
    local = LocalConfig(path=Path("~nobody-has-this/model.gguf"))
    with pytest.raises(
        ConfigError, match=r"responder\.local\.path: ~nobody-has-this/model\.gguf: "
    ):
        language_model_files.model_file(paths, local)
    assert answer_checks.check_local(local, paths).status == Status.FAIL


def test_the_list_of_voices_says_whether_it_is_here(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vdx.core.paths.locate", lambda: paths)
    assert "vdx voices pull SmolLM2" in str(voice_listing._not_fetched(set())[-1]["origin"])
    place_of(paths, starter()).parent.mkdir(parents=True)
    place_of(paths, starter()).touch()
    row = voice_listing._not_fetched(set())[-1]
    assert (row["origin"], row["size"], row["licence"]) == ("added", "98 MB", "Apache-2.0")


# --- what is told -------------------------------------------------------------------------------


async def test_the_doctor_looks_for_what_answers(paths: Paths, gguf: Path) -> None:
    def config(**responder: Any) -> Config:
        return Config.model_validate({"responder": responder})

    async def check(**responder: Any) -> tuple[Status, str]:
        (found,) = await answer_checks.answer_checks(config(**responder), paths)
        return found.status, found.detail + found.mend

    assert await answer_checks.answer_checks(config(kind="repeat"), paths) == []
    status, told = await check(kind="local")
    assert (status, "vdx setup --llm" in told) == (Status.WARN, True)
    installed(paths)
    assert (await check(kind="local", local={"path": str(gguf)})) == (Status.OK, str(gguf))
    status, told = await check(kind="local", local={"path": str(gguf.parent)})
    assert status == Status.FAIL
    status, told = await check(kind="chat", chat={"base_url": "http://127.0.0.1:9/v1"})
    assert status == Status.WARN
    assert "the connection failed" in told
    assert (await check(kind="chat", chat={"base_url": "ftp://x"}))[0] == Status.FAIL


def lists(*names: str) -> Behaviour:
    """An endpoint that has these models."""

    async def behave(_: Endpoint, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()
        head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return behave


@pytest.mark.parametrize(
    ("behaviour", "status", "words"),
    [
        (lists("qwen3", "llama3.2:latest"), Status.OK, "answers"),
        (lists("qwen3"), Status.WARN, "is not there; there are: qwen3"),
        (refuses(401), Status.WARN, "status 401"),
    ],
    ids=["there", "another", "refused"],
)
async def test_the_doctor_tells_what_an_endpoint_has(
    behaviour: Behaviour, status: Status, words: str
) -> None:
    async with Endpoint(behaviour) as endpoint:
        found = await answer_checks.check_endpoint(ChatConfig(base_url=endpoint.url))
    assert (found.status, words in found.detail) == (status, True), found


@pytest.mark.parametrize(
    ("responder", "words"),
    [
        ({"kind": "repeat"}, ["vdx up --llm", "Ollama", "vLLM", "hosted"]),
        ({"kind": "local"}, ["SmolLM2", "only proves that talking works", "Ollama", "vLLM"]),
        ({"kind": "local", "local": {"path": "/x/own.gguf"}}, ["own.gguf", "Ollama"]),
        ({"kind": "local", "local": {"socket": "/x/s"}}, ["unnamed at /x/s", "Ollama"]),
        ({"kind": "local", "local": {"socket": "/x/s", "model": "qwen"}}, ["qwen at /x/s"]),
        ({"kind": "chat"}, []),
    ],
)
def test_the_welcome_says_what_answers(
    responder: dict[str, Any], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    welcome._tell_answers(Config.model_validate({"responder": responder}).responder)
    told = capsys.readouterr().out
    assert all(word in told for word in words)
    assert bool(told) == bool(words)
