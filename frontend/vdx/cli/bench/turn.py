"""`vdx bench turn`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from vdx.cli.bench.running import (
    HUMAN,
    ApiKey,
    AsJson,
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
def turn(
    rounds: Rounds = 3,
    transport: By = Transport.WEBSOCKET,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """End of speech to the first audio of the answer.

    A round is four clips, answered by echo.
    """
    from vdx.bench import turn as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, step)

    options = options_of(url, server_pid, api_key, HUMAN, transport=transport)
    run(measure, rounds * 4, options, as_json=as_json)
