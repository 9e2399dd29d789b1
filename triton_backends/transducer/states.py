"""The state of an encoder: arrays that each step replaces, one person's or a batch's.

A step never writes into the arrays it is given, so a copy of a state is the same arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from triton_backends.shared.network import Array

State = tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class StateTensor:
    """One array of a state: the input that takes it, the output that gives the next one.

    `shape` is that of one person, whose axis `batch_axis` is 1.
    """

    source: str
    target: str
    shape: tuple[int, ...]
    batch_axis: int
    dtype: type[Any] = np.float32


def initial(tensors: Sequence[StateTensor]) -> State:
    """The state before any audio: zeros."""
    return tuple(np.zeros(each.shape, each.dtype) for each in tensors)


def joined(tensors: Sequence[StateTensor], states: Sequence[State]) -> dict[str, Array]:
    """The states of several people as inputs of one run."""
    if len(states) == 1:
        return dict(zip((each.source for each in tensors), states[0], strict=True))
    return {
        each.source: np.concatenate([state[place] for state in states], axis=each.batch_axis)
        for place, each in enumerate(tensors)
    }


def parted(tensors: Sequence[StateTensor], arrays: Sequence[Array], count: int) -> list[State]:
    """The states of `count` people again.

    Copies, because a view of one person's part would keep the whole batch in memory.
    """
    if count == 1:
        return [tuple(arrays)]
    split = [
        np.split(array, count, axis=each.batch_axis)
        for each, array in zip(tensors, arrays, strict=True)
    ]
    return [tuple(parts[place].copy() for parts in split) for place in range(count)]
