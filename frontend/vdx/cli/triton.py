"""`vdx triton`: run the embedded server, or assemble the backend directory of a stock one."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.console import tell, warn
from vdx.cli.options import Host
from vdx.cli.removed_options import RemovedPort
from vdx.core.errors import ConfigError

if TYPE_CHECKING:
    import socket

    from vdx.core.settings import Settings
    from vdx.serving.embedded import EmbeddedTriton

app = typer.Typer(
    help="Run the embedded Triton, or assemble backends for a stock one.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=False,
    invoke_without_command=True,
)


@app.callback()
def run(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file; else vdx.yaml here.")
    ] = None,
    grpc_address: Annotated[
        str | None,
        typer.Option(help="HOST:PORT, with triton.tls; default: a Unix socket of this VDX_HOME."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="On loopback, 0 = a free one; default: none."),
    ] = None,
    model_repository: Annotated[
        Path | None, typer.Option(help="Default: the one that comes with vdx, and the pulled.")
    ] = None,
    log_file: Annotated[Path | None, typer.Option(help="Default: a temporary file.")] = None,
    announce: Annotated[
        bool,
        typer.Option("--announce", help="With a model manager, announced in registry.url."),
    ] = False,
    host: Host = None,
    port: Annotated[int, typer.Option(help="Of that manager; 0 = a free one.")] = 0,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting.")
    ] = None,
    grpc_port: RemovedPort = None,  # noqa: ARG001  (says what to use instead)
    http_port: RemovedPort = None,  # noqa: ARG001  (says what to use instead)
) -> None:
    """Start the embedded server with nothing loaded; Ctrl-C stops it."""
    if context.invoked_subcommand is not None:
        return
    from vdx.cli.launch import embedded_triton, load_settings

    flags = {"embedded.grpc_address": grpc_address, "embedded.metrics_port": metrics_port}
    manager = {"server.host": host, "server.port": port} if announce else {}
    loaded = load_settings(config, assign or [], flags | manager)
    server = embedded_triton(loaded)
    server.options = replace(server.options, log_file=log_file)
    if model_repository is not None:
        server.options = replace(
            server.options, model_repository=model_repository, pulled_models=None
        )
    _announce(loaded, server) if announce else asyncio.run(_serve(server))


@app.command()
def assemble(
    out: Annotated[Path, typer.Option(help="Folder to write triton_backends/ into.")],
    python_backend: Annotated[
        Path | None,
        typer.Option(help="Copy this `python` backend, e.g. /opt/tritonserver/backends/python."),
    ] = None,
    stock: Annotated[
        bool, typer.Option("--stock", help="Leave the `python` backend out altogether.")
    ] = False,
) -> None:
    """Write the folder that `tritonserver --backend-directory` takes.

    Without an option the `python` backend comes from the environment that `vdx setup` built.
    """
    from vdx.core.paths import locate
    from vdx.serving.backend_dir import TritonPython, assemble_backend_directory

    paths = locate()
    from_wheel = python_backend is None and not stock
    directory = assemble_backend_directory(
        out,
        paths.triton_backends,
        triton_python=TritonPython.inspect(paths.triton_python) if from_wheel else None,
        python_backend=python_backend,
    )
    typer.echo(directory)


def _announce(loaded: "Settings", server: "EmbeddedTriton") -> None:
    from vdx.cli.launch import bind_server

    if not loaded.config.registry.url:
        raise ConfigError("--announce needs the Redis to announce in: --set registry.url=redis://…")
    asyncio.run(_announced(loaded, server, bind_server(loaded, tell)))


async def _announced(
    loaded: "Settings", server: "EmbeddedTriton", listener: "socket.socket"
) -> None:
    """Runs Triton with the manager of its models, which is announced, until a signal."""
    from vdx.cli.launch import open_application, serve_until_stopped
    from vdx.cli.up import supervisor
    from vdx.transports.http.server import address_of

    async with server:
        triton = loaded.config.triton.model_copy(update={"url": server.grpc_url})
        async with open_application(
            loaded.config, triton, owner=True, manages_only=True
        ) as application:
            secure = loaded.config.model_manager.tls.given
            name, address = application.servers[0].name, address_of(listener, secure=secure)

            async def ready() -> None:
                tell(f"ready: {address}; Triton {server.grpc_url}, announced as {name}")

            watch = supervisor(application, application.servers[0], server).run
            await serve_until_stopped(application, listener, tell, [watch], ready)


async def _serve(server: "EmbeddedTriton") -> None:
    """Runs until Ctrl-C, SIGTERM or SIGHUP; a server that ends or hangs is restarted."""
    from vdx.core.config import TritonConfig
    from vdx.serving.supervision import Supervisor
    from vdx.serving.triton import TritonClient

    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, asked.set)
    config = TritonConfig(tls=server.options.tls)
    async with server, TritonClient(config.model_copy(update={"url": server.grpc_url})) as client:
        if server.has_own_socket:
            tell("another Triton of this VDX_HOME runs; this one has a socket of its own")
        tell(f"Triton is ready: {server.grpc_url}")
        metrics = f"metrics {server.metrics_url}, " if server.metrics_url else ""
        tell(f"{metrics}log {server.log_file}")

        def changed() -> None:
            if server.pid is not None:
                tell(f"Triton is ready again: log {server.log_file}")

        supervisor = Supervisor("Triton", server, warn, is_live=client.is_live, changed=changed)
        stop = asyncio.create_task(asked.wait(), name="stop-signal")
        watch = asyncio.create_task(supervisor.run(), name="supervision")
        await asyncio.wait((stop, watch), return_when=asyncio.FIRST_COMPLETED)
        for task in (stop, watch):
            task.cancel()
        await asyncio.gather(stop, watch, return_exceptions=True)
