"""A network of a model and what its file says about itself: names, shapes, types, metadata."""

import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.depthwise import as_images
from triton_backends.shared.errors import InvalidArgument, Unavailable
from triton_backends.shared.model_files import regular_file
from triton_backends.shared.onnx_session import (
    CPU,
    MOST_THREADS,
    open_session,
    run,
    take_any_length,
)
from triton_backends.shared.parameters import Parameters

DEVICES = ("cpu", "cuda")

GIGABYTE = 1 << 30
MAX_BYTES = 2 * GIGABYTE  # the most that one ONNX file can hold
DYNAMIC = b"DynamicQuantizeLinear"
"""The operator that chooses a scale for all it is given, so for all the people of a batch."""

Array = NDArray[Any]
Shape = tuple[int | None, ...]
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output; None in `shape` is a dimension that each run may choose."""

    name: str
    shape: Shape
    dtype: type[Any]


@dataclass(frozen=True, slots=True)
class Device:
    """Where networks run: one thread of the CPU, or a GPU."""

    kind: str = "cpu"
    index: int = 0

    @property
    def providers(self) -> list[tuple[str, dict[str, Any]]]:
        if self.kind == "cpu":
            return [CPU]
        return [("CUDAExecutionProvider", {"device_id": self.index}), CPU]

    @classmethod
    def of(cls, parameters: Parameters, gpu: int | None = None) -> "Device":
        """From a model's parameters; `gpu` is the one that Triton placed it on, where it did."""
        kind = parameters.choice("device", "cpu" if gpu is None else "cuda", DEVICES)
        return cls(kind, parameters.integer("device_index", gpu or 0, high=63))

    @property
    def parallel(self) -> int:
        """Steps that are worth computing at once, one thread each."""
        return 1 if self.kind == "cuda" else min(len(os.sched_getaffinity(0)), MOST_THREADS)


class Network:
    """A session of onnxruntime over one file of a model's folder; may be run by several threads.

    `over_time`: it is large and has convolutions over time, which a CPU is given as images.
    `any_length`: its inputs have another length each time, for which no memory is kept.
    Raises InvalidArgument naming the file where it cannot be loaded, Unavailable without the GPU.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        device: Device,
        *,
        over_time: bool = False,
        any_length: bool = False,
    ) -> None:
        self.name = name
        file = regular_file(folder, name, MAX_BYTES)
        rewritten = as_images(folder, name) if over_time and device.kind == "cpu" else None
        options = _options(device)
        if any_length:
            take_any_length(options)
        self._session: Any = open_session(name, rewritten or str(file), options, device.providers)
        self.inputs = {each.name: _tensor(name, each) for each in self._session.get_inputs()}
        self.outputs = {each.name: _tensor(name, each) for each in self._session.get_outputs()}
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.alone = _contains(file, DYNAMIC)
        """Its results depend on what else is in the batch."""

    def __call__(
        self, inputs: Mapping[str, Array], outputs: Sequence[str] | None = None
    ) -> list[Array]:
        """The named outputs, or all in their order; raises Internal where the network fails."""
        return run(self._session, inputs, outputs)

    def integer(self, key: str) -> int:
        """A whole number of the metadata; raises InvalidArgument naming key and value."""
        return self._whole(key, self._value(key))

    def integers(self, key: str) -> list[int]:
        """A list of them, with commas between."""
        return [self._whole(key, part) for part in self._value(key).split(",")]

    def input(self, name: str, *shape: int | None) -> Tensor:
        """The input of this name, which must agree with `shape` where both say a number."""
        return self._checked("input", self.inputs, name, shape)

    def output(self, name: str, *shape: int | None) -> Tensor:
        """The output of this name, in the same way."""
        return self._checked("output", self.outputs, name, shape)

    def holds_several(self, *named: tuple[str, int]) -> bool:
        """Whether the batch axis of each of these inputs may have more than one.

        An export with a state of one person's size computes one person at a time.
        """
        return all(self.inputs[name].shape[axis] is None for name, axis in named)

    def _value(self, key: str) -> str:
        if key not in self.metadata:
            raise InvalidArgument(f"{self.name} has no metadata {key!r}")
        return self.metadata[key]

    def _whole(self, key: str, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise InvalidArgument(f"{self.name}: metadata {key} {text!r} is no number") from None
        if not 0 <= value < 1 << 20:
            raise InvalidArgument(f"{self.name}: metadata {key} {value} cannot be")
        return value

    def _checked(
        self, kind: str, there: Mapping[str, Tensor], name: str, expected: Shape
    ) -> Tensor:
        if name not in there:
            raise InvalidArgument(f"{self.name} has no {kind} {name!r} but {', '.join(there)}")
        found = there[name]
        if not agrees(found.shape, expected):
            raise InvalidArgument(
                f"{self.name}: {kind} {name} has the shape {shown(found.shape)}; "
                f"its metadata and the other networks ask for {shown(expected)}"
            )
        return found


def agrees(found: Shape, expected: Shape) -> bool:
    """Whether two shapes can be the same; an empty `expected` is any."""
    if not expected:
        return True
    pairs = zip(found, expected, strict=False)
    return len(found) == len(expected) and all(a is None or b is None or a == b for a, b in pairs)


def shown(shape: Shape) -> str:
    return "[" + ", ".join("N" if size is None else str(size) for size in shape) + "]"


def _tensor(file: str, found: Any) -> Tensor:
    if found.type not in TYPES:
        raise InvalidArgument(f"{file}: {found.name} has the type {found.type}")
    shape = tuple(size if isinstance(size, int) and size > 0 else None for size in found.shape)
    return Tensor(found.name, shape, TYPES[found.type])


def _options(device: Device) -> Any:
    import onnxruntime

    if device.kind == "cuda" and "CUDAExecutionProvider" not in (
        onnxruntime.get_available_providers()
    ):
        raise Unavailable("parameter device: this onnxruntime has no CUDA; use cpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return options


def _contains(file: Path, text: bytes) -> bool:
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        return raw.find(text) >= 0
