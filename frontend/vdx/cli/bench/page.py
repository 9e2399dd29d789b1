"""`vdx bench page`."""

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
def page(rounds: Rounds = 5, url: Url = "", api_key: ApiKey = "", as_json: AsJson = False) -> None:
    """Load to talking in a real browser, and the size of the script.

    It takes the way that the server offers: a room where it has rooms, else the WebSocket.
    """
    from vdx.bench import page as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, step)

    run(measure, rounds, options_of(url, None, api_key, HUMAN), as_json=as_json)
