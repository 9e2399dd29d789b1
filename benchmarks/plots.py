"""The plots that studies add to the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import vad_plots
from vdx.bench.plots import Plot, Runs, draw, reports

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def listening_curves(runs: Runs, axes: Axes) -> bool:
    """True against false interruptions."""
    return any(vad_plots.curves(report["samples"], axes) for report in reports(runs, "vad"))


def listening_features(runs: Runs, axes: Axes) -> bool:
    """False interruptions with each feature of the input on and off."""
    return any(vad_plots.features(report["samples"], axes) for report in reports(runs, "vad"))


PLOTS: dict[str, tuple[str, Plot]] = {
    "vad-curves": ("Interruptions, while the threshold moves", listening_curves),
    "vad-features": ("What each feature of listening is for", listening_features),
}


def draw_listening(samples: vad_plots.Samples, folder: Path) -> list[Path]:
    """The pictures of one run of `python -m benchmarks vad`, written into `folder`; their files.

    Raises:
        SetupError: matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = draw({"vad": {"report": {"samples": samples}}}, folder, PLOTS)
    return [folder / file for file in drawn.values()]
