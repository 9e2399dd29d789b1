"""The report as Markdown: plots, goals and whether they were reached, figures of every run."""

from collections.abc import Iterator, Mapping
from typing import Any

from vdx.bench.figures import goal, number
from vdx.bench.registry import BENCHES, Benches, shown

Runs = Mapping[str, Mapping[str, Any]]
"""By command: `report` (what a bench printed), `at` (ISO date), `seconds`, `error`."""

NOISE = 0.05
"""Percent; a smaller change counts as unchanged."""
NO_PLOTS = "No pictures: `pip install 'vdx[bench]'` brings matplotlib."


def render(
    runs: Runs,
    before: Runs,
    fresh: set[str],
    failed: Mapping[str, str],
    pictures: Mapping[str, str],
    benches: Benches = BENCHES,
) -> str:
    """The whole report; `fresh` are the commands run now, `pictures` title to file."""
    lines = ["# vdx bench", "", *_machine(runs), ""]
    if failed:
        lines += ["**Failed:**", ""]
        lines += [f"- `{shown(command, benches)}`: {error}" for command, error in failed.items()]
        lines.append("")
    lines += _goals(runs)
    if pictures:
        for title, file in pictures.items():
            lines += [f"![{title}]({file})", ""]
    elif runs:
        lines += [NO_PLOTS, ""]
    name = ""
    for command, run in runs.items():
        if (own := command.split(" ")[0]) != name:
            name = own
            lines += [f"## {name}", ""]
            lines += [benches[name].help, ""] if name in benches else []
        lines += [f"### `{shown(command, benches)}`", ""]
        lines += _run(run, before.get(command), is_fresh=command in fresh)
    return "\n".join(lines).rstrip() + "\n"


def _machine(runs: Runs) -> Iterator[str]:
    machines = [run["report"]["machine"] for run in runs.values()]
    for cpu, cores, python in sorted({(m["cpu"], m["cores"], m["python"]) for m in machines}):
        yield f"{cpu}, {cores} cores, Python {python}."
    yield f"{sum(run['seconds'] for run in runs.values()) / 60:.0f} minutes of measuring."


def _goals(runs: Runs) -> list[str]:
    """Every figure with a goal in one table."""
    rows = [
        (command, row)
        for command, run in runs.items()
        for row in run["report"]["figures"]
        if "reach" in row
    ]
    if not rows:
        return []
    reached = sum(row["reached"] for _, row in rows)
    lines = [f"{reached} of {len(rows)} goals reached.", ""]
    lines += ["| bench | figure | goal | measured | |", "|---|---|---|---|---|"]
    for command, row in rows:
        goals = ", ".join(goal(point, limit) for point, limit in row["reach"].items())
        found = ", ".join(f"{point} {_number(row[point])}" for point in row["reach"])
        verdict = "yes" if row["reached"] else "**no**"
        name = f"{row['name'].strip()} [{row['unit']}]"
        lines.append(f"| `{command}` | {_cell(name)} | {goals} | {found} | {verdict} |")
    return [*lines, ""]


def _run(run: Mapping[str, Any], last: Mapping[str, Any] | None, *, is_fresh: bool) -> list[str]:
    report = run["report"]
    load = report["machine"]["load"][0]
    when = f"{run['at'][:16].replace('T', ' ')} UTC, load {load:.1f}"
    stale = "" if is_fresh else ", kept from an earlier report"
    lines = [f"{when}{stale}.", ""]
    old = {row["name"]: row for row in last["report"]["figures"]} if last and is_fresh else {}
    head = ["figure", "unit", "count", "median", "p95", "p99", "max"]
    if old:
        head.append(f"median since {last['at'][:10] if last else ''}")
    lines += [f"| {' | '.join(head)} |", f"|---|---|{'---:|' * (len(head) - 2)}"]
    for row in report["figures"]:
        points = [_number(row[point]) for point in ("median", "p95", "p99", "max")]
        cells = [_cell(row["name"].strip()), _cell(row["unit"]), str(row["count"]), *points]
        if old:
            cells.append(change(old.get(row["name"]), row))
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", *(f"- {note}" for note in report["notes"]), ""]


def change(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> str:
    """Change of the median since the last report: "-12 % (was 340)"."""
    before, now = (old or {}).get("median"), new["median"]
    if before is None or now is None:
        return "new"
    if before == now or (before and abs(now - before) <= NOISE * abs(before)):
        return "same"
    share = f"{(now - before) / abs(before) * 100:+.0f} % " if before else ""
    return f"{share}(was {_number(before)})"


def _number(value: float | None) -> str:
    return number(value, missing="–")  # noqa: RUF001


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
