"""The three networks of a voice: their interface, and the one that runs them in this process."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.piper.cut import CutVoice
from triton_backends.shared.errors import Internal
from triton_backends.shared.onnx_session import cores_used, open_session, run, window_options

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
    """Runs the parts; each call blocks and may come from several threads at once.

    `urgent`: a clause's first audio, while no other clause computes.
    """

    def text(
        self, ids: NDArray[np.int64], scales: Array, speaker: int | None, *, urgent: bool = False
    ) -> Prepared: ...

    def flow(
        self, latent: Array, mask: Array, speaker: Array | None, *, urgent: bool = False
    ) -> Array: ...

    def decoder(self, decoded: Array, speaker: Array | None, *, urgent: bool = False) -> Array: ...

    def close(self) -> None: ...


class InlineNetworks:
    """Sessions of onnxruntime in this process.

    What is urgent runs on all cores, the rest on half of them: that has time until the audio before
    it has been played, and leaves the other half to clauses, recognisers and language models.
    onnxruntime fixes the threads of a session when it is made, so each network has two.
    """

    def __init__(self, voice: CutVoice, threads: int = 0) -> None:
        self._voice = voice.without_models()
        some = every = Sessions(voice, threads)
        if not threads and cores_used(all_cores=True) > cores_used():
            every = Sessions(voice, threads, all_cores=True)
        self._sessions: tuple[Sessions, Sessions] | None = (some, every)

    def text(
        self, ids: NDArray[np.int64], scales: Array, speaker: int | None, *, urgent: bool = False
    ) -> Prepared:
        return Prepared(*run(self._chosen(urgent).text, text_inputs(ids, scales, speaker)))

    def flow(
        self, latent: Array, mask: Array, speaker: Array | None, *, urgent: bool = False
    ) -> Array:
        inputs = {self._voice.latent: latent, self._voice.mask: mask}
        return run(self._chosen(urgent).flow, self._with_speaker(inputs, speaker))[0]

    def decoder(self, decoded: Array, speaker: Array | None, *, urgent: bool = False) -> Array:
        inputs = self._with_speaker({self._voice.decoded: decoded}, speaker)
        return run(self._chosen(urgent).decoder, inputs)[0].reshape(-1)

    def close(self) -> None:
        self._sessions = None

    def _chosen(self, urgent: bool) -> "Sessions":
        if self._sessions is None:
            raise Internal("the networks are closed")
        return self._sessions[urgent]

    def _with_speaker(self, inputs: dict[str, Array], speaker: Array | None) -> dict[str, Array]:
        return inputs if speaker is None else {**inputs, self._voice.speaker: speaker}


class Sessions:
    """A session for each of the three networks."""

    def __init__(self, voice: CutVoice, threads: int, *, all_cores: bool = False) -> None:
        self.text = make_session(voice.text, threads, all_cores=all_cores)
        self.flow = make_session(voice.flow, threads, all_cores=all_cores)
        self.decoder = make_session(voice.decoder, threads, all_cores=all_cores)


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


def make_session(model: bytes, threads: int, *, all_cores: bool = False) -> Any:
    """A session of onnxruntime; for `threads` see window_options. Raises InvalidArgument."""
    return open_session("the network", model, window_options(threads, all_cores=all_cores))
