"""`vdx bench false-bargein`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.bench.running import (
    HUMAN,
    ApiKey,
    AsJson,
    Aware,
    By,
    Rounds,
    ServerPid,
    Step,
    Transport,
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
def false_bargein(
    rounds: Rounds = 5,
    aware: Aware = False,
    voice: Annotated[
        str,
        typer.Option(help="Of the bench's own server; espeak-en never says a text twice alike."),
    ] = "tone",
    transport: By = Transport.WEBSOCKET,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """A 300 ms "uh" during the reply.

    What is lost, what is doubled, and when the reply goes on.
    """
    from vdx.bench import false_bargein as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, aware=aware, exact=voice == "tone", step=step)

    models = (voice, HUMAN[1])
    options = options_of(
        url, server_pid, api_key, models, answers="bargein.yaml", transport=transport
    )
    run(measure, rounds + 1, options, as_json=as_json)
