"""The three networks of a voice: their interface, and the one that runs them in this process."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.piper.cut import CutVoice
from triton_backends.shared.onnx_session import open_session, run, window_options

Array = NDArray[np.float32]
MAX_THREADS = 64


@dataclass(frozen=True, slots=True)
class Prepared:
    """The output of the text network: `latent` [1, channels, frames], `mask` [1, 1, frames].

    `durations` are the frames of each id.
    """

    latent: Array
    mask: Array
    durations: Array
    speaker: Array | None = None

    @property
    def frames(self) -> int:
        return int(self.latent.shape[2])


class Networks(Protocol):
    """Runs the parts; each call blocks and may come from several threads at once."""

    def text(self, ids: NDArray[np.int64], scales: Array, speaker: int | None) -> Prepared: ...

    def flow(self, latent: Array, mask: Array, speaker: Array | None) -> Array: ...

    def decoder(self, decoded: Array, speaker: Array | None) -> Array: ...

    def close(self) -> None: ...


class InlineNetworks:
    """Sessions of onnxruntime in this process."""

    def __init__(self, voice: CutVoice, threads: int = 0) -> None:
        self._voice = voice
        self._text: Any = make_session(voice.text, threads)
        self._flow: Any = make_session(voice.flow, threads)
        self._decoder: Any = make_session(voice.decoder, threads)

    def text(self, ids: NDArray[np.int64], scales: Array, speaker: int | None) -> Prepared:
        return Prepared(*run(self._text, text_inputs(ids, scales, speaker)))

    def flow(self, latent: Array, mask: Array, speaker: Array | None) -> Array:
        inputs = {self._voice.latent: latent, self._voice.mask: mask}
        return run(self._flow, self._with_speaker(inputs, speaker))[0]

    def decoder(self, decoded: Array, speaker: Array | None) -> Array:
        inputs = self._with_speaker({self._voice.decoded: decoded}, speaker)
        return run(self._decoder, inputs)[0].reshape(-1)

    def close(self) -> None:
        self._text = self._flow = self._decoder = None

    def _with_speaker(self, inputs: dict[str, Array], speaker: Array | None) -> dict[str, Array]:
        return inputs if speaker is None else {**inputs, self._voice.speaker: speaker}


def text_inputs(
    ids: NDArray[np.int64], scales: Array, speaker: int | None
) -> dict[str, NDArray[Any]]:
    """The inputs of a whole Piper network, and of its first part."""
    inputs: dict[str, NDArray[Any]] = {
        "input": ids.reshape(1, -1),
        "input_lengths": np.array([ids.size], np.int64),
        "scales": scales,
    }
    if speaker is not None:
        inputs["sid"] = np.array([speaker], np.int64)
    return inputs


def make_session(model: bytes, threads: int) -> Any:
    """A session of onnxruntime; 0 threads: one for each core. Raises InvalidArgument."""
    return open_session("the network", model, window_options(threads))
