"""`vdx bench first-audio`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from vdx.cli.bench.running import (
    LOAD,
    AsJson,
    Rounds,
    Step,
    command_app,
    options_of,
    run,
)

if TYPE_CHECKING:
    from vdx.bench.figures import Report
    from vdx.bench.target import Target

app = command_app()


@app.command()
def first_audio(rounds: Rounds = 100, as_json: AsJson = False) -> None:
    """First audio over gRPC, straight from a voice.

    Also chunks computed after a cancellation, and the cost of one input frame.
    """
    from vdx.bench import first_audio as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, step)

    options = options_of("", None, "", LOAD, preload=[name for name, _ in bench.VOICES])
    run(measure, rounds * len(bench.VOICES), options, as_json=as_json)
