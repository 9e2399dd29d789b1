"""The network in its three parts, run by onnxruntime in this process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.kokoro.split import Splitter
from triton_backends.kokoro.vocabulary import EDGE
from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.onnx_file import STANDARD_DOMAINS, read_model
from triton_backends.shared.onnx_session import open_session, run, window_options

SAMPLE_RATE = 24_000
FRAME = 600
"""Samples of a frame, 25 ms: the unit of durations."""
MAX_THREADS = 64
DOMAINS = STANDARD_DOMAINS | {"com.microsoft"}
"""The released int8 file has operators of onnxruntime's own."""
_TYPES = {"tensor(float)": 1, "tensor(int32)": 6, "tensor(int64)": 7, "tensor(bool)": 9}
"""How onnxruntime writes a type -> its number in ONNX."""

Array = NDArray[np.float32]
Frames = NDArray[np.int64]
PER_FRAME = 2
"""Numbers of pitch, and of energy, for each frame."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sentence before its melody: frames of each token, and what later parts are given."""

    durations: Frames
    given: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Melody:
    """Pitch and energy of a sentence, [1, 2 * frames], for frames of each token."""

    frames: Frames
    pitch: Array
    energy: Array


class Network:
    """All parts; each call blocks and may come from several threads at once."""

    def __init__(self, file: Path, threads: int = 0) -> None:
        splitter = Splitter(file.name, read_model(file, DOMAINS))
        # Half a second of a core and more for a second of speech.
        options = window_options(threads, all_cores=True)
        self._names = splitter.names
        self._text: Any = open_session(file.name, splitter.text_part(), options)
        kinds = {each.name: self._kind(each) for each in self._text.get_outputs()}
        melody, speech = splitter.melody_part(kinds), splitter.speech_part(kinds)
        del splitter
        self._melody: Any = open_session(file.name, melody, options)
        self._speech: Any = open_session(file.name, speech, options)

    def prepare(self, ids: NDArray[np.int64], style: Array, speed: float) -> Prepared:
        """The part that needs the whole sentence: `ids` [n] without edges, `style` [256]."""
        names = self._names
        inputs: dict[str, NDArray[Any]] = {
            names.tokens: np.concatenate([[EDGE], ids, [EDGE]]).astype(np.int64).reshape(1, -1),
            names.style: style.reshape(1, -1).astype(np.float32),
            names.speed: np.array([speed], np.float32),
        }
        durations, *carried = run(self._text, inputs, [names.durations, *names.carried])
        flat = np.rint(durations.reshape(-1)).astype(np.int64)
        given = dict(zip(names.carried, carried, strict=True)) | {names.durations: durations}
        return Prepared(flat, given)

    def melody(self, prepared: Prepared, frames: Frames) -> Melody:
        """Pitch and energy of a sentence whose tokens have these frames."""
        names = self._names
        inputs = prepared.given | {names.durations: self._like(prepared, frames)}
        pitch, energy = run(self._melody, inputs, [names.pitch, names.energy])
        shape = (1, PER_FRAME * int(frames.sum()))
        if pitch.shape != shape or energy.shape != shape:
            raise Internal(f"the network's pitch has the shape {pitch.shape}, not {shape}")
        return Melody(frames, pitch, energy)

    def speak(self, prepared: Prepared, melody: Melody, frames: Frames, start: int) -> Array:
        """Audio, FRAME samples for each of `frames`, which begin at frame `start` of the melody."""
        names, count = self._names, int(frames.sum())
        part = slice(PER_FRAME * start, PER_FRAME * (start + count))
        inputs = prepared.given | {
            names.durations: self._like(prepared, frames),
            names.pitch: melody.pitch[:, part],
            names.energy: melody.energy[:, part],
        }
        audio = run(self._speech, inputs, [names.audio])[0].reshape(-1)
        if audio.size < count * FRAME:
            raise Internal(f"the network gave {audio.size} samples for {count} frames")
        return audio[: count * FRAME]

    def _like(self, prepared: Prepared, frames: Frames) -> NDArray[Any]:
        own = prepared.given[self._names.durations]
        return frames.astype(own.dtype).reshape(own.shape)

    def close(self) -> None:
        self._text = self._melody = self._speech = None

    def _kind(self, value: Any) -> int:
        if value.type not in _TYPES:
            raise InvalidArgument(f"{value.name} has the type {value.type}")
        return _TYPES[value.type]
