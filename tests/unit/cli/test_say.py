"""Where `vdx say` writes to."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vdx.batch.encoders import FORMS
from vdx.cli.say import _form_of, _save
from vdx.core.errors import InvalidInput, StorageFailed

PCM = np.zeros(48_000, np.int16)


@pytest.mark.parametrize("form", FORMS)
def test_a_disk_without_room_is_named(form: str, tmp_path: Path) -> None:
    out = tmp_path / f"said.{form}"
    out.symlink_to("/dev/full")
    with pytest.raises(StorageFailed, match=f"said.{form} could not be written: No space left"):
        _save(out, form, PCM)


def test_a_file_says_its_length(tmp_path: Path) -> None:
    _save(tmp_path / "said.wav", "wav", PCM)
    assert soundfile.info(tmp_path / "said.wav").duration == 1.0


def test_a_pipe_gets_a_whole_wav(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = list[bytes]()
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    _save(pipe, _form_of(pipe), PCM)
    reader.join(10)
    (tmp_path / "said.wav").write_bytes(got[0])
    assert soundfile.info(tmp_path / "said.wav").duration == 1.0


SAVES = """
import sys
from unittest.mock import patch
import numpy as np
from vdx.cli import main, say

async def speak(loaded, text, reference):
    return np.zeros(48_000, np.int16), 1.0, 0.1

with patch.object(say, "_speak", speak):
    sys.argv = ["vdx", "say", "Hello.", "--out", sys.argv[1]]
    main.main()
"""


@pytest.mark.parametrize("out", ["-", "/dev/stdout", "/dev/fd/1"])
def test_standard_output_gets_it_too(tmp_path: Path, out: str) -> None:
    done = subprocess.run([sys.executable, "-c", SAVES, out], capture_output=True, check=True)
    (tmp_path / "said.wav").write_bytes(done.stdout)
    assert soundfile.info(tmp_path / "said.wav").duration == 1.0
    assert done.stderr.startswith(b"standard output: 1.0 s of speech")


@pytest.mark.parametrize("out", ["-", "/dev/stdout"])
def test_standard_output_may_be_a_file_without_an_ending(tmp_path: Path, out: str) -> None:
    said = tmp_path / "said"
    said.write_bytes(b"before")
    with said.open("ab") as file:
        subprocess.run([sys.executable, "-c", SAVES, out], stdout=file, check=True)
    written = said.read_bytes()
    assert written.startswith(b"before")
    (tmp_path / "said.wav").write_bytes(written.removeprefix(b"before"))
    assert soundfile.info(tmp_path / "said.wav").duration == 1.0


def test_a_reader_that_leaves_is_named(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: pipe.open("rb").close())
    reader.start()
    with pytest.raises(StorageFailed, match="pipe could not be written: Broken pipe"):
        _save(pipe, _form_of(pipe), np.zeros(480_000, np.int16))
    reader.join(10)


def test_a_terminal_gets_no_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(InvalidInput, match="a terminal cannot show sound"):
        _form_of(Path("-"))


def test_what_cannot_be_written_is_told_before_anything_is_spoken(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    for name, why in (
        ("folder.wav", "is a folder"),
        ("missing/said.wav", "there is no folder"),
        ("said.txt", "the ending must be one of"),
        ("said", "the ending must be one of"),
    ):
        with pytest.raises(InvalidInput, match=why):
            _form_of(tmp_path / name)
