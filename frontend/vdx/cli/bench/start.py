"""`vdx bench start`."""

from typing import TYPE_CHECKING

from vdx.cli.bench.running import AsJson, Rounds, Step, command_app, run_alone

if TYPE_CHECKING:
    from vdx.bench.figures import Report

app = command_app()


@app.command()
def start(rounds: Rounds = 5, as_json: AsJson = False) -> None:
    """How long `vdx up` takes to ready.

    The proof turn included; and from Ctrl-C to the end of every process.
    """
    from vdx.bench import start as bench

    async def work(step: Step) -> "Report":
        return await bench.measure(rounds, step)

    run_alone(work, rounds, as_json=as_json)
