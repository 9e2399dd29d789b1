"""Whisper in the format of CTranslate2: a folder with `model.bin` and a vocabulary."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from vdx.core.errors import InvalidVoicepack
from vdx.serving.voicepacks.files import LARGEST_JSON, read_inside, read_json
from vdx.serving.voicepacks.model_files import NOTES, Facts, Parts

FAMILY = "whisper"
SAMPLE_RATE = 16_000
MODEL, CONFIG, TOKENIZER = "model.bin", "config.json", "tokenizer.json"
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")
OPTIONAL = (TOKENIZER, "preprocessor_config.json")

MULTILINGUAL_VOCABULARY = 51_865
"""From this size on a vocabulary has a token for every language; English models have one less."""
MULTILINGUAL_MARK = ""
"""Has it too, whatever its size: OpenAI's English vocabulary has no empty word."""

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
    """The languages by the vocabulary; raises InvalidVoicepack where that is none.

    Whether the files are a whole model the family says when it loads them.
    """
    return Facts(_languages(_vocabulary(folder, parts.files[2])), SAMPLE_RATE)


def _languages(words: list[str]) -> tuple[str, ...]:
    if len(words) < MULTILINGUAL_VOCABULARY and MULTILINGUAL_MARK not in words:
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
