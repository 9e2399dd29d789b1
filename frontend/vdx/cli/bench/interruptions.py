"""`vdx bench interruptions`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.bench.running import (
    LOAD,
    ApiKey,
    AsJson,
    ServerPid,
    Sessions,
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
def interruptions(
    count: Annotated[int, typer.Option(min=1, help="Interruptions in all.")] = 1000,
    sessions: Sessions = 16,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """Audio of cancelled replies heard afterwards.

    Over many interruptions, several at once.
    """
    from vdx.bench import interruptions as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, count, sessions, step)

    options = options_of(url, server_pid, api_key, LOAD, answers="interruptions.yaml")
    run(measure, count, options, as_json=as_json)
