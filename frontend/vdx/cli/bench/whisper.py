"""`vdx bench whisper`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.bench.running import AsJson, Rounds, Step, command_app, run_alone

if TYPE_CHECKING:
    from vdx.bench.figures import Report

app = command_app()


@app.command()
def whisper(
    sizes: Annotated[str, typer.Option(help="Of micro, tiny, base, small.")] = "tiny,base,small",
    rounds: Rounds = 5,
    as_json: AsJson = False,
) -> None:
    """Whisper: end of speech to the final transcript.

    Real architectures with random weights; also the real-time factor and the memory of sessions.
    """
    from vdx.bench import whisper as bench

    wanted = [size.strip() for size in sizes.split(",") if size.strip()]

    def measure(step: Step) -> Awaitable["Report"]:
        return bench.measure(wanted, rounds, step)

    run_alone(measure, 2 * rounds * len(wanted), as_json=as_json)
