"""`vdx up`: everything on one machine: Triton, models, the server, and a proof turn."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.console import tell, warn
from vdx.cli.launch import (
    bind_server,
    embedded_triton,
    load_settings,
    models_here,
    open_application,
    serve_until_stopped,
)
from vdx.cli.named_models import check_profiles
from vdx.cli.optional_value import WithOptionalValue
from vdx.cli.options import (
    Assignments,
    ConfigFile,
    Host,
    Language,
    RecogniserId,
    VoiceId,
)
from vdx.cli.removed_options import RemovedPort
from vdx.core.errors import ConfigError

if TYPE_CHECKING:
    import socket

    from vdx.app import Application
    from vdx.app.model_server import ModelServer
    from vdx.core.config import Config
    from vdx.core.settings import Settings
    from vdx.serving.embedded import EmbeddedTriton
    from vdx.serving.language_model import LanguageModelServer
    from vdx.serving.supervision import Supervisor

app = typer.Typer(add_completion=False, rich_markup_mode=None)

REST_S = 2.0
"""After the end of a Triton whose sessions go on at others: its start keeps all cores busy for
seconds, and those who listen there have little audio ahead."""

Port = Annotated[int | None, typer.Option(min=0, max=65535, help="0 = a free one.")]
LanguageModel = Annotated[
    str | None,
    typer.Option(
        "--llm",
        metavar="[PATH.gguf]",
        help="Answer with a language model on this machine: a small one, or the file's.",
    ),
]


@app.command(cls=WithOptionalValue)
def up(
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    grpc_address: Annotated[
        str | None,
        typer.Option(help="HOST:PORT for Triton's gRPC, with triton.tls; default: no port."),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Triton's metrics on loopback; default: none."),
    ] = None,
    voice: VoiceId = None,
    recogniser: RecogniserId = None,
    language: Language = None,
    light: Annotated[
        bool, typer.Option("--light", help="espeak and pocketsphinx instead of neural models.")
    ] = False,
    responder: Annotated[str | None, typer.Option(help="repeat, script, chat or local.")] = None,
    llm: LanguageModel = None,
    livekit: Annotated[
        bool,
        typer.Option("--livekit", help="Serve rooms too, on a LiveKit server started here."),
    ] = False,
    tritons: Annotated[
        int | None, typer.Option(help="Servers to start, each with a GPU where there are several.")
    ] = None,
    proof: Annotated[
        bool, typer.Option(help="Prove one whole turn with a recording before serving.")
    ] = True,
    assign: Assignments = None,
    grpc_port: RemovedPort = None,  # noqa: ARG001  (says what to use instead)
    http_port: RemovedPort = None,  # noqa: ARG001  (says what to use instead)
) -> None:
    """Start Triton, load a recogniser and a voice, test one turn, and serve until Ctrl-C."""
    flags = {
        "server.host": host,
        "server.port": port,
        "embedded.grpc_address": grpc_address,
        "embedded.metrics_port": metrics_port,
        "embedded.tritons": tritons,
        **_models(voice, recogniser, light=light),
        "asr.language": language,
        "responder.kind": responder,
        **_language_model(llm, responder),
    }
    loaded = load_settings(config, assign or [], flags)
    check_profiles(loaded.config, asyncio.run(models_here()))
    listener = bind_server(loaded, tell)
    asyncio.run(_run(loaded, listener, proof=proof, livekit=livekit))


def _models(voice: str | None, recogniser: str | None, *, light: bool) -> dict[str, str | None]:
    """The settings of the default models; what is named wins over `--light`."""
    from vdx.serving.default_models import LIGHT_RECOGNISER, LIGHT_VOICE, NO_ENDPOINTER

    return {
        "tts.voice": voice or (LIGHT_VOICE if light else None),
        "asr.model": recogniser or (LIGHT_RECOGNISER if light else None),
        "endpointing.model": NO_ENDPOINTER if light else None,
    }


def _language_model(llm: str | None, responder: str | None) -> dict[str, str | None]:
    """The settings that `--llm` stands for; raises ConfigError beside another responder."""
    if llm is None:
        return {}
    if responder not in (None, "local"):
        raise ConfigError(f"--llm answers by itself; leave out --responder {responder}")
    return {"responder.kind": "local", "responder.local.path": llm or None}


async def _run(
    loaded: "Settings", listener: "socket.socket", *, proof: bool, livekit: bool
) -> None:
    from vdx.cli.language_model import local_language_models

    async with local_language_models(loaded.config, tell) as (config, models):
        if not livekit:
            await _serve(loaded, listener, config, [], models, proof=proof)
            return
        from vdx.cli.rooms import development_rooms, keep_running

        async with development_rooms(config, tell) as (with_rooms, server):
            watch: list[Callable[[], Awaitable[None]]] = []
            if server is not None:
                watch.append(partial(keep_running, server, tell))
            await _serve(loaded, listener, with_rooms, watch, models, proof=proof, rooms=True)


async def _serve(
    loaded: "Settings",
    listener: "socket.socket",
    config: "Config",
    background: list[Callable[[], Awaitable[None]]],
    models: "list[LanguageModelServer]",
    *,
    proof: bool,
    rooms: bool = False,
) -> None:
    from vdx.cli.language_model import keep_answering
    from vdx.cli.welcome import prove, welcome
    from vdx.transports.http.server import address_of

    address = address_of(listener)
    tritons = [embedded_triton(loaded, number=n) for n in range(config.embedded.tritons)]
    tell("starting Triton …" if len(tritons) == 1 else f"starting {len(tritons)} Tritons …")
    async with contextlib.AsyncExitStack() as running:
        for triton in tritons:
            await running.enter_async_context(triton)
        _tell_address(tritons[0])
        first, *others = [
            config.triton.model_copy(update={"url": triton.grpc_url}) for triton in tritons
        ]
        async with open_application(config, first, others=others, owner=True) as host:
            host.triton_metrics = tritons[0].metrics_url
            host.language_models = models
            tell("loading models …")

            async def ready() -> None:
                if proof:
                    await prove(address, config)
                welcome(address, host)

            work: list[Callable[[], Awaitable[None]]] = [*background]
            for server, triton in zip(host.servers, tritons, strict=True):
                work.append(supervisor(host, server, triton).run)
            work += [partial(keep_answering, model, host) for model in models]
            await serve_until_stopped(host, listener, tell, work, ready, rooms=rooms)
    tell("stopped")


def supervisor(
    host: "Application", server: "ModelServer", triton: "EmbeddedTriton"
) -> "Supervisor":
    """Starts a Triton anew that ended or hangs, and has its models looked at then."""
    from vdx.serving.supervision import Supervisor

    title = "Triton" if len(host.servers) == 1 else f"Triton {server.name}"

    def note() -> None:
        server.pid = triton.pid
        host.triton_pid = host.servers[0].pid

    def changed() -> None:
        note()
        server.readiness.suspect("" if triton.pid else f"{title} ended and is restarted")
        server.manager.recovery.suspect()
        if triton.pid is None:
            host.routes.lost(server)

    note()
    return Supervisor(
        title,
        triton,
        warn,
        is_live=server.client.is_live,
        changed=changed,
        rest_s=lambda: REST_S if host.routes.others_have(server) else 0.0,
    )


def _tell_address(triton: "EmbeddedTriton") -> None:
    """Prints Triton's address if it is not the usual socket."""
    if triton.has_own_socket:
        tell(f"another Triton of this VDX_HOME runs; this one is at {triton.grpc_url}")
    elif triton.options.grpc_address:
        tell(f"Triton listens on {triton.options.grpc_address} with mutual TLS")
    if triton.metrics_url:
        tell(f"Triton's metrics: {triton.metrics_url}")
