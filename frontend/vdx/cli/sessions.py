"""`vdx sessions`: the conversations that are open on a running server."""

import json
from typing import Annotated

import typer

from vdx.cli.server import DEFAULT_URL, Key, Url, call
from vdx.cli.talk_view import state_words

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def sessions(
    url: Url = DEFAULT_URL,
    api_key: Key = "",
    as_json: Annotated[bool, typer.Option("--json", help="The server's answer as it is.")] = False,
) -> None:
    """List the open conversations of a server: state, voice, recogniser, messages."""
    answer = call("GET", url, "/vdx/sessions", api_key)
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    if not answer["sessions"]:
        typer.echo("no session is open")
        return
    from vdx.cli.table import print_table

    print_table(
        ("session", "state", "voice", "recogniser", "messages"),
        [
            (
                each["id"],
                state_words(each["state"]),
                each["voice"],
                each["recogniser"] or "none",
                str(each["messages"]),
            )
            for each in answer["sessions"]
        ],
    )
