"""Makes a command of a bench: own and shared options, progress, the table of figures."""

import asyncio
import contextlib
import inspect
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vdx.cli.server import require_server_url

if TYPE_CHECKING:
    from vdx.bench.figures import Report
    from vdx.bench.registry import Bench
    from vdx.bench.target import Target, TargetOptions

Rounds = Annotated[int, typer.Option(min=1, help="Repeats.")]
Sessions = Annotated[int, typer.Option(min=1, max=256, help="People at once.")]
Seconds = Annotated[float, typer.Option(min=1, max=86_400, help="How long each of them talks.")]
Aware = Annotated[
    bool, typer.Option("--aware", help="A client that knows vdx's events and freezes its buffer.")
]

Recogniser = Annotated[
    str, typer.Option(help="Of the bench's own server; default: that of `vdx up`.")
]


class Transport(StrEnum):
    """How the users of a bench connect."""

    WEBSOCKET = "websocket"
    TELEPHONE = "telephone"
    LIVEKIT = "livekit"


By = Annotated[
    Transport,
    typer.Option(
        "--transport",
        help="websocket; telephone: the same with G.711 at 8 kHz; or livekit: rooms over WebRTC.",
    ),
]
Url = Annotated[str, typer.Option(help="A running server; else the bench starts one of its own.")]
ServerPid = Annotated[
    int | None, typer.Option(help="Process to charge CPU and memory to; else the server says.")
]
ApiKey = Annotated[str, typer.Option(envvar="VDX_API_KEY", help="If the server asks for one.")]
Light = Annotated[
    bool,
    typer.Option(
        "--light", help="The bench's own server: espeak and pocketsphinx, no neural models."
    ),
]
Llm = Annotated[
    bool,
    typer.Option("--llm", help="The bench's own server: the small language model answers."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]
Check = Annotated[
    bool, typer.Option("--check", help="End with status 1 where a figure misses its goal.")
]

SHARED: Final[Mapping[str, tuple[Any, Any]]] = {
    "transport": (By, Transport.WEBSOCKET),
    "url": (Url, ""),
    "server_pid": (ServerPid, None),
    "api_key": (ApiKey, ""),
    "light": (Light, False),
    "llm": (Llm, False),
    "check": (Check, False),
    "as_json": (AsJson, False),
}
"""Type and default of options that several benches have."""
RUNNING = ("url", "api_key")
CHARGED = ("url", "server_pid", "api_key")
ROOMS = ("transport", "url", "server_pid", "api_key")
TALKING = (*ROOMS, "light")
"""Names in `SHARED`: for a running server; with its CPU and memory; with rooms; with a person."""

DEFAULT = ("", "")
LIGHT = ("espeak-en", "pocketsphinx-en")
LOAD = ("tone", "canned")
"""Voice and recogniser of the bench's own server; the default are those of `vdx up`."""
TURN_S = 8.4
"""Three seconds of speech, the endpoint's silence, five seconds of reply."""

TERMINATED = 128 + signal.SIGTERM
SOAK_TURN_S = 15.0
"""A turn of a soak, the silence after it included."""

Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Alone:
    """A bench that needs no server; it calls `step` that many `steps` times."""

    steps: int
    measure: Callable[[Step], Awaitable["Report"]]


@dataclass(frozen=True, slots=True)
class OnServer:
    """A bench of a server; one of the bench's own has these models, and answers so.

    `answers` is a script in `vdx/bench/data`; without one, `responder` is what answers. `config` is
    the rest of its configuration. `rooms`: it needs a LiveKit server, whatever the transport.
    """

    steps: int
    measure: Callable[["Target", Step], Awaitable["Report"]]
    models: tuple[str, str] = DEFAULT
    answers: str = ""
    responder: str = "repeat"
    preload: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    rooms: bool = False
    brief: bool = False
    """It has the profile `brief` too."""
    api_key: str = ""
    """That a server of the bench's own asks for."""


Planned = Callable[..., Alone | OnServer]
"""The function of a command: takes its own options, returns what to measure."""


def add(
    app: typer.Typer, benches: Mapping[str, "Bench"], name: str, shared: tuple[str, ...] = ()
) -> Callable[[Planned], Planned]:
    """Makes a function the command `name`, with those of `SHARED`, --check and --json.

    The first line of the command's help is that of `benches`, the rest the function's docstring.
    """

    def register(plan: Planned) -> Planned:
        def command(check: bool, as_json: bool, **given: Any) -> None:
            about_server = {option: given.pop(option) for option in shared}
            run(plan(**given), check=check, as_json=as_json, **about_server)

        own = inspect.signature(plan, eval_str=True).parameters.values()
        parameters = [*own, *map(_parameter, (*shared, "check", "as_json"))]
        signature = inspect.Signature(parameters)
        command.__signature__ = signature  # type: ignore[attr-defined]  # what inspect looks for
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        lines = filter(None, (benches[name].help, inspect.getdoc(plan)))
        app.command(name, help="\n\n".join(lines))(command)
        return plan

    return register


def _parameter(option: str) -> inspect.Parameter:
    annotation, default = SHARED[option]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(option, kind, default=default, annotation=annotation)


def run(
    plan: Alone | OnServer,
    *,
    check: bool,
    as_json: bool,
    url: str = "",
    server_pid: int | None = None,
    api_key: str = "",
    transport: Transport = Transport.WEBSOCKET,
    light: bool = False,
    llm: bool = False,
) -> None:
    """Measures and shows the report; with `check`, ends with status 1 where a goal is missed."""
    if isinstance(plan, Alone):
        work = plan.measure
    else:
        if light and plan.models == DEFAULT:
            plan = replace(plan, models=LIGHT)
        if llm:
            plan = replace(plan, responder="local")
        options = _target_options(plan, url, server_pid, api_key, transport)
        work = _with_server(plan, options)
    missed = _show(work, plan.steps, as_json=as_json)
    if check and missed:
        typer.echo(f"vdx: missed its goal: {'; '.join(missed)}", err=True)
        raise typer.Exit(1)


def _target_options(
    plan: OnServer, url: str, server_pid: int | None, api_key: str, transport: Transport
) -> "TargetOptions":
    """What to measure: the server at `url`, or one of the bench's own.

    Raises:
        InvalidInput: `url` is no address.
        UnknownName: a model of the bench's own server is not here.
    """
    from vdx.bench.target import TargetOptions, profile, with_brief

    if url:
        url = require_server_url(url)
    else:
        _require_models(plan)
        api_key = plan.api_key
    livekit, program = plan.rooms or transport is Transport.LIVEKIT, None
    if livekit and not url:
        from vdx.cli.livekit_server import require_livekit_server

        program = require_livekit_server(lambda line: typer.echo(line, err=True))

    config = {**profile(*plan.models, plan.answers, plan.responder), **plan.config}
    if plan.brief:
        config = with_brief(config)
    if api_key and not url:
        config["server"] = {"api_keys": [api_key]}
    if plan.preload:
        voices = len(plan.preload) + 1
        config["model_manager"] = {
            "preload_model_ids": list(plan.preload),
            "resident_cap": max(voices, 3),
        }
    telephone = transport is Transport.TELEPHONE
    return TargetOptions(url, server_pid, api_key, config, livekit, program, telephone)


def _require_models(plan: OnServer) -> None:
    """Raises UnknownName for a model of the bench's own server that is not here."""
    from vdx.cli.launch import models_here
    from vdx.cli.named_models import check_model, check_voice
    from vdx.core.config import AsrConfig
    from vdx.core.voice_choice import VoiceChoice

    here, language = asyncio.run(models_here()), AsrConfig().language
    voice, recogniser = plan.models
    if voice:
        check_voice(VoiceChoice.parse(voice), language, here)
    if recogniser:
        check_model(recogniser, "asr", language, here)
    for name in plan.preload:
        check_model(name, None, language, here)


def _with_server(plan: OnServer, options: "TargetOptions") -> Callable[[Step], Awaitable["Report"]]:
    from vdx.bench.target import target

    async def work(step: Step) -> "Report":
        async with target(options) as found:
            return await plan.measure(found, step)

    return work


def _show(work: Callable[[Step], Awaitable["Report"]], steps: int, *, as_json: bool) -> list[str]:
    """Measures and prints; returns the names of the figures that miss their goal."""
    from vdx.bench.figures import print_table

    report = _measured(work, steps)
    if as_json:
        typer.echo(report.as_json())
    else:
        print_table(report)
    return report.missed()


def measure_on_server(plan: OnServer) -> "Report":
    """What the bench finds with a server of its own.

    Raises:
        UnknownName: a model of that server is not here.
    """
    options = _target_options(plan, "", None, "", Transport.WEBSOCKET)
    return _measured(_with_server(plan, options), plan.steps)


def _measured(work: Callable[[Step], Awaitable["Report"]], steps: int) -> "Report":
    async def measure(step: Step) -> "Report":
        # As Ctrl-C does: servers of the bench's own have to end with it.
        if (task := asyncio.current_task()) is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work(step)

    with progress(steps) as step:
        try:
            return asyncio.run(measure(step))
        except asyncio.CancelledError:
            raise typer.Exit(TERMINATED) from None


@contextlib.contextmanager
def progress(steps: int) -> Iterator[Step]:
    """A bar on standard error; the step it yields advances it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), redirect_stdout=False) as bar:
        task = bar.add_task("measuring", total=steps)
        yield lambda: bar.advance(task)
