"""What the core asks of an encoder, whatever network is behind it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_RATE
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.network import Array, Network, Tensor
from triton_backends.transducer.features import FRAME_MS, Features
from triton_backends.transducer.states import State, StateTensor, joined, parted

RATES = ("sample_rate", "sampling_rate", "samplerate", "samp_freq", "sample_frequency")
"""Under which exports write the rate of their audio, where they do."""


class Encoder(Protocol):
    """Takes `window` frames of features a step and moves on by `shift`.

    The first window begins at frame `first_frame`. One beginning at frame p has heard everything up
    to frame p + `covered`; the first of its output frames is number
    (p - `first_frame`) / `subsampling`. `delay` is how many frames of features after a sound its
    token may come. `batches`: several people may share a run without changing each other's results.
    """

    features: Features
    window: int
    shift: int
    covered: int
    subsampling: int
    first_frame: int
    delay: int
    batches: bool

    def start(self, language: str) -> State:
        """The state before any audio; raises InvalidArgument for a language it does not know."""
        ...

    def step(
        self, features: NDArray[np.float32], states: Sequence[State]
    ) -> list[tuple[NDArray[np.float32], State]]:
        """One step of several people: features [people, window, mels].

        Gives each one's output [frames, size] and next state.
        """
        ...


def output_ms(encoder: Encoder) -> int:
    """Between two frames of the encoder's output."""
    return encoder.subsampling * FRAME_MS


def run_step(
    network: Network,
    inputs: dict[str, Array],
    output: str,
    tensors: Sequence[StateTensor],
    states: Sequence[State],
) -> tuple[NDArray[np.float32], list[State]]:
    """One run of an encoder: the named output in float32, and each person's next state."""
    wanted = [output, *(each.target for each in tensors)]
    found = network({**inputs, **joined(tensors, states)}, wanted)
    return found[0].astype(np.float32, copy=False), parted(tensors, found[1:], len(states))


def check_rate(network: Network) -> None:
    """Raises InvalidArgument where the file says that its audio is not at 16 kHz."""
    for key in RATES:
        if key in network.metadata and (rate := network.integer(key)) != ASR_RATE:
            raise InvalidArgument(
                f"{network.name} is made for audio at {rate} Hz; recognisers are given {ASR_RATE}"
            )


def only(kind: str, network: Network, tensors: dict[str, Tensor], place: int) -> Tensor:
    """An input or output by its place, for networks whose exports name it differently."""
    named = list(tensors.values())
    if place >= len(named):
        raise InvalidArgument(f"{network.name} has {len(named)} {kind}s, not {place + 1} or more")
    return named[place]
