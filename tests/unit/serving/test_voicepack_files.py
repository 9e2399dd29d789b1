"""Models made by strangers: what the frontend reads of them, and which it does not take.

What a network may hold its family says: `tests/triton/test_load_check.py`.
"""

import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.serving import small_models as small
from triton_backends.piper import config
from triton_backends.shared import network, onnx_file
from triton_backends.whisper import model_folder
from vdx.core.errors import InvalidVoicepack, UnknownName
from vdx.serving.voicepacks import files
from vdx.serving.voicepacks.identify import describe, identify, pick, suggested_id
from vdx.serving.voicepacks.model_files import LIMITS, Facts, Parts
from vdx.serving.voicepacks.staging import take

FIXTURE = Path(__file__).parents[2] / "data" / "whisper-micro-int8"


def described(path: Path) -> Facts:
    return describe(*identify(path))


# --- what is taken ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "language"),
    [
        ({}, "en-US"),
        ({"language": {"code": "de_DE"}}, "de-DE"),
        ({"language": {}, "espeak": {"voice": "en-gb-x-rp"}}, "en-GB"),
        ({"language": {}, "espeak": {"voice": "fr"}}, "fr"),
        ({"language": {}, "espeak": {}}, "en-US"),
        ({"audio": {"sample_rate": 16000}, "surprise": [1]}, "en-US"),
    ],
    ids=str,
)
def test_a_piper_voice(tmp_path: Path, changes: dict[str, Any], language: str) -> None:
    model = small.write_piper(tmp_path, **changes)
    rate = changes.get("audio", {"sample_rate": 22050})["sample_rate"]
    for path in (tmp_path, model, Path(f"{model}.json")):
        assert described(path) == Facts((language,), rate)


def test_one_voice_of_a_folder_is_named(tmp_path: Path) -> None:
    small.write_piper(tmp_path, "en_US-one-low")
    second = small.write_piper(tmp_path, "en_US-two-low")
    with pytest.raises(InvalidVoicepack, match=r"several models.*en_US-one-low\.onnx"):
        identify(tmp_path)
    assert identify(second)[1].name == "en_US-two-low"


@pytest.mark.parametrize(
    ("words", "languages"),
    [(8, ("en",)), (51_864, ("en",)), (51_865, ("en", "de", "yue")), (51_866, ("en", "de", "yue"))],
)
def test_a_whisper_model_is_told_by_its_vocabulary(
    tmp_path: Path, words: int, languages: tuple[str, ...]
) -> None:
    small.write_whisper(tmp_path / "model", words)
    assert described(tmp_path / "model") == Facts(languages, 16_000)


