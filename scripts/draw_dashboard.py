"""Draws the panels of deploy/grafana/vdx.json, out of a Prometheus that has scraped a server.

    .venv/bin/python -m scripts.draw_dashboard http://127.0.0.1:9090 docs/dashboard.png --minutes 10

The queries, their places and their names are the dashboard's, so that it shows what Grafana would
show; the look is matplotlib's.
"""

import argparse
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from vdx.bench.scrape import fetch

DASHBOARD = Path(__file__).resolve().parents[1] / "deploy" / "grafana" / "vdx.json"
POINTS = 200
INCHES = 4.0
"""Of the width of a panel that takes a third of Grafana's 24 columns."""
COLUMNS = 24
UNITS = {"s": "seconds", "ops": "a second", "reqps": "a second", "percentunit": "share"}
MOST_LINES = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a panel: its name, and (seconds since the epoch, value)."""

    name: str
    points: Sequence[tuple[float, float]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def expression(query: str, interval: str) -> str:
    """A query of the dashboard with its variables filled in as Grafana does: all servers."""
    return query.replace("$__rate_interval", interval).replace("$instance", ".*")


def lines_of(
    prometheus: str, panel: Mapping[str, Any], begin: float, end: float, interval: str
) -> list[Line]:
    """What a panel shows from `begin` to `end`; values that are no numbers are left out.

    Raises:
        VdxError: the Prometheus does not answer, or does not take a query.
    """
    found = []
    for target in panel["targets"]:
        step = max(1.0, (end - begin) / POINTS)
        asked = {"query": expression(target["expr"], interval)}
        asked |= {"start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        answer = json.loads(fetch(f"{prometheus}/api/v1/query_range?{urlencode(asked)}"))
        for series in answer["data"]["result"]:
            values = [(float(at), float(value)) for at, value in series["values"]]
            points = [(at, value) for at, value in values if math.isfinite(value)]
            if points:
                found.append(Line(_name(target.get("legendFormat", ""), series["metric"]), points))
    return found


def _name(pattern: str, labels: Mapping[str, str]) -> str:
    """As Grafana makes it: `{{voice}}` is the value of that label."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), pattern)


def draw(prometheus: str, begin: float, end: float, interval: str, file: Path) -> dict[str, int]:
    """Writes the picture; returns how many lines each panel has, by its title.

    Raises:
        VdxError: as `lines_of`.
    """
    from matplotlib.figure import Figure

    all_panels = panels()
    rows = 1 + max(each["gridPos"]["y"] // each["gridPos"]["h"] for each in all_panels)
    figure = Figure(figsize=(3 * INCHES, rows * INCHES * 0.6), dpi=80, layout="constrained")
    grid = figure.add_gridspec(rows, COLUMNS)
    drawn = {}
    for panel in all_panels:
        place = panel["gridPos"]
        row = place["y"] // place["h"]
        axes = figure.add_subplot(grid[row, place["x"] : place["x"] + place["w"]])
        lines = lines_of(prometheus, panel, begin, end, interval)
        for line in lines[:MOST_LINES]:
            at, values = zip(*line.points, strict=True)
            axes.plot([(each - begin) / 60 for each in at], values, linewidth=1.2, label=line.name)
        axes.set_title(panel["title"], fontsize=9, loc="left")
        axes.set_xlim(0, (end - begin) / 60)
        axes.set_ylim(bottom=0)
        unit = panel["fieldConfig"]["defaults"].get("unit", "")
        axes.set_ylabel(UNITS.get(unit, "" if unit == "short" else unit), fontsize=7)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
        if lines:
            axes.legend(fontsize=6, frameon=False, loc="upper left")
        drawn[panel["title"]] = len(lines)
    figure.supxlabel("minutes", fontsize=8)
    figure.savefig(file)
    return drawn


def main() -> None:
    given = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    given.add_argument("prometheus")
    given.add_argument("file", type=Path)
    given.add_argument("--minutes", type=float, default=10.0)
    given.add_argument("--interval", default="1m", help="of rates, four scrapes as Grafana has it")
    asked = given.parse_args()
    end = time.time()
    drawn = draw(asked.prometheus, end - asked.minutes * 60, end, asked.interval, asked.file)
    empty = [title for title, lines in drawn.items() if not lines]
    print(f"{len(drawn)} panels; without a line: {', '.join(empty) or 'none'}")


if __name__ == "__main__":
    main()
