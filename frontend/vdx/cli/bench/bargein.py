"""`vdx bench bargein`."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

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
def bargein(
    rounds: Rounds = 5,
    aware: Aware = False,
    transport: By = Transport.WEBSOCKET,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """Onset of interrupting speech to silence.

    Measured at the person; a round is two clips.
    """
    from vdx.bench import bargein as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, aware=aware, step=step)

    options = options_of(
        url, server_pid, api_key, HUMAN, answers="bargein.yaml", transport=transport
    )
    run(measure, rounds * 2, options, as_json=as_json)
