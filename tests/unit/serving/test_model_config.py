"""The configurations of a repository are parsed when they have changed, not at every look."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from vdx.core.errors import ModelFailed
from vdx.serving.model_config import CONFIG, config_text, read_entry, read_repository


def write(folder: Path, language: str) -> None:
    folder.mkdir(exist_ok=True)
    new = folder / "new"
    new.write_text(config_text("piper", "tts", {"kind": "tts", "languages": language}))
    new.replace(folder / CONFIG)


def test_a_configuration_is_parsed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed, parse = [], text_format.Parse

    def counted(*arguments: Any) -> Any:
        parsed.append(arguments)
        return parse(*arguments)

    monkeypatch.setattr(text_format, "Parse", counted)
    joe = tmp_path / "joe"
    write(joe, "en")
    for _ in range(3):
        assert read_repository(tmp_path)["joe"].languages == ("en",)
    assert len(parsed) == 1
    write(joe, "de")
    assert read_entry(joe).languages == ("de",), "of the same size"
    (joe / CONFIG).write_text("no configuration")
    for _ in range(2):
        with pytest.raises(ModelFailed):
            read_entry(joe)
    (joe / CONFIG).unlink()
    with pytest.raises(ModelFailed, match="No such file"):
        read_entry(joe)
    assert read_repository(tmp_path) == {}
