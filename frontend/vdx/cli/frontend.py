"""`vdx frontend`: serve conversations against a Triton that runs elsewhere."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vdx.cli.console import tell
from vdx.cli.launch import bind_server, load_settings, open_application, serve_until_stopped

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def frontend(
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML file; else vdx.yaml here.")
    ] = None,
    triton_url: Annotated[
        str | None, typer.Option(help="gRPC address of Triton; default: the one of this VDX_HOME.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind.")] = None,
    port: Annotated[int | None, typer.Option(help="HTTP port; 0 = a free one.")] = None,
    voice: Annotated[str | None, typer.Option(help="Default voice, a model id.")] = None,
    recogniser: Annotated[str | None, typer.Option(help="Recogniser, a model id.")] = None,
    language: Annotated[
        str | None, typer.Option(help="What is heard and spoken, BCP-47, such as de; default: en.")
    ] = None,
    livekit: Annotated[
        bool, typer.Option("--livekit", help="Serve rooms too, as a worker of livekit.url.")
    ] = False,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting.")
    ] = None,
) -> None:
    """Serve conversations; waits for Triton when it is not there yet. Ctrl-C stops."""
    flags = {
        "triton.url": triton_url,
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

    async def run() -> None:
        from vdx.cli.language_model import keep_answering, local_language_models
        from vdx.serving.address import triton_at
        from vdx.transports.http.server import address_of

        async def ready() -> None:
            tell(f"ready: {address_of(listener)}  (Ctrl-C stops)")

        async with (
            local_language_models(effective, tell) as (started, models),
            open_application(started, triton_at(started)) as served,
        ):
            served.language_models = models
            await serve_until_stopped(
                served,
                listener,
                tell,
                [partial(keep_answering, model, served) for model in models],
                ready,
                rooms=livekit,
            )

    asyncio.run(run())
