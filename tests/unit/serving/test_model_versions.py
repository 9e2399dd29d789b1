"""Names that other models serve since an update, in memory and on disk."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from vdx.serving.model_versions import ModelVersions


def test_a_name_means_its_newest_version() -> None:
    versions = ModelVersions()
    assert versions.of("tone") == "tone"
    versions.put("tone", "tone-2")
    versions.put("tone", "tone-3")
    assert versions.of("tone") == "tone-3"
    assert versions.of("tone-2") == "tone-2"
    assert versions.name_of("tone-3") == "tone"
    assert versions.all == {"tone": "tone-3"}


def test_a_name_can_mean_itself_again() -> None:
    versions = ModelVersions()
    versions.put("tone", "tone-2")
    versions.put("tone", "tone")
    assert versions.of("tone") == "tone"
    versions.put("tone", "bell")
    versions.put("bell", "tone")
    assert versions.of("bell") == versions.of("tone") == "tone", "no circle"


def test_it_is_remembered_for_the_next_start(tmp_path: Path) -> None:
    file = tmp_path / "home" / "versions.json"
    versions = ModelVersions(file)
    versions.put("tone", "tone-2")
    versions.save()
    assert ModelVersions(file).of("tone") == "tone-2"


def test_a_thousand_updates_of_a_name_leave_one_entry(tmp_path: Path) -> None:
    file = tmp_path / "versions.json"
    versions = ModelVersions(file)
    for number in range(1000):
        versions.put(versions.name_of(versions.of("tone")), f"tone-{number}")
        if number % 100 == 0:
            versions.save()
    versions.save()
    assert json.loads(file.read_text()) == {"tone": "tone-999"}
    versions.put("tone", "tone")
    versions.save()
    assert json.loads(file.read_text()) == {}


def test_a_version_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    versions = ModelVersions()
    versions.put("tone", "tone-2")
    versions.put("bell", "bell-2")
    with capture_logs() as logs:
        versions.require({"tone", "bell", "bell-2"})
    assert versions.all == {"bell": "bell-2"}
    assert [line["version"] for line in logs] == ["tone-2"]


@pytest.mark.parametrize("content", ["{", "[]", '"tone"', "\x00"], ids=range(4))
def test_a_file_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "versions.json"
    file.write_text(content)
    with capture_logs() as logs:
        assert ModelVersions(file).all == {}
    assert logs[0]["event"] == "versions of models not known"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    versions = ModelVersions(tmp_path / "taken" / "versions.json")
    versions.put("tone", "tone-2")
    with capture_logs() as logs:
        versions.save()
    assert any(line["event"] == "versions of models not remembered" for line in logs)
    assert versions.of("tone") == "tone-2"


def test_processes_of_one_home_keep_what_the_others_wrote(tmp_path: Path) -> None:
    file = tmp_path / "versions.json"
    one, other = ModelVersions(file), ModelVersions(file)
    one.put("tone", "tone-2")
    one.save()
    other.put("bell", "bell-2")
    other.save()
    assert ModelVersions(file).all == {"tone": "tone-2", "bell": "bell-2"}
    one.put("tone", "tone")
    one.save()
    assert ModelVersions(file).all == {"bell": "bell-2"}


def test_what_could_not_be_written_is_written_the_next_time(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    versions = ModelVersions(tmp_path / "home" / "versions.json")
    versions.put("tone", "tone-2")
    versions.save()
    (tmp_path / "home").unlink()
    versions.save()
    assert ModelVersions(tmp_path / "home" / "versions.json").all == {"tone": "tone-2"}
