"""A speaker network of ONNX over features that are computed here.

One input FP32 [batch, frames, mels], one output FP32 [batch, size]: WeSpeaker's exports (`feats`,
`embs`), 3D-Speaker's (`feature`, `embedding`) and those of sherpa-onnx, which say in their metadata
how the samples were scaled (`normalize_samples`) and how features are normalised.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.network import Device, Network, Tensor, shown
from triton_backends.shared.parameters import Parameters
from triton_backends.speaker_embedding.features import Features, Recipe, Window

MEAN = "global-mean"
SIZES = range(16, 4097)
MELS = range(20, 129)
WINDOWS = ("auto", "hamming", "povey")
TRIED_SECONDS = 1


class SpeakerEngine:
    """Computes one vector at a time."""

    def __init__(self, network: Network, window: str = "auto") -> None:
        """Raises InvalidArgument naming what of the network is not as the module says."""
        self._network = network
        self._input = _only(network, "input", network.inputs)
        self._output = _only(network, "output", network.outputs)
        mels = _last(network, "input", self._input, 3, MELS)
        self.size = _last(network, "output", self._output, 2, SIZES)
        if self._input.shape[1] is not None:
            raise InvalidArgument(
                f"{network.name}: input {self._input.name} {shown(self._input.shape)} takes pieces "
                "of one length only"
            )
        self._features = Features(_recipe(network, self._input.name, mels, window))

    def embedding(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """[size] float32 of length 1, of int16 16 kHz mono audio.

        Raises InvalidArgument where there is no audio, Internal where the network gives no vector.
        """
        if not pcm.size:
            raise InvalidArgument("AUDIO is empty")
        features = self._features(pcm)[None].astype(self._input.dtype)
        found = self._network({self._input.name: features}, [self._output.name])[0]
        vector = np.ravel(found).astype(np.float32)
        length = float(np.linalg.norm(vector))
        if vector.size != self.size or not np.isfinite(length):
            raise Internal(f"the network gave {vector.size} numbers of length {length}")
        return vector / length if length > 0 else vector

    def close(self) -> None:
        """Nothing to free."""


def load_engine(parameters: Parameters, folder: Path, gpu: int | None = None) -> SpeakerEngine:
    """The engine of the one network in the voicepack, once tried."""
    place = folder / parameters.text("voicepack", "voicepack")
    names = sorted(path.name for path in place.glob("*.onnx"))
    if len(names) != 1:
        raise InvalidArgument(f"{place} must hold one .onnx file, not {len(names)}")
    network = Network(place, names[0], Device.of(parameters, gpu), any_length=True)
    engine = SpeakerEngine(network, parameters.choice("window", "auto", WINDOWS))
    noise = np.random.default_rng(0).normal(0, 200, TRIED_SECONDS * 16_000).astype(np.int16)
    engine.embedding(noise)
    return engine


def _only(network: Network, kind: str, there: dict[str, Tensor]) -> Tensor:
    if len(there) != 1:
        raise InvalidArgument(
            f"{network.name} has {len(there)} {kind}s ({', '.join(there)}), not one"
        )
    (found,) = there.values()
    if found.dtype not in (np.float32, np.float16):
        raise InvalidArgument(f"{network.name}: {kind} {found.name} is of {found.dtype.__name__}")
    return found


def _last(network: Network, kind: str, tensor: Tensor, rank: int, allowed: range) -> int:
    """The size of the last axis; an output may leave it open, and its metadata then says it."""
    size = tensor.shape[-1] if len(tensor.shape) == rank else None
    if size is None and kind == "output" and len(tensor.shape) == rank:
        size = network.integer("output_dim")
    if size is None or size not in allowed:
        raise InvalidArgument(
            f"{network.name}: {kind} {tensor.name} has the shape {shown(tensor.shape)}, not "
            f"{'[N, N, mels]' if rank == 3 else '[N, size]'} with {allowed[0]} to {allowed[-1]}"
        )
    return size


def _recipe(network: Network, name: str, mels: int, window: str) -> Recipe:
    told = network.metadata
    normalised = told.get("feature_normalize_type", MEAN) or MEAN
    if normalised != MEAN:
        raise InvalidArgument(
            f"{network.name}: metadata feature_normalize_type {normalised!r} is not {MEAN!r}"
        )
    if (rate := told.get("sample_rate", "16000")) != "16000":
        raise InvalidArgument(f"{network.name}: metadata sample_rate {rate!r} is not 16000")
    wespeaker = name == "feats" or told.get("framework", "").lower() == "wespeaker"
    usual: Window = "hamming" if wespeaker else "povey"
    chosen: Window = "hamming" if window == "hamming" else "povey"
    unit = told.get("normalize_samples", "0" if wespeaker else "1") == "1"
    return Recipe(mels, usual if window == "auto" else chosen, unit_range=unit)
