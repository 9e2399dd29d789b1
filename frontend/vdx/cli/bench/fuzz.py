"""`vdx bench fuzz`."""

import enum
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.bench.running import LOAD, ApiKey, AsJson, Step, Url, command_app, options_of, run

if TYPE_CHECKING:
    from vdx.bench.figures import Report
    from vdx.bench.target import Target

PRELOAD = ["espeak-en", "pocketsphinx-en"]


class What(enum.StrEnum):
    """What is made up and sent."""

    events = "events"
    requests = "requests"
    tensors = "tensors"


app = command_app()


@app.command()
def fuzz(
    what: Annotated[
        What, typer.Argument(help="Realtime events, HTTP requests, or tensors to every model.")
    ],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed sends the same.")] = 1,
    url: Url = "",
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """Hostile input of every kind; what must not happen is counted.

    A crash, a hang, an error without a code, a session or model that is dead afterwards.
    """
    from vdx.bench import fuzz as benches

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return benches.measure(what.value, target, count, seed, step)

    options = options_of(url, None, api_key, LOAD, preload=PRELOAD)
    run(measure, count, options, as_json=as_json)
