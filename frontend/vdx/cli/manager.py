"""`vdx manager`: load, evict and unload the models of a Triton that several frontends share."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.console import tell
from vdx.cli.launch import bind_server, load_settings, open_application, serve_until_stopped
from vdx.cli.options import Assignments, ConfigFile, Host

if TYPE_CHECKING:
    import socket

    from vdx.core.config import Config

app = typer.Typer(add_completion=False, rich_markup_mode=None)

DEFAULT_PORT = 8090


@app.command()
def manager(
    config: ConfigFile = None,
    triton_url: Annotated[
        str | None, typer.Option(help="gRPC address of Triton; default: the one of this VDX_HOME.")
    ] = None,
    host: Host = None,
    port: Annotated[int, typer.Option(help="HTTP port; 0 = a free one.")] = DEFAULT_PORT,
    assign: Assignments = None,
) -> None:
    """Load, evict and unload the models of a Triton; frontends lease them. Ctrl-C stops."""
    flags = {"triton.url": triton_url, "server.host": host, "server.port": port}
    loaded = load_settings(config, assign or [], flags)
    listener = bind_server(loaded, tell)
    asyncio.run(_run(loaded.config, listener))


async def _run(config: "Config", listener: "socket.socket") -> None:
    from vdx.serving.address import triton_at
    from vdx.transports.http.server import address_of

    triton = triton_at(config)

    async def ready() -> None:
        address = address_of(listener, secure=config.model_manager.tls.given)
        tell(f"ready: {address}; frontends: vdx frontend --manager {address}  (Ctrl-C stops)")

    async with open_application(config, triton, owner=True, manages_only=True) as host:
        await serve_until_stopped(host, listener, tell, [], ready)
