"""`vdx bench grammar`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from vdx.cli.bench.running import AsJson, Rounds, Step, command_app, run_alone

if TYPE_CHECKING:
    from vdx.bench.figures import Report

app = command_app()


@app.command()
def grammar(rounds: Rounds = 3, as_json: AsJson = False) -> None:
    """Load time of a recogniser of few sentences.

    With the dictionary pruned to its words, and with all of it.
    """
    from vdx.bench import grammar as bench

    def measure(step: Step) -> Awaitable["Report"]:
        return bench.measure(rounds, step)

    run_alone(measure, rounds * 2 * len(bench.VOCABULARIES), as_json=as_json)
