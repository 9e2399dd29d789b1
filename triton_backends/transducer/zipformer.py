"""Streaming Zipformer 2 as icefall exports it: a transducer in three files, or CTC in one.

Names, shapes and metadata: icefall's egs/librispeech/ASR/zipformer/export-onnx-streaming.py and
export-onnx-streaming-ctc.py. The batch is axis 1 of the first four states of a layer, else axis 0.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.network import Network
from triton_backends.transducer.encoder import check_rate, only, run_step
from triton_backends.transducer.features import Features
from triton_backends.transducer.search import Frames, Prediction
from triton_backends.transducer.states import State, StateTensor, initial

MODEL_TYPE = "zipformer2"
SUBSAMPLING = 4
EMBED_CHANNELS, EMBED_FRAMES = 128, 3
DELAY = 32
"""Frames: tokens come up to about 0.3 s after their sound."""


class ZipformerEncoder:
    """The encoder, or the whole network of a CTC model; raises InvalidArgument on a mismatch."""

    subsampling = SUBSAMPLING
    first_frame = 0

    def __init__(self, network: Network) -> None:
        self._network = network
        check_rate(network)
        kind = network.metadata.get("model_type", "")
        if kind != MODEL_TYPE:
            raise InvalidArgument(f"{network.name}: model_type {kind!r} is not {MODEL_TYPE!r}")
        if "cached_key_0" not in network.inputs:
            raise InvalidArgument(f"{network.name} does not stream: it has no input cached_key_0")
        if feature := network.metadata.get("feature", ""):
            raise InvalidArgument(f"{network.name} wants features of {feature}, not Kaldi's")
        self.window = network.integer("T")
        self.shift = self.covered = network.integer("decode_chunk_len")
        if not 0 < self.shift <= self.window or self.shift % SUBSAMPLING:
            raise InvalidArgument(
                f"{network.name}: decode_chunk_len {self.shift} does not go with T {self.window}"
            )
        audio = network.input("x", None, self.window, None)
        self.features = Features("kaldi", audio.shape[2] or 80)
        self._dtype = audio.dtype
        self._tensors = tuple(_state_tensors(network, self.features.mels))
        self.output = only("output", network, network.outputs, 0)
        if len(self.output.shape) != 3 or self.output.shape[2] is None:
            raise InvalidArgument(f"{network.name}: {self.output.name} has no known size")
        self.delay = min(self.shift, DELAY)
        states = ((each.source, each.batch_axis) for each in self._tensors)
        self.batches = not network.alone and network.holds_several(("x", 0), *states)

    @property
    def size(self) -> int:
        """Of an output frame: the joiner's size, or with CTC the vocabulary."""
        return self.output.shape[2] or 0

    def start(self, _language: str) -> State:
        return initial(self._tensors)

    def step(
        self, features: NDArray[np.float32], states: Sequence[State]
    ) -> list[tuple[NDArray[np.float32], State]]:
        inputs = {"x": features.astype(self._dtype, copy=False)}
        found, after = run_step(self._network, inputs, self.output.name, self._tensors, states)
        return list(zip(found, after, strict=True))


class StatelessPredictor:
    """A decoder that sees the last few tokens, and the joiner.

    The first context is -1 and then the blank, as in sherpa-onnx; the decoder masks what is
    negative.
    """

    def __init__(self, decoder: Network, joiner: Network, size: int) -> None:
        self._decoder, self._joiner = decoder, joiner
        self._context = decoder.integer("context_size")
        y = only("input", decoder, decoder.inputs, 0)
        self._y = decoder.input(y.name, None, self._context)
        decoder.output(only("output", decoder, decoder.outputs, 0).name, None, size)
        self._names = [only("input", joiner, joiner.inputs, place).name for place in (0, 1)]
        for name in self._names:
            joiner.input(name, None, size)
        logits = only("output", joiner, joiner.outputs, 0)
        self.vocabulary = decoder.integer("vocab_size")
        joiner.output(logits.name, None, self.vocabulary)
        self._dtypes = [joiner.inputs[name].dtype for name in self._names]

    def start(self) -> Prediction:
        return self._predict((-1,) * (self._context - 1) + (0,))

    def after(self, prediction: Prediction, token: int) -> Prediction:
        context: tuple[int, ...] = prediction.state
        return self._predict((*context[1:], token))

    def logits(self, frame: Frames, prediction: Prediction) -> Frames:
        given = (frame[None], prediction.output)
        inputs = {
            name: array.astype(dtype, copy=False)
            for name, array, dtype in zip(self._names, given, self._dtypes, strict=True)
        }
        found: Frames = self._joiner(inputs)[0][0].astype(np.float32, copy=False)
        return found

    def _predict(self, context: tuple[int, ...]) -> Prediction:
        y = np.array([context], self._y.dtype)
        return Prediction(self._decoder({self._y.name: y})[0], context)


def _state_tensors(network: Network, mels: int) -> Iterator[StateTensor]:
    """Every state by its name, in the shape of the metadata, checked against the graph."""
    for name, shape, axis in _expected_states(network, mels):
        graph_shape = (*shape[:axis], None, *shape[axis + 1 :])
        found = network.input(name, *graph_shape)
        network.output(f"new_{name}", *graph_shape)
        yield StateTensor(name, f"new_{name}", shape, axis, found.dtype)


def _expected_states(network: Network, mels: int) -> Iterator[tuple[str, tuple[int, ...], int]]:
    layer = 0
    for stack in zip(*_stacks(network), strict=True):
        layers, dim, kernel, left, query, value, heads = stack
        for _ in range(layers):
            yield f"cached_key_{layer}", (left, 1, query * heads), 1
            yield f"cached_nonlin_attn_{layer}", (1, 1, left, 3 * dim // 4), 1
            yield f"cached_val1_{layer}", (left, 1, value * heads), 1
            yield f"cached_val2_{layer}", (left, 1, value * heads), 1
            yield f"cached_conv1_{layer}", (1, dim, kernel // 2), 0
            yield f"cached_conv2_{layer}", (1, dim, kernel // 2), 0
            layer += 1
    yield "embed_states", (1, EMBED_CHANNELS, EMBED_FRAMES, ((mels - 1) // 2 - 1) // 2), 0
    yield "processed_lens", (1,), 0


def _stacks(network: Network) -> list[list[int]]:
    keys = (
        *("num_encoder_layers", "encoder_dims", "cnn_module_kernels", "left_context_len"),
        *("query_head_dims", "value_head_dims", "num_heads"),
    )
    lists = [network.integers(key) for key in keys]
    for key, numbers in zip(keys, lists, strict=True):
        if len(numbers) != len(lists[0]):
            raise InvalidArgument(
                f"{network.name}: metadata {key} has {len(numbers)} numbers, "
                f"{keys[0]} {len(lists[0])}"
            )
    return lists
