"""`vdx token`: a token with which one user joins one room, where an agent joins too."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vdx.cli.config import parse_assignments
from vdx.cli.options import Assignments, ConfigFile
from vdx.core.errors import ConnectionLost

Agents = Annotated[
    list[str] | None,
    typer.Option("--agent", help="An agent that comes, by its name; several times for several."),
]
app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def token(
    room: Annotated[str, typer.Option(help="Name of the room; else a random one.")] = "",
    identity: Annotated[
        str, typer.Option(help="Who joins, after person-; else a random one.")
    ] = "",
    name: Annotated[str, typer.Option(help="Name that others in the room see.")] = "",
    agent: Agents = None,
    profile: Annotated[str | None, typer.Option(help="Profile of the conversation.")] = None,
    voice: Annotated[str | None, typer.Option(help="Voice of the agent, a model id.")] = None,
    recogniser: Annotated[str | None, typer.Option(help="Recogniser, a model id.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47, such as en-GB.")] = None,
    instructions: Annotated[str | None, typer.Option(help="For the responder.")] = None,
    greeting: Annotated[str | None, typer.Option(help="What the agent says first.")] = None,
    url: Annotated[
        str,
        typer.Option(
            envvar="VDX_URL",
            help="vdx server to ask where the configuration has no LiveKit keys.",
        ),
    ] = "http://127.0.0.1:8080",
    api_key: Annotated[str, typer.Option(envvar="VDX_API_KEY", help="If it asks for one.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Address, room and identity too.")
    ] = False,
    config: ConfigFile = None,
    assign: Assignments = None,
) -> None:
    """Print a short-lived token for one room; joining with it brings the agent.

    Made with livekit.api_key and livekit.api_secret (or LIVEKIT_API_KEY, LIVEKIT_API_SECRET),
    else by the running server at --url.
    """
    requested = {
        "profile": profile,
        "voice": voice,
        "recogniser": recogniser,
        "language": language,
        "instructions": instructions,
        "greeting": greeting,
    }
    request: dict[str, Any] = {
        "room_name": room,
        "participant_identity": identity,
        "participant_name": name,
        **_agents(agent or [], requested),
    }
    answer = _token(request, config, assign or [], url, api_key)
    typer.echo(json.dumps(answer) if as_json else answer["participant_token"])


def _agents(names: list[str], requested: dict[str, str | None]) -> dict[str, Any]:
    """The part of a token's request that says who comes, and with what."""
    options = {key: value for key, value in requested.items() if value is not None}
    named = {"room_config": {"agents": [{"agent_name": name} for name in names]}}
    return named | ({"agent": options} if options else {})


def _token(
    request: dict[str, Any], file: Path | None, assign: list[str], url: str, api_key: str
) -> dict[str, Any]:
    """A token made here, or by the server at `url` if this configuration has no keys."""
    from vdx.cli.rooms import with_environment
    from vdx.core import settings
    from vdx.core.errors import NoLiveKit
    from vdx.core.validation import validated
    from vdx.transports.room.tokens import TokenRequest, mint

    livekit = with_environment(settings.load(file, parse_assignments(assign)).config.livekit)
    wanted = validated(TokenRequest, request, "token")
    try:
        return mint(livekit, wanted).model_dump()
    except NoLiveKit:
        return _ask(wanted.model_dump(exclude_none=True), url, api_key)


def _ask(request: dict[str, Any], url: str, api_key: str) -> dict[str, Any]:
    """The answer of a running server; raises as `vdx.cli.server.call`."""
    from vdx.cli.server import call

    try:
        told: dict[str, Any] = call("POST", url, "/token", api_key, body=request)
    except ConnectionLost as error:
        raise ConnectionLost(
            f"{error}; a token needs `vdx up --livekit`, or livekit.url, livekit.api_key and "
            "livekit.api_secret here"
        ) from None
    return told