@pytest.mark.parametrize(
    ("name", "networks", "languages"),
    [
        ("sherpa-onnx-streaming-zipformer-en-2023-06-26", ("encoder", "decoder", "joiner"), "en"),
        ("streaming-zipformer-bilingual-zh-en", ("encoder", "decoder", "joiner"), "zh en"),
        ("zipformer-ctc-small-de", ("model",), "de"),
        ("parakeet_realtime_eou_120m", ("encoder", "decoder", "joiner"), "*"),
    ],
)
def test_a_streaming_model_is_told_by_its_tokens(
    tmp_path: Path, name: str, networks: tuple[str, ...], languages: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    files = [f"{each}.onnx" for each in networks] + [f"{each}.int8.onnx" for each in networks]
    for file in (*files, "tokens.txt", "encoder.data", "bpe.model"):
        (folder / file).write_text("<blk> 0\n▁a 1\n. 2\n")
    found, parts = identify(folder)
    assert (parts.family, parts.name) == ("transducer", name)
    assert set(parts.files) == {*files, "tokens.txt", "encoder.data"}
    expected = Facts(tuple(languages.split()), 16_000, punctuates=True, turn_marks=False)
    assert describe(found, parts) == expected
    (folder / "tokens.txt").write_text("<blk> 0\n▁a 1\n<EOU> 2\n")
    assert describe(found, parts) == replace(expected, punctuates=False, turn_marks=True)
    assert identify(folder / files[0])[1].files == parts.files


@pytest.mark.parametrize(
    ("folder", "network", "told"),
    [
        ("streaming-zipformer-zh-8k", "encoder", "zh-8k: by its name ('8k')"),
        ("zipformer_8khz_en", "encoder", "8khz"),
        ("zipformer-en", "encoder-8000hz.int8", "encoder-8000hz"),
        ("zipformer-en-chunk-8-16k", "encoder-18k", ""),
        ("zipformer-en-16000", "encoder-epoch-8", ""),
    ],
)
def test_a_name_of_telephone_audio_is_refused(
    tmp_path: Path, folder: str, network: str, told: str
) -> None:
    """Most files do not say the rate they are for."""
    place = tmp_path / folder
    place.mkdir()
    for file in (f"{network}.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"):
        (place / file).write_text("<blk> 0\n")
    found, parts = identify(place)
    if not told:
        assert describe(found, parts)
        return
    with pytest.raises(InvalidVoicepack, match=r"made for audio at 8000 Hz") as caught:
        describe(found, parts)
    assert told in str(caught.value)


MOONSHINE = ("frontend", "encoder", "adapter", "cross_kv", "decoder_kv")


@pytest.mark.parametrize("ending", [".ort", ".onnx"])
def test_a_streaming_moonshine_is_told_by_its_settings(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "tiny-streaming-en"
    folder.mkdir()
    files = {*(f"{each}{ending}" for each in MOONSHINE), "streaming_config.json", "tokenizer.bin"}
    for file in files:
        (folder / file).write_bytes(b"x")
    found, parts = identify(folder)
    assert (parts.family, parts.name) == ("moonshine", "tiny-streaming-en")
    assert set(parts.files) == files
    assert describe(found, parts) == Facts(("en",), 16_000, punctuates=True, word_times=False)
    (folder / f"decoder_kv_with_attention{ending}").write_bytes(b"x")
    found, parts = identify(folder)
    assert f"decoder_kv{ending}" not in parts.files
    assert describe(found, parts).word_times is True


def test_the_first_moonshine_is_told_by_its_networks(tmp_path: Path) -> None:
    files = {"encoder_model.ort", "decoder_model_merged.ort", "tokenizer.json"}
    folder = tmp_path / "base-uk"
    folder.mkdir()
    for file in files:
        (folder / file).write_bytes(b"x")
    found, parts = identify(folder)
    assert (parts.family, set(parts.files)) == ("moonshine", files)
    assert describe(found, parts).languages == ("uk",)


def test_tokens_alone_are_no_model(tmp_path: Path) -> None:
    (tmp_path / "tokens.txt").write_text("<blk> 0\n")
    with pytest.raises(InvalidVoicepack, match="no model is there"):
        identify(tmp_path)


def test_a_vocabulary_may_be_a_text(tmp_path: Path) -> None:
    small.write_whisper(tmp_path, 8)
    words = json.loads((tmp_path / "vocabulary.json").read_text())
    (tmp_path / "vocabulary.json").unlink()
    (tmp_path / "vocabulary.txt").write_text("\n".join(words) + "\n")
    assert described(tmp_path) == Facts(("en",), 16_000)


def test_the_trained_model_is_taken() -> None:
    assert described(FIXTURE) == Facts(("en",), 16_000)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("faster-whisper-base", "whisper-base"),
        ("faster-whisper-base.en", "whisper-base.en"),
        ("ct2-whisper-tiny", "whisper-tiny"),
        ("my own model", "whisper-my-own-model"),
        ("größe", "whisper-groe"),
    ],
)
def test_the_id_of_a_whisper_model(tmp_path: Path, folder: str, name: str) -> None:
    small.write_whisper(tmp_path / folder)
    assert suggested_id(identify(tmp_path / folder)[1]) == name


def test_the_id_of_a_voice_is_plain_letters(tmp_path: Path) -> None:
    small.write_piper(tmp_path, "pt_PT-tugão-medium")
    assert suggested_id(identify(tmp_path)[1]) == "pt_PT-tugao-medium"


# --- what is refused ----------------------------------------------------------------------------

CONFIGS: list[tuple[dict[str, Any], str]] = [
    ({"audio": {}}, "audio.sample_rate"),
    ({"audio": {"sample_rate": "fast"}}, "'fast'"),
    ({"language": {"code": "12"}}, "'12'"),
]


@pytest.mark.parametrize(("changes", "named"), CONFIGS, ids=str)
def test_a_configuration_that_cannot_be_is_named(
    tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    small.write_piper(tmp_path, **changes)
    with pytest.raises(InvalidVoicepack) as caught:
        described(tmp_path)
    assert named in str(caught.value)
    assert "en_US-test-medium.onnx" in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"[" * 100_000, b"\xff\xfe"], ids=len)
def test_a_configuration_that_is_no_json_object(tmp_path: Path, raw: bytes) -> None:
    model = small.write_piper(tmp_path)
    Path(f"{model}.json").write_bytes(raw)
    with pytest.raises(InvalidVoicepack, match=r"\.onnx\.json"):
        described(tmp_path)


