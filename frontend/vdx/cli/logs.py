"""`vdx logs`: the last lines of a running server's log."""

import enum
import json
import time
from typing import Annotated, Any

import typer

from vdx.cli.server import DEFAULT_URL, Key, Url, call

app = typer.Typer(add_completion=False, rich_markup_mode=None)

POLL_S = 1.0


class Level(enum.StrEnum):
    """How grave a line is at least."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


@app.command()
def logs(
    level: Annotated[Level, typer.Option(help="Lines this grave or graver.")] = Level.debug,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Print the last lines of a running server's log, 1,000 at most."""
    after = 0
    while True:
        path = f"/vdx/logs?after={after}&level={level.value}"
        for line in call("GET", url, path, api_key)["lines"]:
            after = line["number"]
            typer.echo(json.dumps(line) if as_json else _shown(line))
        if not follow:
            return
        time.sleep(POLL_S)


def _shown(line: dict[str, Any]) -> str:
    values = " ".join(f"{name}={value}" for name, value in line["values"].items())
    return f"{line['at'][:19]} {line['level']:<7} {line['event']} {values}".rstrip()
