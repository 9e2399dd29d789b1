"""The network in its two parts, run by onnxruntime in this process."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.kokoro.split import Splitter
from triton_backends.kokoro.vocabulary import EDGE
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.onnx_file import STANDARD_DOMAINS, read_model
from triton_backends.shared.onnx_session import open_session, run

SAMPLE_RATE = 24_000
FRAME = 600
"""Samples of a frame, 25 ms: the unit of durations."""
MAX_THREADS = 64
DOMAINS = STANDARD_DOMAINS | {"com.microsoft"}
"""The released int8 file has operators of onnxruntime's own."""
_TYPES = {"tensor(float)": 1, "tensor(int32)": 6, "tensor(int64)": 7, "tensor(bool)": 9}
"""How onnxruntime writes a type -> its number in ONNX."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sentence before its audio: frames of each token, and what the second part is given."""

    durations: NDArray[np.int64]
    carried: dict[str, NDArray[Any]]


class Network:
    """Both parts; each call blocks and may come from several threads at once."""

    def __init__(self, file: Path, threads: int = 0) -> None:
        splitter = Splitter(file.name, read_model(file, DOMAINS))
        self._names = splitter.names
        self._text: Any = open_session(file.name, splitter.text_part(), _options(threads))
        kinds = {each.name: self._kind(each) for each in self._text.get_outputs()}
        speech = splitter.speech_part(kinds)
        del splitter
        self._speech: Any = open_session(file.name, speech, _options(threads))

    def prepare(self, ids: NDArray[np.int64], style: Array, speed: float) -> Prepared:
        """The part that needs the whole sentence: `ids` [n] without edges, `style` [256]."""
        names = self._names
        inputs = {
            names.tokens: np.concatenate([[EDGE], ids, [EDGE]]).astype(np.int64).reshape(1, -1),
            names.style: style.reshape(1, -1).astype(np.float32),
            names.speed: np.array([speed], np.float32),
        }
        durations, *carried = run(self._text, inputs, [names.durations, *names.carried])
        flat = np.rint(durations.reshape(-1)).astype(np.int64)
        return Prepared(
            flat,
            dict(zip(names.carried, carried, strict=True)) | {names.durations: durations},
        )

    def speak(self, prepared: Prepared, frames: NDArray[np.int64]) -> Array:
        """Audio of FRAME samples for each of `frames`, which each token has so many of."""
        given = prepared.carried[self._names.durations]
        kept = frames.astype(given.dtype).reshape(given.shape)
        inputs = prepared.carried | {self._names.durations: kept}
        audio = run(self._speech, inputs, [self._names.audio])[0].reshape(-1)
        wanted = int(frames.sum()) * FRAME
        if audio.size < wanted:
            raise InvalidArgument(
                f"the network gave {audio.size} samples for {frames.sum()} frames, not {wanted}"
            )
        return audio[:wanted]

    def close(self) -> None:
        self._text = self._speech = None

    def _kind(self, value: Any) -> int:
        if value.type not in _TYPES:
            raise InvalidArgument(f"{value.name} has the type {value.type}")
        return _TYPES[value.type]


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(os.cpu_count() or 1, MAX_THREADS)
    options.inter_op_num_threads = 1
    # Threads spin between the nodes of one run, and not after it, where they take the core from
    # other sessions.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Every window has another shape, so memory planned for one is never used again.
    options.enable_mem_pattern = False
    return options
