"""Draws a plan: how long people wait against the calls on one machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vdx.bench.plots import BLUE, DPI, GREY, RED, SIZE
from vdx.core.errors import SetupError

if TYPE_CHECKING:
    from vdx.bench.planning.fleet import Plan


def draw(plan: Plan, file: Path) -> None:
    """Writes a picture (the ending says its kind).

    Raises:
        SetupError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SetupError("matplotlib is not here; run: pip install 'vdx[bench]'") from None
    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    held = [each for each in plan.outcomes if each.gaps]
    calls = [each.calls for each in held]
    for percent, colour in ((95, BLUE), (50, GREY)):
        label = "p95" if percent == 95 else "median"
        axes.plot(
            calls, [each.gap(percent) for each in held], marker=".", color=colour, label=label
        )
    axes.axvline(plan.knee, color=RED, linewidth=1, linestyle=":", label=f"knee, {plan.knee}")
    axes.axvline(plan.each, color=RED, linewidth=1, label=f"planned, {plan.each}")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("calls on one machine")
    axes.set_ylabel("ms from the end of speech to the first sound")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    axes.set_title(f"{plan.calls} calls: {plan.machines} machines", fontsize=11, loc="left")
    figure.savefig(file)
