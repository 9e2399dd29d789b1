"""The voicepacks of this VDX_HOME and the hub, for commands."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vdx.serving.voicepacks.hub import Hub
    from vdx.serving.voicepacks.store import VoicepackStore


def open_store(*, trial: bool = False) -> "VoicepackStore":
    """The voicepacks of this VDX_HOME; with `trial` what is added is loaded once before."""
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.load_check import load_once
    from vdx.serving.voicepacks.store import VoicepackStore

    paths = locate()
    check = load_once(paths) if trial else None
    if trial and check is None:
        typer.echo(
            "no model is loaded to check its files: `vdx setup` builds the environment for that",
            err=True,
        )
    return VoicepackStore(paths, check)


def hub_of(endpoint: str) -> "Hub":
    """The hub at an address; empty: the usual one."""
    from vdx.serving.voicepacks.hub import Hub

    return Hub(endpoint)
