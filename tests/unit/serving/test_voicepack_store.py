"""Taking voicepacks in, checking them and removing them: whole or not at all."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.triton.repository import read_config
from tests.unit.serving import small_models as small
from vdx.core.errors import InvalidInput, InvalidVoicepack, SetupError, UnknownName
from vdx.core.paths import Paths, locate
from vdx.serving.model_config import (
    ASR_INPUTS,
    ASR_OUTPUTS,
    CONFIG,
    TTS_INPUTS,
    TTS_OUTPUTS,
    config_text,
    read_entry,
    read_repository,
)
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.metadata import METADATA, Voicepack, read_metadata
from vdx.serving.voicepacks.model_files import Parts
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

VOICE = "en_US-test-medium"
INPUTS_OF_CAPABILITIES = {"PROMPT", "TRANSLATE"}
OUTPUTS_OF_CAPABILITIES = {"MARKS", "LANGUAGE", "LANGUAGE_PROBABILITY"}
"""Tensors that only models with a capability have."""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return replace(locate(), home=tmp_path / "home")


@pytest.fixture
def store(paths: Paths) -> VoicepackStore:
    return VoicepackStore(paths)


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    small.write_piper(tmp_path / "voice")
    (tmp_path / "voice" / "MODEL_CARD").write_text("# Card\n* License: CC-BY 4.0\n")
    return tmp_path / "voice"


@pytest.fixture
def recogniser(tmp_path: Path) -> Path:
    return small.write_whisper(tmp_path / "faster-whisper-tiny", 51_865)


def added(store: VoicepackStore, path: Path, **origin: str) -> Voicepack:
    folder, parts = identify(path)
    return store.add(folder, parts, Origin(**({"source": str(path)} | origin)))


def nothing_but_locks(home: Path) -> bool:
    return not [path for path in home.rglob("*") if path.is_file() and "lock" not in path.name]


# --- adding -------------------------------------------------------------------------------------


def test_a_voice_gets_a_voicepack_and_a_model(
    store: VoicepackStore, paths: Paths, voice: Path
) -> None:
    pack = added(store, voice)
    assert (pack.id, pack.family, pack.kind) == (VOICE, "piper", "tts")
    assert (pack.languages, pack.sample_rate, pack.licence) == (["en-US"], 22050, "CC-BY 4.0")
    folder = paths.home / "voicepacks" / "piper" / VOICE
    assert read_metadata(folder) == pack
    assert set(pack.files) == {f"{VOICE}.onnx", f"{VOICE}.onnx.json", "MODEL_CARD"}
    model = paths.pulled_models / VOICE
    assert (model / "1").is_dir()
    info = read_entry(model)
    assert (info.name, info.kind, info.family) == (VOICE, "tts", "piper")
    assert (info.languages, info.sample_rate) == (("en-US",), 22050)
    assert info.capabilities == {"streaming", "cpu_ok", "word_times"}
    voicepack = read_config(model).parameters["voicepack"].string_value
    assert (model / voicepack).resolve() == folder.resolve()
    assert not Path(voicepack).is_absolute()
    store.check(store.find(VOICE))


def test_a_recogniser_gets_them_too(store: VoicepackStore, paths: Paths, recogniser: Path) -> None:
    pack = added(store, recogniser, licence="MIT")
    assert (pack.id, pack.kind, pack.licence) == ("whisper-tiny", "asr", "MIT")
    info = read_entry(paths.pulled_models / "whisper-tiny")
    assert (info.kind, info.family, info.sample_rate) == ("asr", "whisper", 16_000)
    assert info.speaks("de-AT")
    assert not info.speaks("fr")
    store.check(store.find("whisper-tiny"))


def test_a_streaming_recogniser_gets_them_too(
    store: VoicepackStore, paths: Paths, tmp_path: Path
) -> None:
    folder = tmp_path / "streaming-zipformer-en"
    folder.mkdir()
    for name in ("encoder.onnx", "decoder.onnx", "joiner.onnx"):
        (folder / name).write_bytes(small.onnx())
    (folder / "tokens.txt").write_text("<blk> 0\n▁a 1\n. 2\n")
    pack = added(store, folder, id="zip", languages=("en-US",))
    assert (pack.id, pack.family, pack.languages) == ("zip", "transducer", ["en-US"])
    info = read_entry(paths.pulled_models / "zip")
    assert info.capabilities == {"streaming", "cpu_ok", "word_times", "punctuation", "prompts"}
    store.check(store.find("zip"))


def test_an_endpointer_gets_them_too(store: VoicepackStore, paths: Paths, tmp_path: Path) -> None:
    network = tmp_path / "smart-turn-v9-cpu.onnx"
    network.write_bytes(small.onnx())
    pack = added(store, network, licence="BSD-2-Clause")
    assert (pack.id, pack.family, pack.kind) == ("smart-turn-v9", "smart_turn", "endpointer")
    info = read_entry(paths.pulled_models / "smart-turn-v9")
    assert (info.kind, info.sample_rate, info.capabilities) == ("endpointer", 16_000, {"cpu_ok"})
    assert info.speaks("de-AT")
    assert not info.speaks("sw")
    config = read_config(paths.pulled_models / "smart-turn-v9")
    assert [(each.name, list(each.dims)) for each in config.input] == [("AUDIO", [-1])]
    assert [(each.name, list(each.dims)) for each in config.output] == [("PROBABILITY", [1])]
    assert not config.model_transaction_policy.decoupled
    store.check(store.find("smart-turn-v9"))


@pytest.mark.parametrize(
    "name",
    [
        "wespeaker_en_voxceleb_CAM++.onnx",
        "3dspeaker_speech_campplus_sv_zh-cn_16k-common.onnx",
        "voxceleb_resnet34_LM.onnx",
        "ecapa-tdnn.onnx",
    ],
)
def test_a_speaker_network_gets_them_too(
    store: VoicepackStore, paths: Paths, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(small.onnx())
    pack = added(store, tmp_path / name, licence="Apache-2.0", id="voices")
    assert (pack.family, pack.kind, pack.languages) == ("speaker_embedding", "speaker", ["*"])
    config = read_config(paths.pulled_models / "voices")
    assert [(each.name, list(each.dims)) for each in config.output] == [("EMBEDDING", [-1])]
    assert not config.model_transaction_policy.decoupled
    store.check(store.find("voices"))


def test_a_whisper_of_many_languages_detects_and_translates(
    store: VoicepackStore, paths: Paths, tmp_path: Path
) -> None:
    for words, can in ((8, False), (51_865, True)):
        folder = small.write_whisper(tmp_path / f"whisper-{words}", words)
        pack = added(store, folder)
        info = read_entry(paths.pulled_models / pack.id)
        assert info.can("language_detection") is info.can("translation") is can
        config = read_config(paths.pulled_models / pack.id)
        assert ("LANGUAGE_PROBABILITY" in {each.name for each in config.output}) is can
        assert ("TRANSLATE" in {each.name for each in config.input}) is can


@pytest.mark.parametrize(
    ("like", "inputs", "outputs"),
    [("espeak-en", TTS_INPUTS, TTS_OUTPUTS), ("pocketsphinx-en", ASR_INPUTS, ASR_OUTPUTS)],
)
def test_a_model_has_the_tensors_of_those_that_come_along(
    store: VoicepackStore,
    paths: Paths,
    voice: Path,
    recogniser: Path,
    like: str,
    inputs: object,
    outputs: object,
) -> None:
    name = added(store, voice if inputs is TTS_INPUTS else recogniser).id
    made, model = (
        read_config(paths.pulled_models / name),
        read_config(paths.model_repository / like),
    )
    inputs_of_all = [each for each in made.input if each.name not in INPUTS_OF_CAPABILITIES]
    outputs_of_all = [each for each in made.output if each.name not in OUTPUTS_OF_CAPABILITIES]
    assert inputs_of_all == list(model.input)
    assert outputs_of_all == list(model.output)
    assert made.model_transaction_policy == model.model_transaction_policy
    assert made.sequence_batching == model.sequence_batching
    assert made.max_batch_size == model.max_batch_size
    assert set(made.parameters) > set(model.parameters) - {
        *("default_language", "max_streams", "trim_start_ms", "max_utterances", "ready_decoders")
    }


@pytest.mark.parametrize("hears", [True, False])
def test_a_voice_that_hears_the_person_has_the_inputs_for_it(tmp_path: Path, hears: bool) -> None:
    parameters = {"kind": "tts", "languages": "en", "sample_rate": "24000"}
    parameters["hears_user"] = str(hears).lower()
    (tmp_path / CONFIG).write_text(config_text("csm", "tts", parameters))
    names = {each.name for each in read_config(tmp_path).input}
    assert ({"HEARD_AUDIO", "HEARD_TEXT"} <= names) is hears
    assert read_entry(tmp_path).can("hears_user") is hears


def test_a_voicepack_can_be_handed_on(store: VoicepackStore, paths: Paths, voice: Path) -> None:
    first = added(store, voice, licence="CC0")
    (paths.home / "voicepacks" / "piper" / VOICE).rename(paths.home / "elsewhere")
    (paths.pulled_models / VOICE).rename(paths.home / "model")
    again = added(store, paths.home / "elsewhere")
    assert again == first


def test_files_that_are_not_what_their_metadata_says(
    store: VoicepackStore, paths: Paths, voice: Path
) -> None:
    pack = added(store, voice)
    (voice / METADATA).write_text(pack.dump())
    (voice / "MODEL_CARD").write_text("another\n")
    with pytest.raises(InvalidVoicepack, match="MODEL_CARD is not the file its sha256"):
        added(store, voice, id="other")
    assert not (paths.pulled_models / "other").exists()


def test_a_taken_id_is_refused(store: VoicepackStore, voice: Path) -> None:
    added(store, voice)
    with pytest.raises(InvalidInput, match=r"is there already.*--id"):
        added(store, voice)
    with pytest.raises(InvalidInput, match="comes with vdx"):
        added(store, voice, id="espeak-en")
    assert added(store, voice, id="second").id == "second"


@pytest.mark.parametrize("name", ["../up", "a/b", ".x", "-x", "x" * 101, "a b"])
def test_an_id_that_is_no_name_is_refused(
    store: VoicepackStore, paths: Paths, voice: Path, name: str
) -> None:
    with pytest.raises(InvalidVoicepack, match="id:"):
        added(store, voice, id=name)
    assert nothing_but_locks(paths.home)


# --- whole or not at all ------------------------------------------------------------------------


def test_a_model_that_is_not_sound_leaves_nothing(
    store: VoicepackStore, paths: Paths, voice: Path
) -> None:
    (voice / f"{VOICE}.onnx.json").write_text("{")
    with pytest.raises(InvalidVoicepack, match=str(voice / f"{VOICE}.onnx.json")):
        added(store, voice)
    assert nothing_but_locks(paths.home)


def test_a_failed_trial_leaves_nothing(paths: Paths, voice: Path) -> None:
    def load_check(parts: Parts, folder: Path, parameters: object) -> None:
        raise InvalidVoicepack(f"{folder / parts.files[0]} cannot be loaded: because")

    with pytest.raises(InvalidVoicepack, match=rf"{VOICE}\.onnx cannot be loaded"):
        added(VoicepackStore(paths, load_check), voice)
    assert nothing_but_locks(paths.home)


@pytest.mark.parametrize("error", [SetupError("no library"), KeyboardInterrupt()], ids=repr)
def test_what_was_fetched_stays_where_the_machine_is_at_fault(
    paths: Paths, voice: Path, error: BaseException
) -> None:
    """A download is moved in; without the library of its family it need not be fetched again."""

    def load_check(parts: Parts, folder: Path, parameters: object) -> None:
        raise error

    folder, parts = identify(voice)
    with pytest.raises(type(error)):
        VoicepackStore(paths, load_check).add(folder, parts, Origin("hub"), move=True)
    assert {file.name for file in voice.iterdir()} == set(parts.files)
    assert nothing_but_locks(paths.home)


def cut_off(*_: object) -> None:
    raise KeyboardInterrupt


def full(*_: object) -> None:
    raise OSError(28, "No space left on device", "/home/file")


@pytest.mark.parametrize(
    "broken", ["vdx.serving.voicepacks.staging.copy_inside", "pathlib.Path.rename"]
)
@pytest.mark.parametrize(("how", "error"), [(cut_off, KeyboardInterrupt), (full, SetupError)])
def test_a_break_anywhere_leaves_nothing(
    store: VoicepackStore,
    paths: Paths,
    voice: Path,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    how: Callable[..., None],
    error: type[BaseException],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(broken, how)
        with pytest.raises(error):
            added(store, voice)
    assert nothing_but_locks(paths.home)
    assert added(store, voice).id == VOICE


def test_what_a_killed_one_left_is_in_nobodys_way(
    store: VoicepackStore, paths: Paths, voice: Path
) -> None:
    (paths.home / "staging" / "x" / "voicepack").mkdir(parents=True)
    half = paths.home / "voicepacks" / "piper" / VOICE
    half.mkdir(parents=True)
    (half / "half.onnx").write_text("half")
    added(store, voice)
    assert not (half / "half.onnx").exists()
    assert not (paths.home / "staging").exists()


def test_a_home_that_cannot_be_written(paths: Paths, voice: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = VoicepackStore(replace(paths, home=tmp_path / "file" / "home"))
    with pytest.raises(SetupError, match="cannot be written"):
        added(blocked, voice)


# --- checking and removing ----------------------------------------------------------------------


def spoil_byte(folder: Path) -> None:
    model = folder / f"{VOICE}.onnx"
    raw = bytearray(model.read_bytes())
    raw[-1] ^= 1
    model.write_bytes(raw)


def lose_file(folder: Path) -> None:
    (folder / f"{VOICE}.onnx").unlink()


def slip_in(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"\x80\x04.")


def link_out(folder: Path) -> None:
    (folder / "MODEL_CARD").unlink()
    (folder / "MODEL_CARD").symlink_to("/etc/hostname")


def link_folder(folder: Path) -> None:
    (folder / "more").symlink_to("/etc")


def claim(folder: Path) -> None:
    tree = yaml.safe_load((folder / METADATA).read_text())
    (folder / METADATA).write_text(yaml.safe_dump(tree | {"sample_rate": 16000}))


def misname(folder: Path) -> None:
    tree = yaml.safe_load((folder / METADATA).read_text())
    (folder / METADATA).write_text(yaml.safe_dump(tree | {"id": "other"}))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (spoil_byte, f"{VOICE}.onnx is not the file its sha256"),
        (lose_file, f"{VOICE}.onnx: No such file"),
        (slip_in, "model.pkl is not listed"),
        (link_out, "MODEL_CARD leads out of its folder"),
        (link_folder, "more is not listed"),
        (claim, "piper at 16000 Hz; the files are piper at 22050 Hz"),
        (misname, "is of piper/other"),
    ],
)
def test_harm_done_later_is_found(
    store: VoicepackStore,
    paths: Paths,
    voice: Path,
    harm: Callable[[Path], None],
    named: str,
) -> None:
    added(store, voice)
    harm(paths.home / "voicepacks" / "piper" / VOICE)
    with pytest.raises(InvalidVoicepack) as caught:
        store.check(store.find(VOICE))
    assert named in str(caught.value)


def test_a_model_that_is_gone_or_another_is_found(
    store: VoicepackStore, paths: Paths, voice: Path
) -> None:
    added(store, voice)
    config = paths.pulled_models / VOICE / "config.pbtxt"
    config.write_text(config.read_text().replace('"piper"', '"espeak"'))
    with pytest.raises(InvalidVoicepack, match="is a model of 'espeak'"):
        store.check(store.find(VOICE))
    config.write_text("backend: {")
    with pytest.raises(InvalidVoicepack, match=r"config\.pbtxt"):
        store.check(store.find(VOICE))
    assert VOICE not in read_repository(paths.pulled_models)


def test_a_broken_one_is_listed_as_such(store: VoicepackStore, paths: Paths, voice: Path) -> None:
    added(store, voice)
    (paths.home / "voicepacks" / "piper" / VOICE / METADATA).write_text("id: [")
    listed = {entry.id: entry for entry in store.entries()}
    assert "is not YAML" in listed[VOICE].problem
    assert listed["espeak-en"].problem == ""
    store.remove(VOICE)
    assert VOICE not in {entry.id for entry in store.entries()}


def test_removing_leaves_nothing(store: VoicepackStore, paths: Paths, voice: Path) -> None:
    added(store, voice)
    store.remove(VOICE)
    assert nothing_but_locks(paths.home)
    with pytest.raises(UnknownName, match="there is no voicepack"):
        store.remove(VOICE)
    assert added(store, voice).id == VOICE


def test_one_that_comes_along_cannot_be_removed(store: VoicepackStore) -> None:
    with pytest.raises(InvalidInput, match="comes with vdx"):
        store.remove("espeak-en")
    with pytest.raises(UnknownName, match="did you mean 'espeak-en'"):
        store.remove("espek-en")


def test_those_that_come_along_are_sound(store: VoicepackStore) -> None:
    for entry in store.entries():
        store.check(entry)


def test_modes_and_owners_do_not_come_along(
    store: VoicepackStore, paths: Paths, voice: Path
) -> None:
    model = voice / f"{VOICE}.onnx"
    model.chmod(0o4755)
    added(store, voice)
    taken = paths.home / "voicepacks" / "piper" / VOICE / f"{VOICE}.onnx"
    assert not os.stat(taken).st_mode & 0o4111  # noqa: PTH116
