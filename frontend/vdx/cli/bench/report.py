"""The command that runs every bench of a suite and writes one report of them."""

import math
from pathlib import Path
from typing import Annotated

import typer

from vdx.bench.report import REPORT, Suite, make, planned, read, worse
from vdx.core.errors import InvalidInput


def add_report(app: typer.Typer, suite: Suite) -> None:
    """Adds `report` to `app`."""

    @app.command(short_help="Every bench below, one report with pictures.")
    def report(
        names: Annotated[
            list[str] | None, typer.Argument(metavar="BENCH", help="Only these; else every one.")
        ] = None,
        quick: Annotated[
            bool, typer.Option("--quick", help="Each as small as it gets: some minutes in all.")
        ] = False,
        check: Annotated[
            bool, typer.Option("--check", help="End with status 1 where a figure misses its goal.")
        ] = False,
        worse_by: Annotated[
            float | None,
            typer.Option(
                "--worse-by",
                metavar="PERCENT",
                help="End with status 1 where a goal's figure is worse by more than in the last "
                "report, of a machine of this kind.",
            ),
        ] = None,
        out: Annotated[
            Path | None,
            typer.Option(help="Folder for the report.  [default: reports/full or quick]"),
        ] = None,
    ) -> None:
        """Every bench, one report.

        Runs them one after the other and writes report.md with pictures, and report.json, which the
        next report is compared with. The exit status is 1 where a bench failed, with --check also
        where a goal is missed.
        """
        if worse_by is not None and not 0 < worse_by < math.inf:
            raise InvalidInput(f"--worse-by {worse_by:g}: expected more than 0", param="worse_by")
        folder = out or Path("reports") / ("quick" if quick else "full")
        commands = planned(names or [], quick=quick, suite=suite)
        before = read(folder)
        outcomes = make(commands, folder, say=lambda line: typer.echo(line, err=True), suite=suite)
        typer.echo(folder / REPORT)
        missed = [name for outcome in outcomes for name in outcome.missed()] if check else []
        if missed:
            typer.echo(f"vdx: missed its goal: {'; '.join(missed)}", err=True)
        slower = [] if worse_by is None else worse(before, outcomes, worse_by)
        if slower:
            typer.echo(f"vdx: worse than in the last report: {'; '.join(slower)}", err=True)
        if slower or missed or any(outcome.error for outcome in outcomes):
            raise typer.Exit(1)
