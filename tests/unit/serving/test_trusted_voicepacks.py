"""CosyVoice 2: files in two folders, and a configuration that may run code."""

from dataclasses import replace
from pathlib import Path

import pytest

from vdx.core.errors import InvalidVoicepack
from vdx.core.paths import Paths, locate
from vdx.serving.environment import child_environment
from vdx.serving.model_config import read_entry
from vdx.serving.voicepacks.identify import identify, pick
from vdx.serving.voicepacks.metadata import METADATA
from vdx.serving.voicepacks.model_files import Facts, Parts
from vdx.serving.voicepacks.staging import TRUSTED, Origin
from vdx.serving.voicepacks.store import VoicepackStore

OWN = ("cosyvoice2.yaml", "llm.pt", "flow.pt", "hift.pt", "campplus.onnx")
OWN += ("speech_tokenizer_v2.onnx", "spk2info.pt", "README.md")
INNER = ("config.json", "vocab.json", "merges.txt", "model.safetensors", "tokenizer_config.json")
OTHERS = ("configuration.json", "flow.encoder.fp16.zip", "flow.decoder.estimator.fp32.onnx")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files as they are published."""
    made = tmp_path / "CosyVoice2-0.5B"
    inner = made / "CosyVoice-BlankEN"
    inner.mkdir(parents=True)
    for name in (*OWN, *OTHERS):
        (made / name).write_text("{}")
    for name in INNER:
        (inner / name).write_text("[]")
    return made


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return replace(locate(), home=tmp_path / "home")


@pytest.fixture
def tried() -> list[dict[str, str]]:
    """The parameters that the family was given."""
    return []


@pytest.fixture
def store(paths: Paths, tried: list[dict[str, str]]) -> VoicepackStore:
    def trial(parts: Parts, folder: Path, parameters: dict[str, str]) -> Facts:
        tried.append(dict(parameters))
        if parameters.get(TRUSTED) != "true":
            raise InvalidVoicepack("it can run any code")
        return Facts(("zh", "en"), 24_000)

    return VoicepackStore(paths, trial)


def test_files_of_an_inner_folder_belong_to_the_model(folder: Path) -> None:
    place, parts = identify(folder)
    assert (place, parts.family, parts.name) == (folder, "cosyvoice2", "CosyVoice2-0.5B")
    assert set(parts.files) == {*OWN, *(f"CosyVoice-BlankEN/{name}" for name in INNER)}
    hub = [f"v2/{name}" for name in (*OWN, *(f"CosyVoice-BlankEN/{name}" for name in INNER))]
    assert pick(hub, "", "the hub").family == "cosyvoice2"


def test_a_speaker_network_alone_is_one_still() -> None:
    assert pick(["campplus.onnx"], "", "here").family == "speaker_embedding"
    assert pick([*OWN, *INNER], "campplus.onnx", "here").family == "speaker_embedding"


def test_a_voicepack_is_trusted_by_whoever_adds_it_alone(
    folder: Path, store: VoicepackStore, paths: Paths, tried: list[dict[str, str]]
) -> None:
    with pytest.raises(InvalidVoicepack, match="it can run any code"):
        store.add(*identify(folder), Origin("here"))
    pack = store.add(*identify(folder), Origin("here", parameters={TRUSTED: "true"}))
    assert (pack.trusted, pack.expressive, pack.cloning) == (True, True, True)
    assert set(pack.files) == {*OWN, *INNER}
    entry = store.find(pack.id)
    assert "trusted: true" in (entry.folder / METADATA).read_text()
    store.check(entry)
    assert tried == [{}, {TRUSTED: "true"}, {TRUSTED: "true"}]
    info = read_entry(paths.pulled_models / pack.id)
    assert info.can("emotive_zero_prompt")
    assert info.can("zero_shot")
    assert "[laughter]" in info.sounds
    assert TRUSTED in (paths.pulled_models / pack.id / "config.pbtxt").read_text()


def test_files_do_not_say_themselves_that_they_are_trusted(
    folder: Path, store: VoicepackStore
) -> None:
    pack = store.add(*identify(folder), Origin("here", parameters={TRUSTED: "true"}))
    stranger = store.find(pack.id).folder
    assert "trusted: true" in (stranger / METADATA).read_text()
    with pytest.raises(InvalidVoicepack, match="it can run any code"):
        store.add(*identify(stranger), Origin("there", id="other"))


def test_models_are_told_where_the_checkout_is() -> None:
    kept = child_environment({"COSYVOICE_HOME": "/opt/cosyvoice", "OTHER_HOME": "/x"})
    assert kept == {"COSYVOICE_HOME": "/opt/cosyvoice"}
