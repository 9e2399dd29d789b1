"""Streaming transducers and CTC: ONNX networks beside `tokens.txt`, as sherpa-onnx lays them out.

Either `encoder*.onnx`, `decoder*.onnx` and `joiner*.onnx`, each in full precision, in int8
(`.int8.onnx`) or both, or one network of CTC. Weights beyond 2 GB lie in a file beside (`.data`).
"""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vdx.core.errors import InvalidVoicepack
from vdx.serving.voicepacks.files import LARGEST_JSON, read_inside
from vdx.serving.voicepacks.model_files import NOTES, Facts, Parts

FAMILY = "transducer"
SAMPLE_RATE = 16_000
TOKENS = "tokens.txt"
PARTS = ("encoder", "decoder", "joiner")
MOST_CTC_FILES = 2
"""One network in full precision and in int8."""

_NAMED = frozenset(
    {
        *("ar", "bg", "bn", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "hi", "hr", "hu"),
        *("id", "it", "ja", "ko", "lt", "lv", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th"),
        *("tr", "uk", "vi", "zh"),
    }
)
"""Languages that names of released models have in them."""
_PART = re.compile(r"[^A-Za-z]+")
_MARK = re.compile(r"^<EO[UB]> ", re.MULTILINE)
"""NeMo's models tell with these that the person is done."""
_TELEPHONE = re.compile(r"(?:^|[^0-9a-z])8[-_ ]?(?:k|khz|000|000hz)(?=$|[^0-9a-z])")
"""In names of models that are trained on telephone audio; most files do not say their rate."""
_FULL_STOP = re.compile(r"^▁?[.。] ", re.MULTILINE)


def find(names: Iterable[str]) -> list[Parts]:
    """Every model among the files of a folder; its name is that of the folder it lies in."""
    there = set(names)
    folders = sorted(str(PurePosixPath(n).parent) for n in there if PurePosixPath(n).name == TOKENS)
    found = (_parts(PurePosixPath(folder), there) for folder in folders)
    return [parts for parts in found if parts is not None]


def _parts(folder: PurePosixPath, there: set[str]) -> Parts | None:
    near = sorted(name for name in there if PurePosixPath(name).parent == folder)
    networks = [each for each in near if each.endswith(".onnx") and f"{each}.json" not in there]
    named = [each for each in networks if PurePosixPath(each).name.startswith(PARTS)]
    if not named and len(networks) <= MOST_CTC_FILES:
        named = networks
    if not named:
        return None
    weights = [each for each in near if each.endswith(".data")]
    notes = [each for each in near if PurePosixPath(each).name in NOTES]
    return Parts(FAMILY, folder.name, (*named, str(folder / TOKENS), *weights, *notes))


def describe(folder: Path, parts: Parts) -> Facts:
    """What the names and the table of tokens tell.

    The languages are those that the model's name has in it; where a network knows better the family
    says so when it loads it. Raises InvalidVoicepack for a name of telephone audio.
    """
    for name in (parts.name, *parts.files):
        if found := _TELEPHONE.search(PurePosixPath(name).name.lower()):
            told = found[0].strip("-_. ")
            raise InvalidVoicepack(
                f"{name}: by its name ({told!r}) it is made for audio at 8000 Hz; recognisers are "
                f"given {SAMPLE_RATE}. If it is not, leave that out of the name"
            )
    table = next(name for name in parts.files if PurePosixPath(name).name == TOKENS)
    text = read_inside(folder, table, LARGEST_JSON).decode(errors="replace")
    said = [part for part in _PART.split(parts.name or folder.name) if part in _NAMED]
    languages = tuple(dict.fromkeys(said)) or ("*",)
    return Facts(
        languages,
        SAMPLE_RATE,
        punctuates=_FULL_STOP.search(text) is not None,
        turn_marks=_MARK.search(text) is not None,
    )
