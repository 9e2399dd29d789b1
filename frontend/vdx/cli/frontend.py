"""`vdx frontend`: serve conversations against a Triton that runs elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.console import tell
from vdx.cli.launch import bind_server, load_settings, open_application, serve_until_stopped
from vdx.cli.options import (
    Assignments,
    ConfigFile,
    Host,
    Language,
    RecogniserId,
    VoiceId,
)
from vdx.core.errors import ConfigError

if TYPE_CHECKING:
    import socket

    from vdx.core.config import Config

NO_MANAGER = "none"

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def frontend(
    config: ConfigFile = None,
    triton_url: Annotated[
        str | None, typer.Option(help="gRPC address of Triton; default: the one of this VDX_HOME.")
    ] = None,
    manager: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The `vdx manager` or `vdx up` that loads the models of that Triton; none: this "
            "frontend is the only one there, and loads by itself.",
        ),
    ] = None,
    host: Host = None,
    port: Annotated[int | None, typer.Option(help="HTTP port; 0 = a free one.")] = None,
    voice: VoiceId = None,
    recogniser: RecogniserId = None,
    language: Language = None,
    livekit: Annotated[
        bool, typer.Option("--livekit", help="Serve rooms too, as a worker of livekit.url.")
    ] = False,
    assign: Assignments = None,
) -> None:
    """Serve conversations; waits for Triton when it is not there yet. Ctrl-C stops."""
    flags = {
        "triton.url": triton_url,
        "model_manager.url": manager,
        "server.host": host,
        "server.port": port,
        "tts.voice": voice,
        "asr.model": recogniser,
        "asr.language": language,
    }
    loaded = load_settings(config, assign or [], flags)
    effective = loaded.config
    if livekit:
        from vdx.cli.rooms import check, with_environment

        rooms = with_environment(effective.livekit)
        check(rooms)
        effective = effective.model_copy(update={"livekit": rooms})
    listener = bind_server(loaded, tell)
    effective = with_manager(effective)
    asyncio.run(_run(effective, listener, rooms=livekit))


def with_manager(config: "Config") -> "Config":
    """The configuration without the word that says that there is no manager.

    Raises:
        ConfigError: nothing says who loads the models; the message has the line that starts one.
    """
    managed = config.model_manager
    if managed.url == NO_MANAGER:
        managed = managed.model_copy(update={"url": ""})
        return config.model_copy(update={"model_manager": managed})
    announced = config.registry.url and not config.triton.url
    if not managed.url and not announced:
        there = f" --triton-url {config.triton.url}" if config.triton.url else ""
        raise ConfigError(
            f"nobody loads the models of this frontend; start a manager: vdx manager{there}, and "
            f"name it: vdx frontend{there} --manager http://127.0.0.1:8090 (model_manager.url); "
            f"--manager {NO_MANAGER}: it is the only one there and loads by itself"
        )
    return config


async def _run(config: "Config", listener: "socket.socket", *, rooms: bool) -> None:
    from vdx.cli.language_model import keep_answering, local_language_models
    from vdx.serving.address import triton_at
    from vdx.transports.http.server import address_of

    async def ready() -> None:
        tell(f"ready: {address_of(listener)}  (Ctrl-C stops)")

    async with (
        local_language_models(config, tell) as (started, models),
        open_application(started, triton_at(started)) as served,
    ):
        served.language_models = models
        work: list[Callable[[], Awaitable[None]]] = [
            partial(keep_answering, model, served) for model in models
        ]
        await serve_until_stopped(served, listener, tell, work, ready, rooms=rooms)
