"""The directory of a CTranslate2 model.bin, read without its weights and without trust.

The layout is that of binary version 6 (python/ctranslate2/specs/model_spec.py, `_serialize`).
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from triton_backends.shared.errors import InvalidArgument

BINARY_VERSION = 6
SPEC, MAX_REVISION = "WhisperSpec", 3
ITEM_BYTES = (4, 1, 2, 4, 2, 2)  # float32, int8, int16, int32, float16, bfloat16
MAX_VARIABLES, MAX_RANK = 4096, 4

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of the directory; `value` is kept of scalars only."""

    shape: Shape
    dtype: int
    value: bytes = b""


def read_variables(file: Path) -> dict[str, Variable]:
    """Every variable of a model.bin by name, aliases included.

    Raises InvalidArgument saying what is wrong with the file.
    """
    with file.open("rb") as stream:
        return _Reader(stream, file.stat().st_size).variables()


class _Reader:
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size

    def variables(self) -> dict[str, Variable]:
        if (version := self._number("I")) != BINARY_VERSION:
            raise InvalidArgument(
                f"model.bin: binary version {version}, not {BINARY_VERSION}; convert the model "
                "again with ct2-transformers-converter"
            )
        name, revision = self._string(), self._number("I")
        if name != SPEC:
            raise InvalidArgument(f"model.bin: holds a {name[:40]!r}, not a {SPEC}")
        if not 1 <= revision <= MAX_REVISION:
            raise InvalidArgument(f"model.bin: revision {revision} of {SPEC} is not known")
        found: dict[str, Variable] = {}
        for _ in range(self._count("variables")):
            key, variable = self._string(), self._variable()
            if key in found:
                raise InvalidArgument(f"model.bin: {key[:80]!r} is there twice")
            found[key] = variable
        for _ in range(self._count("aliases")):
            alias, original = self._string(), self._string()
            if alias in found or original not in found:
                raise InvalidArgument(f"model.bin: bad alias {alias[:80]!r} of {original[:80]!r}")
            found[alias] = found[original]
        if self._stream.tell() != self._size:
            raise InvalidArgument(f"model.bin: {self._size - self._stream.tell()} bytes too many")
        return found

    def _variable(self) -> Variable:
        rank = self._number("B")
        if rank > MAX_RANK:
            raise InvalidArgument(f"model.bin: a variable of rank {rank}")
        shape = tuple(self._number("I") for _ in range(rank))
        dtype, size = self._number("B"), self._number("I")
        if dtype >= len(ITEM_BYTES):
            raise InvalidArgument(f"model.bin: type {dtype} is not known")
        items = 1
        for dimension in shape:
            items *= dimension
        if items * ITEM_BYTES[dtype] != size:
            raise InvalidArgument(f"model.bin: {size} bytes for shape {list(shape)}")
        if self._stream.tell() + size > self._size:
            raise InvalidArgument("model.bin: is cut off")
        value = b""
        if rank:
            self._stream.seek(size, 1)
        else:
            value = self._bytes(size)
        return Variable(shape, dtype, value)

    def _count(self, what: str) -> int:
        count = self._number("I")
        if count > MAX_VARIABLES:
            raise InvalidArgument(f"model.bin: {count} {what}, more than {MAX_VARIABLES}")
        return count

    def _number(self, kind: str) -> int:
        (value,) = struct.unpack(f"<{kind}", self._bytes(struct.calcsize(f"<{kind}")))
        return int(value)

    def _string(self) -> str:
        raw = self._bytes(self._number("H"))
        try:
            if raw.endswith(b"\0") and raw.count(b"\0") == 1:
                return raw[:-1].decode("ascii")
        except UnicodeDecodeError:
            pass
        raise InvalidArgument(f"model.bin: {raw[:40]!r} is no name")

    def _bytes(self, count: int) -> bytes:
        raw = self._stream.read(count)
        if len(raw) != count:
            raise InvalidArgument("model.bin: is cut off")
        return raw
