"""`vdx bench whisper-file`."""

from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.bench.running import AsJson, Step, command_app, run_alone

if TYPE_CHECKING:
    from vdx.bench.figures import Report

app = command_app()


@app.command()
def whisper_file(
    minutes: Annotated[float, typer.Option(min=0.5, help="Of speech.")] = 10,
    reference_python: Annotated[
        Path | None, typer.Option(help="An interpreter that has faster-whisper; else this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whisper: a long recording, beside faster-whisper.

    Whisper base with random weights, as many words from both.
    """
    from vdx.bench import whisper_file as bench

    def measure(step: Step) -> Awaitable["Report"]:
        return bench.measure(minutes, reference_python, step)

    run_alone(measure, 2, as_json=as_json)
