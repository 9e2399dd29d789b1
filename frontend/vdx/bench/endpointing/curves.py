"""Draws cuts against waits, one curve for each way to decide."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vdx.core.errors import SetupError

MOST_WAIT_MS = 1500


def draw(curves: Mapping[str, Sequence[tuple[float, float]]], file: Path) -> None:
    """Writes a PNG of (mean wait in ms, cut rate 0 to 1) by name.

    Raises:
        SetupError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SetupError("curves are drawn with matplotlib: pip install 'vdx[bench]'") from None
    figure = Figure(figsize=(6.4, 3.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    for name, points in curves.items():
        waits, rates = zip(*points, strict=True)
        axes.step(waits, [100 * rate for rate in rates], where="post", label=name)
    axes.set_xlim(0, MOST_WAIT_MS)
    axes.set_ylim(0, 100)
    axes.set_xlabel("mean silence waited at true ends, ms")
    axes.set_ylabel("pauses cut, %")
    axes.set_title("Cut off, or kept waiting", fontsize=11, loc="left")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(file)
