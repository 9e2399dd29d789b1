"""`vdx bench report`."""

from pathlib import Path
from typing import Annotated

import typer

from vdx.cli.bench.running import command_app

app = command_app()


@app.command()
def report(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="BENCH", help="Only these; else every one.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Each as small as it gets: some minutes in all.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report.  [default: reports/full or quick]")
    ] = None,
) -> None:
    """Every bench, one report.

    Runs them one after the other and writes report.md with pictures, and report.json, which the
    next report is compared with. The exit status is 1 where a bench failed.
    """
    from vdx.bench import report as bench

    folder = out or Path("reports") / ("quick" if quick else "full")
    commands = bench.planned(names or [], quick=quick)
    outcomes = bench.make(commands, folder, say=lambda line: typer.echo(line, err=True))
    typer.echo(folder / bench.REPORT)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)
