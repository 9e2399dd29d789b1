"""`vdx top`: a live view in the terminal of a server's sessions and models, over its admin API."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdx.cli.server import DEFAULT_URL, Key, Url, call
from vdx.cli.talk_view import state_words

if TYPE_CHECKING:
    from rich.console import RenderableType

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def top(
    url: Url = DEFAULT_URL,
    api_key: Key = "",
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Print one look and end.")] = False,
) -> None:
    """Show live sessions and models; Ctrl-C ends it. Where no terminal looks: once."""
    from rich.console import Console
    from rich.live import Live

    if once or not Console().is_terminal:
        Console().print(_view(_look(url, api_key)))
        return
    with Live(_view(_look(url, api_key)), screen=True, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(every)
                live.update(_view(_look(url, api_key)), refresh=True)
        except KeyboardInterrupt:
            return


def _look(url: str, api_key: str) -> dict[str, Any]:
    paths = {"status": "/vdx/status", "sessions": "/vdx/sessions", "models": "/vdx/models"}
    return {name: call("GET", url, path, api_key) for name, path in paths.items()}


def _view(found: dict[str, Any]) -> "RenderableType":
    """Three tables: the server, its sessions, the models that are loaded or about to be."""
    from rich.console import Group

    status = found["status"]
    sessions = found["sessions"]["sessions"]
    models = [model for model in found["models"]["models"] if "phase" in model]
    server = _table("server", "sessions", "new sessions use", "answers", "tasks")
    server.add_row(
        "ready" if status["ready"] else "not ready",
        f"{status['sessions']} of {status['max_sessions']}",
        f"{status['voice']}, {status['recogniser'] or 'no recogniser'}",
        status["responder"],
        str(status["tasks"]),
    )
    calls = _table("session", "state", "gap", "voice", "recogniser", "items", "noise", "speech")
    for session in sessions:
        gap = session.get("gap_ms")
        calls.add_row(
            session["id"],
            state_words(session["state"]),
            f"{gap:.0f} ms" if gap is not None else "",
            session["voice"],
            session["recogniser"],
            str(session["messages"]),
            f"{session['vad']['noise_floor']:.0f}",
            f"{session['vad']['speech_ratio']:.0%}",
        )
    loaded = _table("model", "phase", "leases", "idle", "memory", "why")
    for model in models:
        memory = model.get("memory_mb")
        loaded.add_row(
            model["name"],
            model["phase"],
            str(model["leases"]),
            f"{model['idle_seconds']:.0f} s",
            f"{memory:.0f} MB" if memory is not None else "",
            model["why"],
        )
    return Group(server, calls, loaded)


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        # The first one names what the others tell of, and is typed into other commands.
        table.add_column(column, no_wrap=number == 0, overflow="fold", min_width=len(column))
    return table
