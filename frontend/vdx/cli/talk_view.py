"""The output of `vdx talk`: one JSON line per event, or captions with state and level."""

import json
import time
from typing import TYPE_CHECKING, Any, Protocol, Self

import typer

from vdx.core.error_words import error_words

if TYPE_CHECKING:
    from rich.console import RenderableType

Event = dict[str, Any]

LEVEL_CELLS = 24
FULL_LEVEL = 6000.0
CAPTIONS = 12


STATES = {
    "idle": "Say something",
    "listening": "Listening",
    "thinking": "Thinking",
    "speaking": "Speaking; interrupt it at will",
    "barged_in": "Interrupted",
    "waiting_for_input": "Your turn",
    "terminated": "Ended",
}
"""The states of a session in the words of the page."""


def state_words(state: str) -> str:
    """A state in the words of the page, for a cell of a table."""
    return STATES.get(state, state).partition(";")[0].lower()


class View(Protocol):
    """Shown every server event; used as a context manager around the conversation."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def show(self, event: Event, now: float) -> None: ...


class JsonView:
    """One event a line with `t_ms` since the start; audio is replaced by its size in bytes."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def show(self, event: Event, now: float) -> None:
        stamped = {"t_ms": round((now - self._began) * 1000, 1), **event}
        typer.echo(json.dumps(stamped, ensure_ascii=False))


class LiveView:
    """Captions of both sides, the session's state and the level of the microphone."""

    def __init__(self, address: str) -> None:
        from rich.live import Live

        self._address = address
        self._state = "idle"
        self._level = 0.0
        self._hearing = ""
        self._note = ""
        self._lines: list[tuple[str, str]] = []
        self._reply_open = False
        self._live = Live(get_renderable=self.rendered, refresh_per_second=10)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)
        if not self._live.console.is_terminal:
            typer.echo()  # rich leaves the last line of a pipe open

    def show(self, event: Event, now: float) -> None:  # noqa: ARG002  (the other view needs it)
        match event["type"]:
            case "vdx.state":
                self._state = "thinking" if event["thinking"] else event["state"]
            case "vdx.vad":
                self._level = event.get("level", 0.0)
            case "vdx.transcript":
                self._hearing = event["text"]
            case "conversation.item.input_audio_transcription.completed":
                self._hearing = ""
                if event["transcript"]:
                    self._add("you", event["transcript"])
            case "vdx.hint":
                self._note = event["message"]
            case "vdx.turn":
                self._note = f"answered after {event['speech_end_to_first_audio_ms']:.0f} ms"
            case "error":
                self._note = error_words(event["error"])
            case _:
                self._show_reply(event)

    def _show_reply(self, event: Event) -> None:
        match event["type"]:
            case "response.output_audio_transcript.delta" if self._reply_open:
                who, text = self._lines[-1]
                self._lines[-1] = who, text + event["delta"]
            case "response.output_audio_transcript.delta":
                self._add("vdx", event["delta"])
                self._reply_open = True
            case "response.done":
                if self._reply_open and event["response"]["status"] == "cancelled":
                    self._add("", "(interrupted)")
                self._reply_open = False

    def _add(self, who: str, text: str) -> None:
        self._reply_open = False
        self._lines = [*self._lines, (who, text)][-CAPTIONS:]

    def rendered(self) -> "RenderableType":
        """The panel with the current values."""
        from rich.panel import Panel
        from rich.text import Text

        body = Text()
        for who, text in self._lines:
            style = "bold cyan" if who == "you" else "green"
            body.append(f"{who:>4}  ", style="dim").append(f"{text.strip()}\n", style=style)
        if self._hearing:
            body.append(" you  ", style="dim").append(f"{self._hearing} …\n", style="cyan")
        cells = min(LEVEL_CELLS, round(self._level / FULL_LEVEL * LEVEL_CELLS))
        body.append(f"\n{STATES.get(self._state, self._state):<32}", style="bold magenta")
        body.append("▮" * cells, style="yellow").append("▯" * (LEVEL_CELLS - cells), style="dim")
        body.append(f"  {self._note}", style="dim")
        return Panel(body, title=f"vdx talk {self._address}", subtitle="Ctrl-C ends")
