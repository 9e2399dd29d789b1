"""What an utterance asks of an encoder, whichever of Moonshine's it is, and the earlier one."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_RATE
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.network import Network

Sound = NDArray[np.float32]
"""Samples in -1 to 1 at 16 kHz: [samples]."""
Memory = NDArray[np.float32]
"""What the decoder attends to: [1, frames, size]."""


class AudioEncoder(Protocol):
    """States are immutable: one that was padded is thrown away and the earlier one goes on."""

    step: int
    """Samples that are taken at once, or a multiple of them."""
    frame_ms: float
    """Sound that a frame of the memory stands for."""

    def start(self) -> Any:
        """The state before any sound."""
        ...

    def hear(self, state: Any, sound: Sound) -> Any:
        """The state after more sound."""
        ...

    def listen(self, state: Any, *, last: bool) -> tuple[Memory, Any]:
        """The memory of what was heard, and the state that has it.

        `last`: nothing follows, so that its end counts too.
        """
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """The sound of a window, all of it."""

    sound: Sound


class WholeEncoder:
    """Moonshine's first models: the window is encoded anew each time it has grown."""

    step = 1
    frame_ms = 64 * 3 * 2 * 1000 / ASR_RATE  # the strides of its convolutions
    LEAST = ASR_RATE // 4
    """Samples: a shorter window is padded, for its convolutions need about 60 ms."""

    def __init__(self, network: Network) -> None:
        inputs = list(network.inputs.values())
        if not inputs or len(inputs[0].shape) != 2 or inputs[0].dtype is not np.float32:
            raise InvalidArgument(f"{network.name} does not take samples: [N, samples] in float")
        self._network = network
        self._sound = inputs[0]
        self._mask = inputs[1] if len(inputs) > 1 else None
        """Newer exports want to know which samples count: all."""
        self._output = next(iter(network.outputs.values()))
        if len(self._output.shape) != 3:
            raise InvalidArgument(f"{network.name}: {self._output.name} is not [N, frames, size]")

    def start(self) -> Whole:
        return Whole(np.zeros(0, np.float32))

    def hear(self, state: Whole, sound: Sound) -> Whole:
        return Whole(np.concatenate([state.sound, sound]))

    def listen(self, state: Whole, *, last: bool) -> tuple[Memory, Whole]:
        del last  # the whole window is attended to either way
        sound = state.sound
        if sound.size < self.LEAST:
            sound = np.pad(sound, (0, self.LEAST - sound.size))
        inputs = {self._sound.name: sound[None]}
        if self._mask is not None:
            inputs[self._mask.name] = np.ones(inputs[self._sound.name].shape, self._mask.dtype)
        return self._network(inputs, [self._output.name])[0], state
