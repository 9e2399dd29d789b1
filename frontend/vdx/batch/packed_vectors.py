"""Vectors of length 1 in a quarter of their memory: a recording of hours has tens of thousands."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vdx.batch.clustering import Vectors

Packed = NDArray[np.int8]
"""[size]: a vector times what makes its largest element 127; its length says nothing."""


def packed(vector: Vectors) -> Packed:
    """A vector [size] in steps of 1/127 of its largest element: the cosine of any two moves by
    less than 0.01."""
    most = float(np.abs(vector).max(initial=0.0))
    return np.asarray(np.rint(vector * (127 / most if most else 0.0)), np.int8)


def unpacked(vectors: Sequence[Packed]) -> Vectors:
    """Vectors [n, size] of length 1, as they were packed; one of zeros stays zeros."""
    found = np.stack(vectors).astype(np.float32)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, 1e-9), np.float32)
