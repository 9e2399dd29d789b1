"""`vdx bench vad`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vdx.cli.bench.running import AsJson, Step, command_app, run_alone

if TYPE_CHECKING:
    from vdx.bench.figures import Report

app = command_app()


@app.command()
def vad(
    half: Annotated[
        str, typer.Option(help="Of the corpus: held (reported) or tune (for choosing defaults).")
    ] = "held",
    quick: Annotated[
        bool, typer.Option("--quick", help="A quarter of the scenes, no curves.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes at once.")] = 2,
    plots: Annotated[Path | None, typer.Option(help="Folder for pictures (PNG).")] = None,
    as_json: AsJson = False,
) -> None:
    """Listening in hard conditions: noise, echo, pauses.

    False and true barge-ins, missed onsets and turns cut off, each feature on and off, over a
    corpus of people, noises and the bot's own echo. Needs no server and runs faster than time.
    """
    from vdx.bench import vad as bench

    if half not in ("held", "tune"):
        raise typer.BadParameter(f"{half!r} is neither held nor tune", param_hint="--half")
    chosen: Literal["held", "tune"] = "held" if half == "held" else "tune"

    async def work(step: Step) -> "Report":
        report = bench.measure(chosen, quick=quick, jobs=jobs, step=step)
        if plots is not None:
            from vdx.bench.vad_plots import draw

            report.notes += [f"drawn: {file}" for file in draw(report.samples, plots)]
        return report

    run_alone(work, bench.steps_of(quick=quick), as_json=as_json)
