"""The files a model is made of, and what they say about it; shared by every family's module."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from vdx.core.errors import InvalidVoicepack
from vdx.core.validation import MISSING_KEY, Problem, check
from vdx.serving.voicepacks.files import LARGEST_JSON, LARGEST_TEXT, MEBIBYTE, read_inside

NOTES = ("MODEL_CARD", "README.md", "LICENSE", "LICENSE.txt")
"""Kept beside a model where they are there: most licences ask for their text to travel along."""

LIMITS = {
    ".onnx": 2048 * MEBIBYTE,
    ".ort": 2048 * MEBIBYTE,
    ".data": 8 * 1024 * MEBIBYTE,
    ".bin": 8 * 1024 * MEBIBYTE,
    ".json": LARGEST_JSON,
    ".npz": 256 * MEBIBYTE,
    ".pt": 8 * 1024 * MEBIBYTE,
    ".pth": 8 * 1024 * MEBIBYTE,
    ".safetensors": 8 * 1024 * MEBIBYTE,
    ".txt": 8 * MEBIBYTE,
    ".wav": 4 * MEBIBYTE,
}
"""Ending -> the largest file in bytes that a family loads, so that no larger one is fetched."""

_LICENCE_LINE = re.compile(r"^\W*licen[cs]e\W*:\s*(\S.*)$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parts:
    """One model found in a folder: `files` are names inside it, `name` what it is called there.

    `adapter`: it is no model of its own, but changes how those of its family speak.
    """

    family: str
    name: str
    files: tuple[str, ...]
    adapter: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What a model's files say: languages as BCP-47 tags, the native sample rate in Hz.

    `punctuates`: a recogniser whose transcripts have full stops; `word_times`: it tells when each
    word was said; `turn_marks`: and when the person is done. None leaves it to the family.
    """

    languages: tuple[str, ...]
    sample_rate: int
    punctuates: bool | None = None
    word_times: bool | None = None
    turn_marks: bool | None = None

    @property
    def capabilities(self) -> dict[str, bool]:
        """What the files themselves say a model can."""
        told = {"punctuation": self.punctuates, "word_times": self.word_times}
        told["turn_marks"] = self.turn_marks
        return {name: can for name, can in told.items() if can is not None}


class Loose(BaseModel):
    """A part of an untrusted JSON file: what vdx reads of it is checked, the rest is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


T = TypeVar("T", bound=Loose)


def parse_loose(shape: type[T], tree: Any, path: Path) -> T:
    """`tree` as `shape`; an InvalidVoicepack names the file, the key and the value."""
    found = check(shape, tree)
    if isinstance(found, Problem):
        got = "" if found.kind == MISSING_KEY else f", got {str(found.given)[:80]!r}"
        raise InvalidVoicepack(f"{path}: {found.key}: {found.reason}{got}")
    return found


def limit_of(name: str) -> int:
    """The most bytes a file of this name may have."""
    return LIMITS.get(PurePosixPath(name).suffix, LARGEST_TEXT)


def licence_in(folder: Path, names: tuple[str, ...]) -> str:
    """The first `license:` line of a model card or README; empty where there is none."""
    for name in names:
        if PurePosixPath(name).name in {"MODEL_CARD", "README.md"}:
            text = read_inside(folder, name, LARGEST_TEXT).decode(errors="replace")
            if match := _LICENCE_LINE.search(text):
                return one_line(match[1]).strip("\"'")
    return ""


def one_line(text: str) -> str:
    """Untrusted text as one short printable line, fit for a terminal and for metadata."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:300]
