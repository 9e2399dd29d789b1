"""`vdx bench jitter`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from vdx.cli.bench.running import (
    LOAD,
    TURN_S,
    ApiKey,
    AsJson,
    By,
    Seconds,
    ServerPid,
    Sessions,
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
def jitter(
    sessions: Sessions = 16,
    seconds: Seconds = 45,
    transport: By = Transport.WEBSOCKET,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """How evenly audio arrives, and CPU a session.

    Also whether it has holes at the person.
    """
    from vdx.bench import jitter as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, sessions, seconds, step)

    options = options_of(url, server_pid, api_key, LOAD, answers="load.yaml", transport=transport)
    turns = int(sessions * seconds / TURN_S)
    run(measure, turns, options, as_json=as_json)
