"""Which of many vectors belong together: agglomerative clustering by average linkage.

The nearest-neighbour chain of Benzécri and Juan (1982), in F. Murtagh, "A Survey of Recent Advances
in Hierarchical Clustering Algorithms", The Computer Journal 26 (1983), with the update of Lance and
Williams for averages: time and memory grow with the square of the number of vectors. Own code:
scipy, which has it too, is 40 MB that nothing else here needs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def clusters(vectors: Vectors, distance: float) -> NDArray[np.int64]:
    """A label from 0 for each of [n, size] vectors of length 1.

    Two clusters are one where the mean cosine distance (1 less the cosine) of their members is at
    most `distance`. Labels count in the order in which the clusters appear.
    """
    count = len(vectors)
    parents = np.arange(count)
    for one, other, height in _merges(1.0 - vectors @ vectors.T):
        if height <= distance:
            parents[_root(parents, other)] = _root(parents, one)
    roots = [_root(parents, each) for each in range(count)]
    numbers = {root: number for number, root in enumerate(dict.fromkeys(roots))}
    return np.array([numbers[root] for root in roots], np.int64)


def _root(parents: NDArray[Any], of: int) -> int:
    while parents[of] != of:
        parents[of] = parents[parents[of]]
        of = int(parents[of])
    return of


def _merges(distances: NDArray[np.floating]) -> list[tuple[int, int, float]]:
    """All merges, each of two clusters named by one of their members, with its height.

    For averages the heights of a chain's merges are those of the tree, in whatever order they come.
    """
    count = len(distances)
    distances = distances.astype(np.float64)
    np.fill_diagonal(distances, np.inf)
    sizes = np.ones(count)
    merges, chain = list[tuple[int, int, float]](), list[int]()
    for _ in range(count - 1):
        if not chain:
            chain.append(int(np.flatnonzero(sizes)[0]))
        while True:
            last = chain[-1]
            nearest = int(np.argmin(distances[last]))
            if len(chain) > 1 and distances[last, chain[-2]] <= distances[last, nearest]:
                break
            chain.append(nearest)
        one, other = chain.pop(), chain.pop()
        merges.append((one, other, float(distances[one, other])))
        total = sizes[one] + sizes[other]
        joined = (sizes[one] * distances[one] + sizes[other] * distances[other]) / total
        joined[[one, other]] = np.inf
        distances[one], distances[:, one] = joined, joined
        distances[other], distances[:, other] = np.inf, np.inf
        sizes[one], sizes[other] = total, 0
    return merges
