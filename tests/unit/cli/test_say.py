"""Where `vdx say` writes to."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vdx.batch.encoders import FORMS
from vdx.cli.say import _save
from vdx.core.errors import StorageFailed

PCM = np.zeros(48_000, np.int16)


@pytest.mark.parametrize("form", FORMS)
def test_a_disk_without_room_is_named(form: str, tmp_path: Path) -> None:
    out = tmp_path / f"said.{form}"
    out.symlink_to("/dev/full")
    with pytest.raises(StorageFailed, match=f"said.{form} could not be written: No space left"):
        _save(out, PCM)


def test_a_file_says_its_length(tmp_path: Path) -> None:
    _save(tmp_path / "said.wav", PCM)
    assert soundfile.info(tmp_path / "said.wav").duration == 1.0
