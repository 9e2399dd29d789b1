"""`vdx bench transcriptions`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from vdx.cli.bench.running import (
    HUMAN,
    ApiKey,
    AsJson,
    Rounds,
    Step,
    Url,
    command_app,
    options_of,
    run,
)

if TYPE_CHECKING:
    from vdx.bench.figures import Report
    from vdx.bench.target import Target

app = command_app()


@app.command()
def transcriptions(
    rounds: Rounds = 10, url: Url = "", api_key: ApiKey = "", as_json: AsJson = False
) -> None:
    """A recording over HTTP against the recogniser run directly.

    Time and word error rate of both, pocketsphinx.
    """
    from vdx.bench import transcriptions as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, step)

    run(measure, rounds, options_of(url, None, api_key, HUMAN), as_json=as_json)
