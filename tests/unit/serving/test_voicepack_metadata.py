"""metadata.yaml: its schema, and what it refuses by name."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from vdx.core.errors import InvalidVoicepack
from vdx.core.paths import locate
from vdx.serving.model_config import read_repository
from vdx.serving.voicepacks.metadata import METADATA, Voicepack, read_metadata

GOOD: dict[str, Any] = {
    "id": "en_US-test-medium",
    "family": "piper",
    "languages": ["en-US"],
    "sample_rate": 22050,
    "cpu_ok": True,
    "expressive": False,
    "cloning": False,
    "lora": False,
    "licence": "CC0",
    "source": "https://example.org",
    "files": {"en_US-test-medium.onnx": "0" * 64},
}


def written(folder: Path, tree: object) -> Path:
    (folder / METADATA).write_text(yaml.safe_dump(tree))
    return folder


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    pack = Voicepack.model_validate(GOOD)
    (tmp_path / METADATA).write_text(pack.dump())
    assert read_metadata(tmp_path) == pack
    assert yaml.safe_load(pack.dump()) == GOOD
    assert list(yaml.safe_load(pack.dump())) == list(GOOD)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"licens": "MIT"}, "unknown key 'licens'; did you mean 'licence'?"),
        ({"xyzzy": 1}, "unknown key 'xyzzy'"),
        ({"id": "../x"}, "'../x'"),
        ({"id": ".hidden"}, "'.hidden'"),
        ({"id": "a/b"}, "'a/b'"),
        ({"id": 7}, "'7'"),
        ({"family": "pipper"}, "pipper"),
        ({"languages": []}, "languages"),
        ({"languages": ["en US"]}, "'en US'"),
        ({"sample_rate": 4}, "sample_rate"),
        ({"sample_rate": "22050"}, "sample_rate"),
        ({"cpu_ok": "yes please"}, "cpu_ok"),
        ({"licence": ""}, "licence"),
        ({"files": {"../../etc/passwd": "0" * 64}}, "../../etc/passwd"),
        ({"files": {"/etc/passwd": "0" * 64}}, "/etc/passwd"),
        ({"files": {"a/../../b": "0" * 64}}, "a/../../b"),
        ({"files": {"a\\b": "0" * 64}}, "a\\\\b"),
        ({"files": {"a//b": "0" * 64}}, "a//b"),
        ({"files": {"metadata.yaml": "0" * 64}}, "metadata.yaml"),
        ({"files": {"x.onnx": "abc"}}, "'abc' is not a sha256"),
        ({"files": ["x.onnx"]}, "files"),
    ],
    ids=str,
)
def test_a_wrong_value_or_key_is_named(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidVoicepack) as caught:
        read_metadata(written(tmp_path, GOOD | changes))
    assert named in str(caught.value)
    assert str(tmp_path / METADATA) in str(caught.value)


@pytest.mark.parametrize("key", GOOD)
def test_every_key_is_needed(tmp_path: Path, key: str) -> None:
    tree = {k: v for k, v in GOOD.items() if k != key}
    with pytest.raises(InvalidVoicepack, match=f"the key '{key}' is missing"):
        read_metadata(written(tmp_path, tree))


@pytest.mark.parametrize(
    "raw",
    [b"", b"- a\n- b\n", b"\xff\xfe\x00", b"a: [", b"x: !!python/object/apply:os.system [id]\n"],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / METADATA).write_bytes(raw)
    with pytest.raises(InvalidVoicepack, match=METADATA):
        read_metadata(tmp_path)


def test_a_huge_or_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidVoicepack, match="No such file"):
        read_metadata(tmp_path)
    (tmp_path / METADATA).write_bytes(b"#" * 300_000)
    with pytest.raises(InvalidVoicepack, match="larger than"):
        read_metadata(tmp_path)


def test_those_that_come_along_fit_their_models() -> None:
    paths = locate()
    models = read_repository(paths.model_repository)
    files = sorted((paths.data / "voicepacks").glob(f"*/*/{METADATA}"))
    assert files
    for file in files:
        pack = read_metadata(file.parent)
        model = models[pack.id]
        assert (pack.family, pack.id) == (file.parent.parent.name, file.parent.name)
        assert (pack.family, pack.kind) == (model.family, model.kind)
        assert (pack.sample_rate, tuple(pack.languages)) == (model.sample_rate, model.languages)
        assert pack.cpu_ok == model.can("cpu_ok")
