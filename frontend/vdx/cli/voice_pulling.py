"""Downloads voices, recognisers and the language model for commands."""

import time
from typing import TYPE_CHECKING

import typer

from vdx.cli.voice_store import hub_of, open_store

if TYPE_CHECKING:
    from vdx.serving.voicepacks.hub import Hub
    from vdx.serving.voicepacks.metadata import Voicepack


def pull_starters(endpoint: str = "") -> None:
    """Downloads the starters that are not here; raises as `serving.voicepacks.pull`."""
    from vdx.serving.voicepacks.starters import starters

    here = {entry.id for entry in open_store().entries()}
    hub = hub_of(endpoint)  # one for all: a hub that does not answer is waited for once
    for starter in starters():
        if starter.id not in here:
            began = time.monotonic()
            _pull_from(hub, starter.id, "", {})
            typer.echo(
                f"{starter.id} is here; fetched and tried in {time.monotonic() - began:.0f} s"
            )


def is_language_model(name: str) -> bool:
    """Whether `name` means the starter language model, which is no voicepack."""
    from vdx.serving.voicepacks.starters import find_starter, language_model

    return find_starter(name) is language_model()


def pull_language_model(endpoint: str) -> None:
    """Downloads the starter language model; says where it is and how to use it."""
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.language_models import fetch_language_model
    from vdx.serving.voicepacks.starters import language_model

    file = fetch_language_model(hub_of(endpoint), locate(), language_model(), typer.echo)
    typer.echo(f"{language_model().id} is here: {file}\n  start with it:             vdx up --llm")


def pull_model(
    name: str, id_: str, parameters: dict[str, str], endpoint: str, *, accepted: bool = False
) -> "Voicepack":
    """Downloads one voice or recogniser; raises as `serving.voicepacks.pull`."""
    return _pull_from(hub_of(endpoint), name, id_, parameters, accepted=accepted)


def _pull_from(
    hub: "Hub", name: str, id_: str, parameters: dict[str, str], *, accepted: bool = False
) -> "Voicepack":
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.pull import pull as fetch

    try:
        return fetch(
            hub,
            open_store(check_load=True),
            locate(),
            name,
            id_=id_,
            parameters=parameters,
            accepted=accepted,
            tell=typer.echo,
        )
    except KeyboardInterrupt:
        typer.echo("\ninterrupted; the same command goes on where this one stopped", err=True)
        raise typer.Exit(130) from None
