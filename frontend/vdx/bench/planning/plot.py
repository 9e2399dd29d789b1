"""Draws a plan: how long people wait against the calls on one machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vdx.bench.drawing import BLUE, GREY, RED, name_axes, new_axes, save

if TYPE_CHECKING:
    from vdx.bench.planning.fleet import Plan


def draw(plan: Plan, file: Path) -> None:
    """Writes a picture (the ending says its kind).

    Raises:
        SetupError: matplotlib is not installed.
    """
    axes = new_axes()
    held = [each for each in plan.outcomes if each.gaps]
    calls = [each.calls for each in held]
    for percent, colour in ((95, BLUE), (50, GREY)):
        label = "p95" if percent == 95 else "median"
        axes.plot(
            calls, [each.gap(percent) for each in held], marker=".", color=colour, label=label
        )
    axes.axvline(plan.knee, color=RED, linewidth=1, linestyle=":", label=f"knee, {plan.knee}")
    axes.axvline(plan.each, color=RED, linewidth=1, label=f"planned, {plan.each}")
    waited = "ms from the end of speech to the first sound"
    name_axes(axes, "calls on one machine", waited, from_zero=True)
    save(axes, f"{plan.calls} calls: {plan.machines} machines", file)
