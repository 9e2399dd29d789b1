"""`vdx bench piper`."""

from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.bench.running import AsJson, Rounds, Sessions, Step, command_app, run_alone

if TYPE_CHECKING:
    from vdx.bench.figures import Report

app = command_app()

Graph = Annotated[str, typer.Option(help="medium, tiny, tiny-speakers or tiny-high.")]


@app.command()
def piper(
    rounds: Rounds = 30, sessions: Sessions = 4, graph: Graph = "medium", as_json: AsJson = False
) -> None:
    """A Piper voice of the real size, beside piper-tts.

    First audio over gRPC, what windows cost, several sessions, and cancellation.
    """
    from vdx.bench import piper as bench

    async def work(step: Step) -> "Report":
        return await bench.measure(rounds, sessions, graph, step)

    run_alone(work, 2 * rounds + len(bench.STARTS), as_json=as_json)
