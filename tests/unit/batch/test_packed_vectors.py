"""Vectors of voices in a quarter of their memory."""

import numpy as np
import pytest

from vdx.batch.packed_vectors import packed, unpacked


@pytest.mark.parametrize("size", [2, 192, 512])
def test_likenesses_stay_what_they_were(size: int) -> None:
    vectors = np.random.default_rng(5).normal(0, 1, (200, size)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kept = [packed(vector) for vector in vectors]
    assert all(each.dtype == np.int8 for each in kept)
    again = unpacked(kept)
    assert np.linalg.norm(again, axis=1) == pytest.approx(np.ones(200), abs=1e-5)
    assert np.abs(again @ again.T - vectors @ vectors.T).max() < 0.01


def test_nothing_stays_nothing() -> None:
    assert not unpacked([packed(np.zeros(4, np.float32))]).any()
