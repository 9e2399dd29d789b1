"""`-` stands for standard input: a text of `vdx say`, a recording of `vdx transcribe`."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vdx.batch.recording import Recording
from vdx.cli import say
from vdx.cli.standard_input import STANDARD, file_or_input, text_or_input
from vdx.core.errors import InvalidInput


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(request.param)))


def wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(8_000, np.int16), 16_000, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize("given", ["grüß dich\n".encode()], indirect=True)
def test_a_text_is_read(given: None) -> None:
    assert text_or_input("-") == "grüß dich\n"


@pytest.mark.parametrize("given", [b"\xff\xfe\x00"], indirect=True)
def test_what_is_no_text_is_refused(given: None) -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        text_or_input("-")


def test_a_text_that_was_typed_is_taken_as_it_is() -> None:
    assert text_or_input("- no") == "- no"


@pytest.mark.parametrize("given", [wav()], indirect=True)
def test_a_recording_is_read_from_a_pipe(given: None) -> None:
    with file_or_input(STANDARD) as source, Recording(source, "standard input") as recording:
        assert recording.seconds == 0.5


def test_a_file_is_opened_by_its_path(tmp_path: Path) -> None:
    with file_or_input(tmp_path / "x.wav") as source:
        assert source == tmp_path / "x.wav"


@pytest.mark.parametrize("given", [b" \n"], indirect=True)
def test_nothing_to_speak_is_told_before_triton_is_started(
    given: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(say, "_speak", None)
    with pytest.raises(InvalidInput, match="nothing to speak"):
        say.say("-", Path("-"))
