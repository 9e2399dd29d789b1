"""Moonshine's recognisers, as their authors lay them out: a folder of `.ort` or `.onnx` networks.

The streaming ones have `streaming_config.json` beside five networks, the first ones an encoder and
a merged decoder; each a `tokenizer.bin` or `tokenizer.json`.
"""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vdx.serving.voicepacks.model_files import NOTES, Facts, Parts

FAMILY = "moonshine"
SAMPLE_RATE = 16_000
SETTINGS = "streaming_config.json"
TOKENIZERS = ("tokenizer.bin", "tokenizer.json")
STREAMING = ("frontend", "encoder", "adapter", "cross_kv")
DECODER, ATTENDING = "decoder_kv", "decoder_kv_with_attention"
"""The second tells which sound its tokens belong to, and is taken where it is there."""
WHOLE = ("encoder_model", "decoder_model_merged")
SUFFIXES = (".ort", ".onnx")
_LANGUAGE = re.compile(r"(?:^|[-_/])(ar|en|es|ja|ko|uk|vi|zh)(?=$|[-_/.])")


def find(names: Iterable[str]) -> list[Parts]:
    """Every model among the files of a folder; its name is that of the folder it lies in."""
    there = set(names)
    folders = sorted({str(PurePosixPath(name).parent) for name in there})
    found = (_parts(PurePosixPath(folder), there) for folder in folders)
    return [parts for parts in found if parts is not None]


def _parts(folder: PurePosixPath, there: set[str]) -> Parts | None:
    def first(stem: str, suffixes: tuple[str, ...]) -> str | None:
        return next((n for end in suffixes if (n := str(folder / f"{stem}{end}")) in there), None)

    def named(*names: str) -> list[str]:
        return [str(folder / name) for name in names if str(folder / name) in there]

    settings = named(SETTINGS)
    if settings:
        decoder = first(ATTENDING, SUFFIXES) or first(DECODER, SUFFIXES)
        networks = [*(first(stem, SUFFIXES) for stem in STREAMING), decoder]
    else:
        networks = [first(stem, SUFFIXES) for stem in WHOLE]
    needed = [name for name in networks if name]
    # A part that lacks is named by the family, when it loads what is there.
    if len(needed) < 2 or (settings and not named("frontend.ort", "frontend.onnx")):
        return None
    tokenizer = named(*TOKENIZERS)[:1]
    return Parts(FAMILY, folder.name, (*needed, *settings, *tokenizer, *named(*NOTES)))


def describe(folder: Path, parts: Parts) -> Facts:
    """The languages are those of the name: no file has them. All models punctuate."""
    name = parts.name or folder.name
    said = _LANGUAGE.findall(name.lower())
    attending = any(PurePosixPath(file).stem == ATTENDING for file in parts.files)
    languages = tuple(dict.fromkeys(said)) or ("*",)
    return Facts(languages, SAMPLE_RATE, punctuates=True, word_times=attending)
