"""`vdx bench sessions`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.bench.running import (
    LOAD,
    TURN_S,
    ApiKey,
    AsJson,
    By,
    Seconds,
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
def sessions(
    connects: Annotated[int, typer.Option(min=1, help="Connections to time.")] = 20,
    cost: Annotated[
        bool, typer.Option("--cost", help="CPU per session-second at --sessions at once.")
    ] = False,
    churn: Annotated[
        int, typer.Option(min=0, help="Instead: open and close so many sessions.")
    ] = 0,
    at_once: Annotated[
        int, typer.Option("--sessions", min=1, help="At once, for --cost and --churn.")
    ] = 8,
    seconds: Seconds = 45,
    transport: By = Transport.WEBSOCKET,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """What sessions cost, and what stays behind.

    Time to open, CPU and memory.
    """
    from vdx.bench import sessions as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        if churn:
            return bench.measure_churn(target, churn, at_once, step)
        if cost:
            return bench.measure_cost(target, at_once, seconds, step)
        return bench.measure(target, connects, step)

    answers = "load.yaml" if cost else "short.yaml"
    options = options_of(url, server_pid, api_key, LOAD, answers=answers, transport=transport)
    steps = churn or (int(at_once * seconds / TURN_S) if cost else 3)
    run(measure, steps, options, as_json=as_json)
