"""The plots of `python -m benchmarks vad`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdx.core.errors import InvalidInput

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Samples = list[dict[str, Any]]

SIZE, DPI = (7.5, 3.4), 100
COLOURS = {"all on": "#2f6fab", "all off": "#c0392b"}


def draw(samples: Samples, folder: Path) -> list[Path]:
    """Writes the curves and the bars into `folder`; returns the files.

    Raises InvalidInput where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        message = "pictures need matplotlib: pip install 'vdx[bench]'"
        raise InvalidInput(message, param="plots") from None
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, plot in (("vad-curves", curves), ("vad-features", features)):
        figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        if plot(samples, axes):
            files.append(folder / f"{name}.png")
            figure.savefig(files[-1])
    return files


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
    axes.set_xlabel("for no reason, a minute")
    axes.set_ylabel("% of interruptions understood")
    axes.set_title("Interruptions, while the threshold moves", fontsize=11, loc="left")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    return True


def features(samples: Samples, axes: Axes) -> bool:
    """False barge-ins and pauses with everything on, with one feature off, and with none."""
    found = [sample for sample in samples if "features" in sample]
    rows = []
    for sample in found:
        kinds = sample["kinds"].items()
        false = sum(tally["false"] for _, tally in kinds)
        pauses = sum(tally["pauses"] for kind, tally in kinds if not kind.startswith("voice"))
        rows.append((sample["features"], false, pauses))
    for place, (_, false, pauses) in enumerate(rows):
        axes.barh(place - 0.2, pauses, 0.38, color="#9aa5b1")
        axes.barh(place + 0.2, false, 0.38, color="#c0392b")
        axes.text(pauses, place - 0.2, f" {pauses} pauses", va="center", fontsize=8)
        axes.text(false, place + 0.2, f" {false} ended", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=10)
    axes.set_xlabel("replies paused or ended for no reason")
    axes.set_title("What each feature is for", fontsize=11, loc="left")
    return bool(rows)
