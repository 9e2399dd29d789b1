"""`vdx bench speech`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import typer

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
def speech(
    rounds: Rounds = 100,
    voice: Annotated[str, typer.Option(help="A voice's model id.")] = HUMAN[0],
    url: Url = "",
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """First byte of speech over HTTP.

    From the request to the first byte of the body, in every format that streams.
    """
    from vdx.bench import speech as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, voice, rounds, step)

    options = options_of(url, None, api_key, (voice, "canned"))
    run(measure, rounds * len(bench.FORMATS), options, as_json=as_json)
