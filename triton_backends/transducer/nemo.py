"""NeMo's cache-aware FastConformer transducers, as sherpa-onnx's scripts and NeMo export them.

Metadata: sherpa-onnx's scripts/nemo/*/export_onnx.py. The graph drops the output of the first
frames of a window, which are there for the subsampling's sake; NeMo puts zeros before the first
window for that (`pad_and_drop_preencoded`), sherpa-onnx loses the first 90 ms.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.language_tags import primary_subtag
from triton_backends.shared.network import Network, Tensor
from triton_backends.transducer.encoder import check_rate, only, run_step
from triton_backends.transducer.features import Features
from triton_backends.transducer.search import Frames, Prediction
from triton_backends.transducer.states import State, StateTensor, initial

FrontEnd = Literal["nemo", "sherpa"]
AUDIO = "audio_signal"
CACHES = ("cache_last_channel", "cache_last_time")
CACHE_LENGTH, PROMPT = "cache_last_channel_len", "prompt_index"
AUTO_PROMPT = 101
MOST_SYMBOLS = 10
"""A frame, as NeMo and sherpa-onnx search."""
UNNORMALISED = ("", "NA")


class NemoEncoder:
    """The encoder; raises InvalidArgument on a mismatch.

    `front_end` is `nemo`, or `sherpa` for sherpa-onnx's features and first window.
    """

    def __init__(self, network: Network, front_end: FrontEnd = "nemo") -> None:
        self._network = network
        check_rate(network)
        if CACHES[0] not in network.inputs:
            raise InvalidArgument(f"{network.name} does not stream: it has no input {CACHES[0]}")
        normalised = network.metadata.get("normalize_type", "")
        if normalised not in UNNORMALISED:
            raise InvalidArgument(
                f"{network.name} wants features normalised over the whole recording "
                f"(normalize_type {normalised!r}), which is not known while somebody speaks"
            )
        self.window = self.covered = network.integer("window_size")
        self.shift = self.delay = network.integer("chunk_shift")
        self.subsampling = network.integer("subsampling_factor")
        if not 0 < self.shift <= self.window or not self.subsampling:
            raise InvalidArgument(
                f"{network.name}: chunk_shift {self.shift} does not go with window_size "
                f"{self.window} and subsampling_factor {self.subsampling}"
            )
        self.first_frame = self.shift - self.window if front_end == "nemo" else 0
        self._read_inputs(front_end)
        self.vocabulary = network.integer("vocab_size") + 1

    def _read_inputs(self, front_end: FrontEnd) -> None:
        network = self._network
        audio = network.input(AUDIO, None, None, None)
        mels = audio.shape[1] or network.integer("feat_dim")
        network.input(AUDIO, None, mels, self.window)
        self.features = Features("nemo" if front_end == "nemo" else "librosa", mels)
        self._audio, self._length = audio, network.input("length", None)
        self._output = only("output", network, network.outputs, 0)
        self._tensors = tuple(_state_tensors(network))
        self.prompts = Prompts(network) if PROMPT in network.inputs else None
        states = [(each.source, each.batch_axis) for each in self._tensors]
        if self.prompts:
            states.append((PROMPT, 0))
        self.batches = not network.alone and network.holds_several(
            (AUDIO, 0), ("length", 0), *states
        )

    @property
    def size(self) -> int | None:
        """Of an output frame, where the graph says it."""
        return self._output.shape[1] if len(self._output.shape) == 3 else None

    def start(self, language: str) -> State:
        prompt = self.prompts.of(language) if self.prompts else 0
        return (*initial(self._tensors), np.array([prompt], np.int64))

    def step(
        self, features: NDArray[np.float32], states: Sequence[State]
    ) -> list[tuple[NDArray[np.float32], State]]:
        prompts = [state[-1] for state in states]
        inputs = {
            AUDIO: features.transpose(0, 2, 1).astype(self._audio.dtype),
            "length": np.full(len(states), self.window, self._length.dtype),
        }
        if self.prompts:
            dtype = self._network.inputs[PROMPT].dtype
            inputs[PROMPT] = np.concatenate(prompts).astype(dtype)
        caches = [state[:-1] for state in states]
        found, after = run_step(self._network, inputs, self._output.name, self._tensors, caches)
        outputs = found.transpose(0, 2, 1)
        return [
            (output, (*cache, prompt))
            for output, cache, prompt in zip(outputs, after, prompts, strict=True)
        ]


class Prompts:
    """Which language is asked for, of networks that take it as a number."""

    def __init__(self, network: Network) -> None:
        text = network.metadata.get("prompt_dictionary", "{}")
        try:
            told = json.loads(text)
            numbers = {str(name): int(number) for name, number in dict(told).items()}
        except (ValueError, TypeError) as error:
            raise InvalidArgument(f"{network.name}: prompt_dictionary: {error}") from None
        known = {name.replace("_", "-").lower(): number for name, number in numbers.items()}
        fallback = network.metadata.get("auto_prompt_id", str(AUTO_PROMPT))
        if not fallback.isdecimal():
            raise InvalidArgument(f"{network.name}: auto_prompt_id {fallback!r} is no number")
        self._auto = known.pop("auto", int(fallback))
        self._known = known

    @property
    def languages(self) -> tuple[str, ...]:
        """The primary subtags it knows; empty where the file does not say."""
        return tuple(dict.fromkeys(primary_subtag(name) for name in self._known))

    def of(self, language: str) -> int:
        """The number of a BCP-47 tag, of any place where that language is spoken otherwise."""
        tag = language.replace("_", "-").lower()
        if not tag or not self._known:
            return self._auto
        if tag in self._known:
            return self._known[tag]
        primary = primary_subtag(tag)
        for name, number in self._known.items():
            if primary_subtag(name) == primary:
                return number
        raise InvalidArgument(
            f"LANGUAGE {language!r}: this model understands {', '.join(self.languages)}"
        )


class RecurrentPredictor:
    """The prediction network, an LSTM, and the joiner; tensors by place, names vary."""

    def __init__(
        self, decoder: Network, joiner: Network, blank: int, layers: int, hidden: int
    ) -> None:
        self._decoder, self._joiner, self._blank = decoder, joiner, blank
        inputs, outputs = list(decoder.inputs.values()), list(decoder.outputs.values())
        if len(inputs) != len(outputs) or len(inputs) < 3:
            raise InvalidArgument(
                f"{decoder.name} has {len(inputs)} inputs and {len(outputs)} outputs, which are no "
                "tokens, their number and states"
            )
        self._targets, self._count, *self._states = inputs
        for state in self._states:
            decoder.input(state.name, layers, None, hidden)
        self._shape = (layers, 1, hidden)
        logits = only("output", joiner, joiner.outputs, 0)
        joiner.output(logits.name, *[None] * (len(logits.shape) - 1), blank + 1)
        self._names = [only("input", joiner, joiner.inputs, place).name for place in (0, 1)]

    def start(self) -> Prediction:
        zeros = [np.zeros(self._shape, state.dtype) for state in self._states]
        return self._predict(self._blank, zeros)

    def after(self, prediction: Prediction, token: int) -> Prediction:
        return self._predict(token, prediction.state)

    def logits(self, frame: Frames, prediction: Prediction) -> Frames:
        inputs = dict(zip(self._names, (frame[None, :, None], prediction.output), strict=True))
        found: Frames = self._joiner(inputs)[0].reshape(-1).astype(np.float32, copy=False)
        return found

    def _predict(self, token: int, states: Sequence[NDArray[np.float32]]) -> Prediction:
        given: list[NDArray[np.generic]] = [
            np.array([[token]], self._targets.dtype),
            np.array([1], self._count.dtype),
            *states,
        ]
        names = [self._targets.name, self._count.name, *(state.name for state in self._states)]
        output, _, *after = self._decoder(dict(zip(names, given, strict=True)))
        return Prediction(output, after)


def _state_tensors(network: Network) -> Iterator[StateTensor]:
    """The caches by name, their next values by place: exports name those differently."""
    for place, name in enumerate((*CACHES, CACHE_LENGTH), start=2):
        found = network.input(name)
        target = only("output", network, network.outputs, place).name
        if name == CACHE_LENGTH:
            yield StateTensor(name, target, (1,), 0, found.dtype)
        else:
            sizes = tuple(network.integer(f"{name}_dim{axis}") for axis in (1, 2, 3))
            axis = _batch_axis(network, found, sizes)
            shape = (*sizes[:axis], 1, *sizes[axis:])
            yield StateTensor(name, target, shape, axis, found.dtype)


def _batch_axis(network: Network, found: Tensor, sizes: tuple[int, ...]) -> int:
    """0 in sherpa-onnx's exports, 1 in others, whose first axis is the layer."""
    for axis in (0, 1):
        rest = (*sizes[:axis], None, *sizes[axis:])
        batch = found.shape[axis] if len(found.shape) == len(rest) else 0
        if batch in (None, 1) and all(
            a is None or b is None or a == b for a, b in zip(found.shape, rest, strict=True)
        ):
            return axis
    network.input(found.name, None, *sizes)  # names both shapes
    return 0
