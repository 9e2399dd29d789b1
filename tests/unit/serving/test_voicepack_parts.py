"""Voicepacks without a model: adapters, which are speakers of the models of their family."""

from dataclasses import replace
from pathlib import Path

import pytest

from vdx.core.errors import InvalidInput, InvalidVoicepack
from vdx.core.paths import Paths, locate
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.model_files import Facts
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return replace(locate(), home=tmp_path / "home")


@pytest.fixture
def store(paths: Paths) -> VoicepackStore:
    """Whose families find everything sound."""
    return VoicepackStore(paths, lambda parts, folder, parameters: Facts(("en",), 24_000))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As Unsloth leaves it: the adapter, and the processor beside it."""
    made = tmp_path / "jo"
    made.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "README.md"):
        (made / name).write_text("{}")
    return made


def test_an_adapter_is_kept_without_a_model(
    store: VoicepackStore, folder: Path, paths: Paths
) -> None:
    pack = store.add(*identify(folder), Origin("here"))
    assert (pack.id, pack.family, pack.part, pack.lora, pack.cloning) == (
        "jo",
        "csm",
        "adapter",
        True,
        False,
    )
    assert set(pack.files) == {"adapter_model.safetensors", "adapter_config.json", "README.md"}
    assert not (paths.pulled_models / "jo").exists()
    entry = store.find("jo")
    assert entry.problem == ""
    store.check(entry)
    (entry.folder / "adapter_config.json").write_text("[]")
    with pytest.raises(InvalidVoicepack, match="not the file its sha256"):
        store.check(entry)
    store.remove("jo")
    assert not entry.folder.exists()


def test_nothing_takes_the_place_of_an_adapter(store: VoicepackStore, folder: Path) -> None:
    store.add(*identify(folder), Origin("here"))
    with pytest.raises(InvalidInput, match="'jo' is there already"):
        store.add(*identify(folder), Origin("here"))


def test_half_an_adapter_is_none(folder: Path) -> None:
    (folder / "adapter_config.json").unlink()
    with pytest.raises(InvalidVoicepack, match="no model is there"):
        identify(folder)
