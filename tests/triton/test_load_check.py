"""`vdx voices add` and `check` refuse what a family refuses, in the family's words.

Each model is loaded in the environment of the models; what the families refuse is in
`tests/unit/backends/piper/test_hostile.py` and `tests/unit/backends/test_whisper_model_folder.py`.
"""

import json
import pickle
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from vdx.core.errors import InvalidVoicepack, SetupError
from vdx.core.paths import Paths, locate
from vdx.serving.voicepacks import load_check
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

MAKE_VOICE = locate().data / "benchmarks" / "piper_voice.py"
WHISPER = Path(__file__).parents[1] / "data" / "whisper-micro-int8"
EXTERNAL = """
import onnx, sys
model = onnx.load(sys.argv[1])
tensor = next(each for each in model.graph.initializer if each.raw_data)
tensor.ClearField("raw_data")
tensor.data_location = onnx.TensorProto.EXTERNAL
tensor.external_data.add(key="location", value="../../../etc/passwd")
open(sys.argv[1], "wb").write(model.SerializeToString())
"""

Harm = Callable[[Path], object]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return replace(locate(), home=tmp_path / "home")


@pytest.fixture
def store(paths: Paths) -> VoicepackStore:
    trial = load_once(paths)
    assert trial is not None
    return VoicepackStore(paths, trial)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a voice with the network of a Piper voice, small."""
    folder = tmp_path_factory.mktemp("made") / "en_US-tiny-low"
    subprocess.run([locate().triton_python, MAKE_VOICE, "tiny", folder], check=True, timeout=300)
    return folder


@pytest.fixture
def voice(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / made.name))


@pytest.fixture
def recogniser(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WHISPER, tmp_path / "whisper-micro"))


def network(folder: Path) -> Path:
    (found,) = folder.glob("*.onnx")
    return found


def cut_short(folder: Path) -> None:
    network(folder).write_bytes(network(folder).read_bytes()[:-1])


def claim_two_gigabytes(folder: Path) -> None:
    network(folder).write_bytes(b"\x3a\xff\xff\xff\xff\x07")


def keep_weights_elsewhere(folder: Path) -> None:
    command = [locate().triton_python, "-c", EXTERNAL, network(folder)]
    subprocess.run(command, check=True, timeout=300)


def set_config(**changes: object) -> Harm:
    def change(folder: Path) -> None:
        file = Path(f"{network(folder)}.json")
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def refused(store: VoicepackStore, folder: Path, paths: Paths) -> str:
    """The error of `add`, which leaves nothing, and of `check`: the same."""
    found, parts = identify(folder)
    with pytest.raises(InvalidVoicepack) as adding:
        store.add(found, parts, Origin("here"))
    with pytest.raises(InvalidVoicepack) as checking:
        store.check_path(folder)
    assert adding.value.message == checking.value.message
    assert not [
        file for file in paths.home.rglob("*") if file.is_file() and "lock" not in file.name
    ]
    return adding.value.message


def first_and_long(names: Iterable[str]) -> list[ParameterSet | str]:
    """The first, and the others as long tests: the families' own tests have them all."""
    first, *others = names
    return [first, *(pytest.param(each, marks=pytest.mark.long) for each in others)]


VOICES: dict[str, tuple[Harm, str]] = {
    "truncated": (cut_short, "is not an ONNX model"),
    "claims 2 GB": (claim_two_gigabytes, "is not an ONNX model"),
    "a pickle": (lambda f: network(f).write_bytes(pickle.dumps({"a": 1})), "ONNX"),
    "weights elsewhere": (keep_weights_elsewhere, "in another file"),
    "an id too large": (set_config(phoneme_id_map={"a": [999_999]}), "[999999]"),
    "more speakers": (set_config(num_speakers=2), "no input 'sid'"),
    "a rate": (set_config(audio={"sample_rate": 10**9}), "sample_rate is '1000000000'"),
}


@pytest.mark.parametrize("name", first_and_long(VOICES))
def test_a_voice_is_refused_in_the_words_of_its_family(
    name: str, store: VoicepackStore, paths: Paths, voice: Path
) -> None:
    harm, said = VOICES[name]
    harm(voice)
    told = refused(store, voice, paths)
    assert told.startswith(f"{network(voice)} cannot be loaded: ")
    assert said in told
    assert "[invalid_argument]" not in told


RECOGNISERS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda raw: raw[:-1], "model.bin: is cut off"),
    "longer": (lambda raw: raw + b"x", "model.bin: 1 bytes too many"),
    "an older version": (lambda raw: struct.pack("<I", 5) + raw[4:], "binary version 5, not 6"),
    "an archive": (lambda raw: b"PK\3\4" + bytes(100), "binary version"),
}


@pytest.mark.parametrize("name", first_and_long(RECOGNISERS))
def test_a_recogniser_is_refused_in_the_words_of_its_family(
    name: str, store: VoicepackStore, paths: Paths, recogniser: Path
) -> None:
    change, said = RECOGNISERS[name]
    model = recogniser / "model.bin"
    model.write_bytes(change(model.read_bytes()))
    told = refused(store, recogniser, paths)
    assert told.startswith(f"{model} cannot be loaded: ")
    assert said in told


def test_whole_models_are_taken(store: VoicepackStore, voice: Path, recogniser: Path) -> None:
    for folder in (voice, recogniser):
        pack = store.add(*identify(folder), Origin("here"))
        store.check(store.find(pack.id))


def test_an_environment_without_a_library_is_told(
    paths: Paths, voice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no fault of the file, and no reason to take it unseen."""
    without = "import sys; sys.modules['onnxruntime'] = None\n" + load_check._LOAD
    monkeypatch.setattr(load_check, "_LOAD", without)
    trial = load_once(paths)
    assert trial is not None
    with pytest.raises(SetupError, match=r"lacks a library \(.*onnxruntime.*`vdx setup`"):
        trial(identify(voice)[1], voice, {})


def test_no_environment_is_no_check(tmp_path: Path) -> None:
    assert load_once(replace(locate(), triton_venv=tmp_path / "nothing")) is None
