"""The plots of `python -m benchmarks vad`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vdx.bench.drawing import BLUE, GREY, RED, name_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Samples = list[dict[str, Any]]

COLOURS = {"all on": BLUE, "all off": RED}


def curves(samples: Samples, axes: Axes) -> bool:
    """True against false barge-ins while the threshold over a reply moves."""
    found = [sample for sample in samples if "curve" in sample]
    for sample in found:
        points = sample["points"]
        colour = COLOURS[sample["curve"]]
        for key, style, what in (
            ("false_per_minute", "-", "reply ended"),
            ("pauses_per_minute", ":", "reply paused"),
        ):
            axes.plot(
                [point[key] for point in points],
                [100 * point["true_share"] for point in points],
                style,
                marker="o",
                markersize=3,
                color=colour,
                label=f"{sample['curve']}, {what}",
            )
    if not found:
        return False
    axes.set_xscale("symlog", linthresh=0.1)
    name_axes(axes, "for no reason, a minute", "% of interruptions understood")
    return True


def features(samples: Samples, axes: Axes) -> bool:
    """False barge-ins and pauses with everything on, with one feature off, and with none."""
    found = [sample for sample in samples if "features" in sample]
    rows = []
    for sample in found:
        kinds = sample["kinds"].items()
        false = sum(counts["false"] for _, counts in kinds)
        pauses = sum(counts["pauses"] for kind, counts in kinds if not kind.startswith("voice"))
        rows.append((sample["features"], false, pauses))
    for place, (_, false, pauses) in enumerate(rows):
        axes.barh(place - 0.2, pauses, 0.38, color=GREY)
        axes.barh(place + 0.2, false, 0.38, color=RED)
        axes.text(pauses, place - 0.2, f" {pauses} pauses", va="center", fontsize=8)
        axes.text(false, place + 0.2, f" {false} ended", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=10)
    axes.set_xlabel("replies paused or ended for no reason")
    return bool(rows)
