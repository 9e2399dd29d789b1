"""Recognisers of a limited set of sentences: pocketsphinx with the user's own vocabulary.

Each is a folder of `VDX_HOME/model_repository` that holds its files, so a profile names it like any
other recogniser. The environment of the models, where pocketsphinx is, checks the files.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdx.core.errors import InvalidInput, SetupError, UnknownName
from vdx.core.paths import Paths
from vdx.serving.environment import child_environment
from vdx.serving.model_config import CONFIG, VERSION, config_text, read_repository

FAMILY = "pocketsphinx"
KINDS = {
    ".jsgf": "grammar",
    ".gram": "grammar",
    ".lm": "language_model",
    ".arpa": "language_model",
    ".bin": "language_model",
    ".txt": "sentences",
}
"""Ending of a file to the parameter of the `pocketsphinx` family that takes it."""
PARAMETERS = {
    "kind": "asr",
    "languages": "en",
    "sample_rate": "16000",
    "streaming": "true",
    "zero_shot": "false",
    "lora": "false",
    "cpu_ok": "true",
    "emotive_zero_prompt": "false",
    "word_times": "true",
    "calibrated_confidence": "false",
    "max_utterances": "8",
    "ready_decoders": "2",
}
OWN_WORDS = "pronunciations.dict"
CHECK_LIMIT_S = 120
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True, slots=True)
class Checked:
    """Result of loading a vocabulary in pocketsphinx: words after pruning, times in ms."""

    pronunciations: int
    read_ms: float
    decoder_ms: float


def kind_of(file: Path) -> str:
    """The parameter that takes a file; raises InvalidInput naming an ending that none does."""
    kind = KINDS.get(file.suffix.lower())
    if kind is None:
        raise InvalidInput(
            f"{file}: a vocabulary ends in {', '.join(KINDS)}, not {file.suffix!r}", param="file"
        )
    return kind


def check(paths: Paths, file: Path, dictionary: Path | None, *, prune: bool = True) -> Checked:
    """Loads a vocabulary once in pocketsphinx, in the environment of the models.

    Raises:
        UnknownName: there is no such file.
        InvalidInput: what is wrong with it, with file and line.
        SetupError: the environment of the models is not there.
    """
    for each in (file, dictionary):
        if each is not None and not each.exists():
            raise UnknownName(f"there is no file {each}", param="file")
    if not paths.triton_python.exists():
        raise SetupError("the environment of the models is not built; run `vdx setup`")
    command = [str(paths.triton_python), "-m", "triton_backends.pocketsphinx.check"]
    command += [f"--{kind_of(file).replace('_', '-')}", str(file.absolute())]
    if dictionary is not None:
        command += ["--dictionary", str(dictionary.absolute())]
    if not prune:
        command.append("--whole-dictionary")
    try:
        done = subprocess.run(
            command,
            cwd=paths.triton_backends.parent,
            env=child_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=CHECK_LIMIT_S,
        )
        said: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise InvalidInput(f"{file} was not loaded within {CHECK_LIMIT_S} s") from None
    except ValueError:
        raise SetupError(f"pocketsphinx could not be asked: {done.stderr[-500:]}") from None
    if "error" in said:
        raise InvalidInput(str(said["error"]), param="file")
    return Checked(**said)


def add(
    paths: Paths, file: Path, *, name: str, dictionary: Path | None = None, replace: bool = False
) -> Checked:
    """Makes the recogniser `name` of a vocabulary, checked before anything is changed.

    Raises:
        InvalidInput: the vocabulary or the name cannot be used.
        SetupError: VDX_HOME cannot be written to, or there is nothing to check with.
    """
    if not _ID.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name for a model", param="id")
    place = paths.pulled_models / name
    if (paths.model_repository / name).exists():
        raise InvalidInput(f"{name!r} is a model that comes with vdx; choose another --id")
    if place.exists() and not (replace and name in _ours(paths)):
        raise InvalidInput(f"{name!r} is there already; --replace takes its place", param="id")
    checked = check(paths, file, dictionary)
    with _aside(paths.pulled_models) as folder:
        (folder / VERSION).mkdir()
        parameters = {**PARAMETERS, kind_of(file): _take(file, folder, file.name)}
        if dictionary is not None:
            parameters["dictionary"] = _take(dictionary, folder, OWN_WORDS)
        (folder / CONFIG).write_text(config_text(FAMILY, "asr", parameters), encoding="utf-8")
        if place.exists():
            place.rename(folder.parent / "old")
        folder.rename(place)
    return checked


def remove(paths: Paths, name: str) -> None:
    """Takes a recogniser away that `add` made; raises UnknownName for any other."""
    ours = _ours(paths)
    if name not in ours:
        raise UnknownName(
            f"there is no grammar {name!r}; there are: {', '.join(ours) or 'none'}", param="id"
        )
    with _aside(paths.pulled_models) as folder:
        (paths.pulled_models / name).rename(folder / name)


def _ours(paths: Paths) -> list[str]:
    found = read_repository(paths.pulled_models)
    return [name for name, info in found.items() if info.family == FAMILY]


def _take(file: Path, folder: Path, name: str) -> str:
    """Copies a file into the model's version folder; its path as seen from the model's folder."""
    shutil.copyfile(file, folder / VERSION / name)
    return f"{VERSION}/{name}"


@contextmanager
def _aside(repository: Path) -> Iterator[Path]:
    """A folder on the same file system that Triton does not read models from."""
    try:
        repository.parent.mkdir(parents=True, exist_ok=True)
        repository.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=repository.parent, prefix="grammar-") as root:
            folder = Path(root) / "model"
            folder.mkdir()
            yield folder
    except OSError as error:
        where = error.filename or repository
        raise SetupError(f"{where} cannot be written: {error.strerror or error}") from error
