"""Several requests of one engine, computed a piece of each in turn."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def in_turn(streams: Sequence[Iterator[Any]]) -> list[NDArray[Any]]:
    """The audio of each stream of chunks, one chunk of each after the other, all to their end."""
    heard: list[list[NDArray[Any]]] = [[] for _ in streams]
    open_ones = list(range(len(streams)))
    while open_ones:
        for index in list(open_ones):
            chunk = next(streams[index], None)
            if chunk is None:
                open_ones.remove(index)
            else:
                heard[index].append(chunk.pcm)
    return [np.concatenate(pieces) for pieces in heard]
