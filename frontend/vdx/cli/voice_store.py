"""The voicepacks of this VDX_HOME and the hub, for commands."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vdx.serving.voicepacks.hub import Hub
    from vdx.serving.voicepacks.store import VoicepackStore


def open_store(*, check_load: bool = False) -> "VoicepackStore":
    """The voicepacks of this VDX_HOME; with `check_load` what is added is loaded once before."""
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.load_check import load_once
    from vdx.serving.voicepacks.store import VoicepackStore

    paths = locate()
    check = load_once(paths) if check_load else None
    if check_load and check is None:
        typer.echo(
            "no model is loaded to check its files: `vdx setup` builds the environment for that",
            err=True,
        )
    return VoicepackStore(paths, check)


def hub_of(endpoint: str) -> "Hub":
    """The hub at an address; empty: the usual one.

    Raises:
        InvalidInput: the address is none.
    """
    from vdx.cli.server import require_server_url
    from vdx.serving.voicepacks.hub import Hub

    return Hub(require_server_url(endpoint, "endpoint") if endpoint else "")
