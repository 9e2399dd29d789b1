"""`vdx triton`: run the embedded server, or assemble the backend directory of a stock one."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from frontend.cli.telling import tell, warn

if TYPE_CHECKING:
    from frontend.serving.embedded import EmbeddedTriton

app = typer.Typer(
    help="Run the embedded Triton, or assemble backends for a stock one.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=False,
    invoke_without_command=True,
)

Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="0 = a free one; default: Triton's own if it is free."),
]


@app.callback()
def run(
    context: typer.Context,
    grpc_port: Port = None,
    http_port: Port = None,
    metrics_port: Port = None,
    model_repository: Annotated[
        Path | None, typer.Option(help="Default: the one that comes with vdx, and the pulled.")
    ] = None,
    log_file: Annotated[Path | None, typer.Option(help="Default: a temporary file.")] = None,
) -> None:
    """Start the embedded server on loopback with nothing loaded; Ctrl-C stops it."""
    if context.invoked_subcommand is not None:
        return
    from frontend.core.paths import locate
    from frontend.serving.embedded import EmbeddedOptions, EmbeddedTriton

    paths = locate()
    server = EmbeddedTriton(
        EmbeddedOptions(
            triton_python=paths.triton_python,
            model_repository=model_repository or paths.model_repository,
            families=paths.triton_backends,
            pulled_models=None if model_repository else paths.pulled_models,
            grpc_port=grpc_port,
            http_port=http_port,
            metrics_port=metrics_port,
            log_file=log_file,
        )
    )
    asyncio.run(_serve(server))


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
    from frontend.core.paths import locate
    from frontend.serving.backend_dir import TritonPython, assemble_backend_directory

    paths = locate()
    from_wheel = python_backend is None and not stock
    directory = assemble_backend_directory(
        out,
        paths.triton_backends,
        triton_python=TritonPython.inspect(paths.triton_python) if from_wheel else None,
        python_backend=python_backend,
    )
    typer.echo(directory)


async def _serve(server: "EmbeddedTriton") -> None:
    """Runs until Ctrl-C, SIGTERM or SIGHUP; a server that ends or hangs is started again."""
    from frontend.core.config import TritonConfig
    from frontend.serving.supervision import Supervisor
    from frontend.serving.triton import TritonClient

    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, asked.set)
    async with server, TritonClient(TritonConfig(url=server.grpc_url)) as client:
        ports = server.ports
        tell(f"Triton is ready: gRPC {server.grpc_url}, HTTP 127.0.0.1:{ports.http}")
        tell(f"metrics {server.metrics_url}, log {server.log_file}")

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
