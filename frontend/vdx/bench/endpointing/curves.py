"""Draws cuts against waits, one curve for each way to decide."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vdx.bench.drawing import name_axes, new_axes, save

MOST_WAIT_MS = 1500


def draw(curves: Mapping[str, Sequence[tuple[float, float]]], file: Path) -> None:
    """Writes a PNG of (mean wait in ms, cut rate 0 to 1) by name.

    Raises:
        SetupError: matplotlib is not installed.
    """
    axes = new_axes()
    for name, points in curves.items():
        waits, rates = zip(*points, strict=True)
        axes.step(waits, [100 * rate for rate in rates], where="post", label=name)
    axes.set_xlim(0, MOST_WAIT_MS)
    axes.set_ylim(0, 100)
    name_axes(axes, "mean silence waited at true ends, ms", "pauses cut, %")
    save(axes, "Cut off, or kept waiting", file)
