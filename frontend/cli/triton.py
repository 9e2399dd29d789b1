"""`vdx triton`: run the embedded server, or assemble the backend directory of a stock one."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from frontend.core.errors import TritonUnavailable

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
    """Run until Ctrl-C or SIGTERM; raises TritonUnavailable when the server ends by itself."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    async with server:
        ports = server.ports
        typer.echo(f"Triton is ready: gRPC {server.grpc_url}, HTTP 127.0.0.1:{ports.http}")
        typer.echo(f"metrics {server.metrics_url}, log {server.log_file}")
        stop = asyncio.create_task(asked.wait(), name="stop-signal")
        death = asyncio.create_task(server.died(), name="triton-death")
        await asyncio.wait((stop, death), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not death.cancel():
            raise TritonUnavailable(f"tritonserver ended by itself:\n{server.log_tail()}")
