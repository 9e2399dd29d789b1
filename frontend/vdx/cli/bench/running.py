"""What the commands of `vdx bench` share: options, the server to measure, progress, the table."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from vdx.bench.figures import Report
    from vdx.bench.target import Target, TargetOptions

Url = Annotated[str, typer.Option(help="A running server; else the bench starts one of its own.")]
ServerPid = Annotated[
    int | None, typer.Option(help="Process to charge CPU and memory to; else the server says.")
]
ApiKey = Annotated[str, typer.Option(envvar="VDX_API_KEY", help="If the server asks for one.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]
Rounds = Annotated[int, typer.Option(min=1, help="Repeats.")]
Sessions = Annotated[int, typer.Option(min=1, max=256, help="People at once.")]
Seconds = Annotated[float, typer.Option(min=1, help="How long each of them talks.")]
Aware = Annotated[
    bool, typer.Option("--aware", help="A client that knows vdx's events and freezes its buffer.")
]


class Transport(StrEnum):
    """How the people of a bench come."""

    WEBSOCKET = "websocket"
    LIVEKIT = "livekit"


By = Annotated[
    Transport, typer.Option("--transport", help="websocket, or livekit: rooms over WebRTC.")
]

Step = Callable[[], None]
Measure = Callable[["Target", Step], Awaitable["Report"]]

HUMAN = ("espeak-en", "pocketsphinx-en")
LOAD = ("tone", "canned")
"""Voice and recogniser of the bench's own server."""
TURN_S = 8.4
"""Three seconds of speech, the endpoint's silence, five seconds of reply."""


def command_app() -> typer.Typer:
    """The `app` that a module of this package puts its one command into."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)


def options_of(
    url: str,
    server_pid: int | None,
    api_key: str,
    models: tuple[str, str],
    *,
    answers: str = "",
    preload: list[str] | None = None,
    transport: Transport = Transport.WEBSOCKET,
) -> "TargetOptions":
    """What to measure: the server at `url`, or one with these models and answers."""
    from vdx.bench.target import TargetOptions, profile

    livekit, program = transport is Transport.LIVEKIT, None
    if livekit and not url:
        from vdx.cli.livekit_server import require_livekit_server

        program = require_livekit_server(lambda line: typer.echo(line, err=True))

    config = profile(*models, answers)
    if preload:
        config["models"] = {"preload": preload}
    return TargetOptions(url, server_pid, api_key, config, livekit, program)


def run(measure: Measure, steps: int, options: "TargetOptions", *, as_json: bool) -> None:
    """Measures a server and shows the report; `steps` is the length of the bar."""
    from vdx.bench.target import target

    async def work(step: Step) -> "Report":
        async with target(options) as found:
            return await measure(found, step)

    run_alone(work, steps, as_json=as_json)


def run_alone(measure: Callable[[Step], Awaitable["Report"]], steps: int, *, as_json: bool) -> None:
    """The same for a bench that needs no server."""
    from vdx.bench.figures import print_table

    async def work(step: Step) -> "Report":
        return await measure(step)

    with progress(steps) as step:
        report = asyncio.run(work(step))
    if as_json:
        typer.echo(report.as_json())
    else:
        print_table(report)


@contextlib.contextmanager
def progress(steps: int) -> Iterator[Step]:
    """A bar on standard error; the step it yields advances it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("measuring", total=steps)
        yield lambda: bar.advance(task)
