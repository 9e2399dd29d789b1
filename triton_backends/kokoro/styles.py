"""Style vectors by name, and blends of them, from a file of numpy arrays that somebody else made.

A style has one vector for each number of phonemes, as the reference chooses them.
"""

import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import regular_file

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_STYLES = 500
MAX_BLENDED = 8
WIDTH = 256
NAMES_TOLD = 60

Style = NDArray[np.float32]
"""[rows, WIDTH]"""


def read_styles(folder: Path, name: str) -> dict[str, Style]:
    """The styles of a `voices` file; nothing in it is unpickled.

    Raises InvalidArgument naming the file and what is wrong with it.
    """
    file = regular_file(folder, name, MAX_FILE_BYTES)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
        if len(entries) > MAX_STYLES or sum(e.file_size for e in entries) > MAX_FILE_BYTES:
            raise InvalidArgument(f"{name} holds {len(entries)} arrays, or too large ones")
        with np.load(file, allow_pickle=False) as arrays:
            return {each: _checked(name, each, arrays[each]) for each in sorted(arrays.files)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise InvalidArgument(f"{name} is no file of numpy arrays: {error}") from None


def _checked(file: str, name: str, array: NDArray[np.generic]) -> Style:
    if array.ndim not in (2, 3) or array.shape[-1] != WIDTH or array.dtype.kind != "f":
        raise InvalidArgument(f"{file}: {name!r} is {array.dtype} {list(array.shape)}, no style")
    style: Style = array.reshape(-1, WIDTH).astype(np.float32)
    if not style.size or not np.isfinite(style).all():
        raise InvalidArgument(f"{file}: {name!r} has no finite numbers")
    return style


class Styles:
    """All styles of a voice; the first in the order of their names speaks where none is asked."""

    def __init__(self, styles: dict[str, Style]) -> None:
        if not styles:
            raise InvalidArgument("there is no style in the file of voices")
        self._styles = styles
        self.default = min(styles)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._styles)

    def find(self, wanted: str) -> tuple[Style, str]:
        """A style or a blend (`af_heart:0.6+af_bella:0.4`), and the name of its first part.

        Weights are of the whole: 3 and 1 are 0.75 and 0.25; left out they are 1.
        Raises InvalidArgument naming what of it is wrong.
        """
        shares = [_share(part, wanted) for part in (wanted or self.default).split("+")]
        if len(shares) > MAX_BLENDED:
            raise InvalidArgument(f"SPEAKER {wanted!r} blends more than {MAX_BLENDED} styles")
        total = sum(weight for _, weight in shares)
        rows = min(len(self._named(name)) for name, _ in shares)
        blend = sum(
            self._named(name)[:rows] * np.float32(weight / total) for name, weight in shares
        )
        return np.asarray(blend, np.float32), shares[0][0]

    def _named(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            known = ", ".join(self.names[:NAMES_TOLD])
            raise InvalidArgument(f"SPEAKER {name!r}: the styles are {known}")
        return style


def _share(part: str, whole: str) -> tuple[str, float]:
    name, colon, weight = part.strip().partition(":")
    try:
        value = float(weight) if colon else 1.0
    except ValueError:
        value = math.nan
    if not (0 < value <= 1000):
        raise InvalidArgument(f"SPEAKER {whole!r}: {weight!r} is no weight above 0")
    return name.strip(), value


def row_for(style: Style, phonemes: int) -> NDArray[np.float32]:
    """The vector for a sentence of so many phonemes, as the reference: row `phonemes - 1`."""
    row: NDArray[np.float32] = style[min(max(phonemes - 1, 0), len(style) - 1)]
    return row
