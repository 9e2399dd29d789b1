"""`vdx bench`: measure turns, interruptions, jitter, sessions and the pieces below."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from frontend.bench.figures import Report
    from frontend.bench.target import Target

app = typer.Typer(
    help="Measure turns, interruptions, jitter and sessions, from the person's side.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)

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

Step = Callable[[], None]
Measure = Callable[["Target", Step], Awaitable["Report"]]

HUMAN = ("espeak-en", "pocketsphinx-en")
LOAD = ("tone", "canned")
"""Voice and recogniser of the bench's own server."""


@app.command()
def turn(
    rounds: Rounds = 3,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """End of speech to the first audio of the answer.

    A round is four clips, answered by echo.
    """
    from frontend.bench import turn as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, step)

    _run(measure, rounds * 4, _options(url, server_pid, api_key, HUMAN), as_json=as_json)


@app.command()
def bargein(
    rounds: Rounds = 5,
    aware: Aware = False,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """Onset of interrupting speech to silence.

    Measured at the person; a round is two clips.
    """
    from frontend.bench import bargein as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, aware=aware, step=step)

    options = _options(url, server_pid, api_key, HUMAN, answers="bargein.yaml")
    _run(measure, rounds * 2, options, as_json=as_json)


@app.command("false-bargein")
def false_bargein(
    rounds: Rounds = 5,
    aware: Aware = False,
    voice: Annotated[
        str,
        typer.Option(help="Of the bench's own server; espeak-en never says a text twice alike."),
    ] = "tone",
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """A 300 ms "uh" during the reply.

    What is lost, what is doubled, and when the reply goes on.
    """
    from frontend.bench import false_bargein as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, aware=aware, exact=voice == "tone", step=step)

    options = _options(url, server_pid, api_key, (voice, HUMAN[1]), answers="bargein.yaml")
    _run(measure, rounds + 1, options, as_json=as_json)


@app.command()
def interruptions(
    count: Annotated[int, typer.Option(min=1, help="Interruptions in all.")] = 1000,
    sessions: Sessions = 16,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """Audio of cancelled replies heard afterwards.

    Over many interruptions, several at once.
    """
    from frontend.bench import interruptions as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, count, sessions, step)

    options = _options(url, server_pid, api_key, LOAD, answers="interruptions.yaml")
    _run(measure, count, options, as_json=as_json)


@app.command()
def jitter(
    sessions: Sessions = 16,
    seconds: Seconds = 45,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """How evenly audio arrives, and CPU a session.

    Also whether it has holes at the person.
    """
    from frontend.bench import jitter as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, sessions, seconds, step)

    options = _options(url, server_pid, api_key, LOAD, answers="load.yaml")
    turns = int(sessions * seconds / TURN_S)
    _run(measure, turns, options, as_json=as_json)


TURN_S = 8.4
"""Three seconds of speech, the endpoint's silence, five seconds of reply."""


@app.command()
def sessions(
    connects: Annotated[int, typer.Option(min=1, help="Connections to time.")] = 20,
    cost: Annotated[
        bool, typer.Option("--cost", help="CPU per session-second at --sessions at once.")
    ] = False,
    churn: Annotated[
        int, typer.Option(min=0, help="Instead: open and close so many sessions.")
    ] = 0,
    at_once: Annotated[
        int, typer.Option("--sessions", min=1, help="At once, for --cost and --churn.")
    ] = 8,
    seconds: Seconds = 45,
    url: Url = "",
    server_pid: ServerPid = None,
    api_key: ApiKey = "",
    as_json: AsJson = False,
) -> None:
    """What sessions cost, and what stays behind.

    Time to open, CPU and memory.
    """
    from frontend.bench import sessions as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        if churn:
            return bench.measure_churn(target, churn, at_once, step)
        if cost:
            return bench.measure_cost(target, at_once, seconds, step)
        return bench.measure(target, connects, step)

    answers = "load.yaml" if cost else "short.yaml"
    options = _options(url, server_pid, api_key, LOAD, answers=answers)
    steps = churn or (int(at_once * seconds / TURN_S) if cost else 3)
    _run(measure, steps, options, as_json=as_json)


@app.command("first-audio")
def first_audio(rounds: Rounds = 100, as_json: AsJson = False) -> None:
    """First audio over gRPC, straight from a voice.

    Also chunks computed after a cancellation, and the cost of one input frame.
    """
    from frontend.bench import first_audio as bench

    def measure(target: "Target", step: Step) -> Awaitable["Report"]:
        return bench.measure(target, rounds, step)

    options = _options("", None, "", LOAD, preload=[name for name, _ in bench.VOICES])
    _run(measure, rounds * len(bench.VOICES), options, as_json=as_json)


def _options(
    url: str,
    server_pid: int | None,
    api_key: str,
    models: tuple[str, str],
    *,
    answers: str = "",
    preload: list[str] | None = None,
) -> Any:
    from frontend.bench.target import TargetOptions, profile

    config = profile(*models, answers)
    if preload:
        config["models"] = {"preload": preload}
    return TargetOptions(url, server_pid, api_key, config)


def _run(measure: Measure, steps: int, options: Any, *, as_json: bool) -> None:
    from frontend.bench.figures import print_table
    from frontend.bench.target import target

    async def work(step: Step) -> "Report":
        async with target(options) as found:
            return await measure(found, step)

    with _progress(steps) as step:
        report = asyncio.run(work(step))
    if as_json:
        typer.echo(report.as_json())
    else:
        print_table(report)


@contextlib.contextmanager
def _progress(steps: int) -> Iterator[Step]:
    """A bar on standard error; the step it yields advances it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("measuring", total=steps)
        yield lambda: bar.advance(task)
