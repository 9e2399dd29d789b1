"""Whisper in the format of CTranslate2: a folder with `model.bin` and a vocabulary."""

import re
import struct
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from vdx.core.errors import InvalidVoicepack
from vdx.serving.voicepacks.files import LARGEST_JSON, open_inside, read_inside, read_json
from vdx.serving.voicepacks.model_files import NOTES, Facts, Parts, limit_of

FAMILY = "whisper"
SAMPLE_RATE = 16_000
MODEL, CONFIG, TOKENIZER = "model.bin", "config.json", "tokenizer.json"
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
OPTIONAL = (TOKENIZER, "preprocessor_config.json")

NEWEST_BINARY = 6
SPECIFICATION = "WhisperSpec"
NEWEST_REVISION = 3
MOST_VARIABLES = 100_000
MULTILINGUAL_VOCABULARY = 51_865
"""From this size on a vocabulary has a token for every language; English models have one less."""

_LANGUAGE_TOKEN = re.compile(r"<\|([a-z]{2,3})\|>")
_NAME_PREFIX = re.compile(r"^(faster|ct2|ctranslate2)-")


def find(names: Iterable[str]) -> list[Parts]:
    """Every model among the files of a folder; its name is that of the folder it lies in."""
    there = set(names)
    folders = sorted(str(PurePosixPath(n).parent) for n in there if PurePosixPath(n).name == MODEL)
    found = (_parts(PurePosixPath(folder), there) for folder in folders)
    return [parts for parts in found if parts is not None]


def _parts(folder: PurePosixPath, there: set[str]) -> Parts | None:
    def named(*names: str) -> list[str]:
        return [str(folder / name) for name in names if str(folder / name) in there]

    needed, vocabulary = named(MODEL, CONFIG), named(*VOCABULARIES)[:1]
    if len(needed) < 2 or not vocabulary:
        return None
    return Parts(FAMILY, folder.name, (*needed, *vocabulary, *named(*OPTIONAL, *NOTES)))


def model_id(name: str) -> str:
    """`faster-whisper-base.en` is called `whisper-base.en`."""
    short = _NAME_PREFIX.sub("", name)
    return short if "whisper" in short else f"whisper-{short}"


def describe(folder: Path, parts: Parts) -> Facts:
    """Checks every file of the model and tells its languages by the vocabulary.

    Raises:
        InvalidVoicepack: they are not a whole Whisper model; names the file and the reason.
    """
    model, config, vocabulary = parts.files[:3]
    for name in (config, *(n for n in parts.files[3:] if n.endswith(".json"))):
        if not isinstance(read_json(folder, name), dict):
            raise InvalidVoicepack(f"{folder / name} must hold a JSON object")
    words = _vocabulary(folder, vocabulary)
    with open_inside(folder, model, limit_of(model)) as stream:
        rows = _Walk(stream, folder / model).embedding_rows()
    # A converter pads the table to a multiple of 8 at most.
    if rows is not None and not len(words) <= rows < len(words) + 8:
        raise InvalidVoicepack(
            f"{folder / vocabulary} has {len(words)} words, and {model} was made for {rows}"
        )
    return Facts(_languages(words), SAMPLE_RATE)


def _languages(words: list[str]) -> tuple[str, ...]:
    if len(words) < MULTILINGUAL_VOCABULARY:
        return ("en",)
    tagged = (match[1] for word in words if (match := _LANGUAGE_TOKEN.fullmatch(word)))
    return tuple(dict.fromkeys(tagged)) or ("*",)


def _vocabulary(folder: Path, name: str) -> list[str]:
    if name.endswith(".txt"):
        text = read_inside(folder, name, LARGEST_JSON).decode(errors="replace")
        return text.removesuffix("\n").split("\n")
    words: Any = read_json(folder, name)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InvalidVoicepack(f"{folder / name} must hold a JSON list of words")
    return words


class _Walk:
    """Reads the index of a `model.bin`, skipping the weights.

    The layout is that of CTranslate2's `src/models/model.cc`: binary version, specification and
    its revision, then the variables with rank, dimensions, type and bytes, then the aliases.
    """

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path
        self._size = stream.seek(0, 2)
        stream.seek(0)

    def embedding_rows(self) -> int | None:
        """Checks the whole file; the words the decoder was made for, if it names the table."""
        version = self._number("I")
        if not 5 <= version <= NEWEST_BINARY:
            raise InvalidVoicepack(
                f"{self._path} is no CTranslate2 model of a known version: it begins with "
                f"{version}, and vdx reads 5 to {NEWEST_BINARY}"
            )
        name, revision = self._text(), self._number("I")
        if name != SPECIFICATION or not 1 <= revision <= NEWEST_REVISION:
            raise InvalidVoicepack(
                f"{self._path} holds {name[:40]!r} revision {revision}, and vdx reads "
                f"{SPECIFICATION} up to {NEWEST_REVISION}"
            )
        rows = None
        for _ in range(self._count()):
            variable, shape = self._variable()
            if variable == "decoder/embeddings/weight" and shape:
                rows = shape[0]
        for _ in range(self._count()):
            self._text()
            self._text()
        if self._stream.tell() != self._size:
            raise InvalidVoicepack(f"{self._path} goes on after its end")
        return rows

    def _count(self) -> int:
        count = self._number("I")
        if count > MOST_VARIABLES:
            raise InvalidVoicepack(f"{self._path} claims to hold {count} variables")
        return count

    def _variable(self) -> tuple[str, tuple[int, ...]]:
        name, rank = self._text(), self._number("B")
        shape = struct.unpack(f"<{rank}I", self._take(4 * rank))
        self._number("B")
        length = self._number("I")
        if length > self._size - self._stream.tell():
            raise InvalidVoicepack(f"{self._path} is truncated: {name[:80]!r} is not whole")
        self._stream.seek(length, 1)
        return name, shape

    def _text(self) -> str:
        return self._take(self._number("H")).rstrip(b"\0").decode(errors="replace")

    def _number(self, kind: str) -> int:
        (value,) = struct.unpack(f"<{kind}", self._take(struct.calcsize(f"<{kind}")))
        return int(value)

    def _take(self, length: int) -> bytes:
        raw = self._stream.read(length)
        if len(raw) < length:
            raise InvalidVoicepack(f"{self._path} is truncated at byte {self._size}")
        return raw
