"""The plots of the report: a table of functions that draw the figures of the runs.

To add one, write a function that takes the runs and an empty figure, and returns whether there was
anything to draw; give it a line in `PLOTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdx.bench.drawing import BLUE, GREY, RED, SIZE, name_axes, new_axes, save
from vdx.bench.figures import LEAST
from vdx.dialog.trace import STAGE_LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Runs = Mapping[str, Mapping[str, Any]]
Plot = Callable[[Runs, "Axes"], bool]


def draw(runs: Runs, folder: Path, plots: Mapping[str, tuple[str, Plot]]) -> dict[str, str]:
    """Title to file of each picture drawn.

    Raises:
        SetupError: matplotlib is not installed.
    """
    pictures = {}
    for name, (title, plot) in plots.items():
        axes = new_axes()
        if plot(runs, axes):
            save(axes, title, folder / f"{name}.png")
            pictures[title] = f"{name}.png"
    return pictures


def reports(runs: Runs, bench: str) -> Iterator[Mapping[str, Any]]:
    """What the runs of one bench printed."""
    return (run["report"] for command, run in runs.items() if command.split(" ")[0] == bench)


def figure_of(report: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """A measured figure by name; None where it is missing or has no values."""
    found = (row for row in report["figures"] if row["name"].strip() == name and row["count"])
    return next(found, None)


def waterfall(runs: Runs, axes: Axes) -> bool:
    """Each stage of a turn from the median end of the one before to its own."""
    prefix = "server: speech end to "
    for report in reports(runs, "turn"):
        rows = {row["name"].strip(): row["median"] for row in report["figures"] if row["count"]}
        found = {k.removeprefix(prefix): v for k, v in rows.items() if k.startswith(prefix)}
        stages = sorted(found.items(), key=lambda item: item[1])
        heard = rows.get("end of speech to first audio")
        if heard is not None:
            stages.append(("first sound at the person", heard))
        if not stages:
            continue
        before = 0.0
        for row, (_, at) in enumerate(stages):
            axes.barh(row, at - before, left=before, color=BLUE)
            axes.text(max(at, before), row, f" {at:.0f} ms", va="center", fontsize=8)
            before = at
        names = [STAGE_LABELS.get(stage, stage.replace("_", " ")) for stage, _ in stages]
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.set_xlabel("ms after the end of speech, medians")
        return True
    return False


DISTRIBUTIONS = {
    ("turn", "end of speech to first audio"): "turn gap",
    ("bargein", "onset to silence"): "interruption to silence",
}


def distribution(runs: Runs, axes: Axes) -> bool:
    """How often a latency stays below a value."""
    drawn = False
    for (bench, name), label in DISTRIBUTIONS.items():
        for report in reports(runs, bench):
            row = figure_of(report, name)
            if row is None or len(row.get("percentiles", [])) < 2:
                continue
            points = row["percentiles"]
            shares = [100 * i / (len(points) - 1) for i in range(len(points))]
            axes.plot(points, shares, label=f"{label} ({row['count']})")
            drawn = True
            break
    if drawn:
        name_axes(axes, "ms", "% of turns at most")
    return drawn


def cost(runs: Runs, axes: Axes) -> bool:
    """CPU of all sessions together against their number."""
    points = []
    for report in reports(runs, "sessions"):
        row = figure_of(report, "server CPU per session-second, Triton included")
        if row is not None:
            sessions = report["options"]["sessions"]
            points.append((sessions, row["median"] * sessions))
    points.sort()
    if len(points) < 2:
        return False
    axes.plot(*zip(*points, strict=True), marker="o", color=BLUE)
    for sessions, cores in points:
        each = f"{cores / sessions:.3f} each"
        axes.annotate(each, (sessions, cores), (4, -12), textcoords="offset points", fontsize=8)
    name_axes(axes, "conversing sessions", "cores, Triton included", from_zero=True)
    return True


def concurrency(runs: Runs, axes: Axes) -> bool:
    """First chunks and final transcripts of models against the requests at once."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for report in reports(runs, "triton"):
        for sample in report["samples"]:
            what = "first chunk" if sample["kind"] == "tts" else "final transcript"
            if curve := sample["curve"]:
                point = sample["concurrency"], curve[len(curve) // 2]
                lines.setdefault(f"{sample['model']}, {what}", []).append(point)
        if lines:
            break
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    if lines:
        at_once = "requests at once, as fast as they are answered"
        name_axes(axes, at_once, "ms, median", from_zero=True)
    return bool(lines)


def planned(runs: Runs, axes: Axes) -> bool:
    """The p95 that `vdx plan` predicts beside the measured one, by people at once."""
    drawn = False
    for report in reports(runs, "plan"):
        counts = report["options"]["counts"]
        for what, style in (("measured", "o-"), ("predicted", "x--")):
            rows = [figure_of(report, f"{count} users: {what}") for count in counts]
            points = [(n, row["p95"]) for n, row in zip(counts, rows, strict=True) if row]
            if points:
                label = f"{what}, {report['options']['voice']}"
                axes.plot(*zip(*points, strict=True), style, label=label)
                drawn = True
    if drawn:
        name_axes(axes, "users at once", "ms, p95", from_zero=True)
    return drawn


def goals(runs: Runs, axes: Axes) -> bool:
    """Every figure that has to be at most its goal as a share of it, each of its points."""
    shares = []
    for run in runs.values():
        for row in run["report"]["figures"]:
            for point, limit in row.get("reach", {}).items():
                if row["count"] and limit > 0 and point != LEAST:
                    shares.append((f"{row['name'].strip()}, {point}", row[point] / limit))
    if not shares:
        return False
    axes.get_figure(root=True).set_size_inches(SIZE[0], max(SIZE[1], 0.22 * len(shares) + 0.8))  # type: ignore[union-attr]  # axes of a figure have one
    names, values = zip(*shares, strict=True)
    colours = [BLUE if value <= 1 else RED for value in values]
    axes.barh(range(len(values)), [min(value, 2.0) * 100 for value in values], color=colours)
    axes.axvline(100, color=GREY, linewidth=1)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("% of what is allowed")
    return True


PLOTS: dict[str, tuple[str, Plot]] = {
    "waterfall": ("A turn, from the end of speech to the first sound", waterfall),
    "distribution": ("How long people wait", distribution),
    "cost": ("What sessions cost", cost),
    "concurrency": ("Models under perf_analyzer", concurrency),
    "plan": ("What `vdx plan` predicts, and what is measured", planned),
    "goals": ("Measured against the goals", goals),
}
"""Name of the file to title and function."""