@pytest.mark.parametrize(
    ("name", "raw"),
    [("vocabulary.json", b"x"), ("vocabulary.json", b'{"a": 1}')],
)
def test_a_part_that_is_wrong_is_named(tmp_path: Path, name: str, raw: bytes) -> None:
    small.write_whisper(tmp_path)
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InvalidVoicepack, match=name):
        described(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "vocabulary.json"])
def test_a_part_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    small.write_whisper(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InvalidVoicepack, match=f"there is no {name}"):
        identify(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pth", "voice.pkl", "speaker.npz"])
def test_a_pickle_is_refused_and_never_read(tmp_path: Path, name: str) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return os.mkdir, (str(tmp_path / "exploded"),)

    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(InvalidVoicepack, match=rf"{name} may be a pickle"):
            identify(path)
    assert not (tmp_path / "exploded").exists()


def test_a_network_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "voice.onnx").write_bytes(small.onnx())
    for path in (tmp_path, tmp_path / "voice.onnx"):
        with pytest.raises(InvalidVoicepack, match=r"voice\.onnx has no voice\.onnx\.json"):
            identify(path)


def test_nothing_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(InvalidVoicepack, match="no model is there"):
        identify(tmp_path)
    with pytest.raises(UnknownName, match="no file or folder"):
        identify(tmp_path / "nowhere")


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = small.write_whisper(tmp_path / "model")
    outside = tmp_path / "secret.json"
    outside.write_text("[]")
    (folder / "vocabulary.json").unlink()
    (folder / "vocabulary.json").symlink_to(outside)
    with pytest.raises(InvalidVoicepack, match=r"vocabulary\.json leads out of its folder"):
        described(folder)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    small.write_whisper(tmp_path)
    (tmp_path / "vocabulary.json").unlink()
    os.mkfifo(tmp_path / "vocabulary.json")
    with pytest.raises(InvalidVoicepack, match=r"vocabulary\.json is no file"):
        described(tmp_path)


@pytest.mark.parametrize(("name", "limit"), [("x.onnx.json", files.LARGEST_JSON)])
def test_a_file_that_is_too_large_is_refused(tmp_path: Path, name: str, limit: int) -> None:
    with (tmp_path / name).open("wb") as sparse:
        sparse.truncate(limit + 1)
    with pytest.raises(InvalidVoicepack, match=f"{name} is larger than {limit}"):
        files.read_json(tmp_path, name)


def test_a_network_that_is_too_large_is_refused(tmp_path: Path) -> None:
    model = small.write_piper(tmp_path)
    with model.open("wb") as sparse:
        sparse.truncate(LIMITS[".onnx"] + 1)
    with pytest.raises(InvalidVoicepack, match="larger than"):
        take(*identify(tmp_path), tmp_path / "staged", move=False)


def test_sizes_are_those_that_the_families_load() -> None:
    assert LIMITS[".onnx"] == network.MAX_BYTES >= onnx_file.MAX_MODEL_BYTES
    assert LIMITS[".bin"] == model_folder.MAX_WEIGHTS_BYTES
    assert LIMITS[".json"] == max(model_folder.MAX_TEXT_BYTES, config.MAX_CONFIG_BYTES)


def test_a_model_of_another_kind_is_not_taken_for_csm() -> None:
    csm = ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja"]
    assert pick(csm, "", "here").family == "csm"
    with pytest.raises(InvalidVoicepack, match="no model is there"):
        pick(csm[:-1], "", "here")


def test_published_files_are_taken_for_what_is_made_of_them() -> None:
    files = ("model.pth", "config.json", "speakers_xtts.pth", "vocab.json", "LICENSE.txt")
    found = pick([*files, "dvae.pth", "mel_stats.pth"], "", "here")
    assert found == Parts("xtts", "", files)
    own = ("xtts.safetensors", "config.json", "speakers.safetensors", "vocab.json")
    assert pick(own, "", "here") == Parts("xtts", "", own)
    shards = ("transformers.safetensors.index.json", "a-00001-of-00002.safetensors")
    own = ("config.json", "tokenizer.json", "chat_template.jinja")
    found = pick([*shards, *own, "ckpt.pt"], "", "here")
    assert (found.family, set(found.files)) == ("csm", {*shards, *own})
    with pytest.raises(InvalidVoicepack, match=r"model\.pth may be a pickle"):
        pick(["model.pth"], "", "here")
