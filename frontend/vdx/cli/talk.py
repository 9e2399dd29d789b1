"""`vdx talk`: a conversation from this terminal, with the microphone or recordings."""

import asyncio
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.options import named_tag
from vdx.cli.server import DEFAULT_URL, Key, Url
from vdx.core.errors import VdxError

if TYPE_CHECKING:
    from vdx.cli.talk_view import View
    from vdx.client.microphone import EchoCanceller
    from vdx.client.realtime import RealtimeClient

app = typer.Typer(add_completion=False, rich_markup_mode=None)

SoundDevice = Annotated[
    str, typer.Option(help="Its number or a part of its name; default: the system's own.")
]
ECHO_DELAY_MS = 20
"""Delay of the echo in ms, in addition to the sound card's own."""


@dataclass(frozen=True, slots=True)
class TalkOptions:
    url: str
    api_key: str
    profile: str
    voice: str
    recordings: tuple[Path, ...]
    out: Path | None
    as_json: bool
    timeout_s: float
    language: str = ""
    microphone: str = ""
    loudspeaker: str = ""


@app.command()
def talk(
    wav: Annotated[
        list[Path] | None,
        typer.Option("--wav", help="Speak this recording; repeat for several turns."),
    ] = None,
    url: Url = DEFAULT_URL,
    api_key: Key = "",
    profile: Annotated[str, typer.Option(help="Profile of the server's configuration.")] = "",
    voice: Annotated[str, typer.Option(help="Voice to be answered with.")] = "",
    language: Annotated[
        str, typer.Option(help="What is heard and spoken, BCP-47, such as de.")
    ] = "",
    microphone: SoundDevice = "",
    loudspeaker: SoundDevice = "",
    devices: Annotated[
        bool, typer.Option("--devices", help="List microphones and loudspeakers, and end.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write what was heard to this WAV.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One event per line.")] = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds to wait for an answer to a recording.")
    ] = 20.0,
) -> None:
    """Talk from this terminal, with the microphone or a recording; Ctrl-C ends it."""
    if devices:
        _list_devices()
        return
    options = TalkOptions(
        url=url,
        api_key=api_key,
        profile=profile,
        voice=voice,
        recordings=tuple(wav or ()),
        out=out,
        as_json=as_json,
        timeout_s=timeout,
        language=named_tag(language) or "",
        microphone=microphone,
        loudspeaker=loudspeaker,
    )
    unanswered = 0
    with contextlib.suppress(KeyboardInterrupt):
        unanswered = asyncio.run(_talk(options))
    if unanswered:
        typer.echo(f"vdx: {unanswered} recording(s) got no answer", err=True)
        raise typer.Exit(1)


async def _talk(options: TalkOptions) -> int:
    from vdx.client.realtime import WIRE_RATE, RealtimeClient
    from vdx.client.recording import read_clip
    from vdx.client.scripted_call import speak_recordings, summary
    from vdx.core.audio import SPEAK_RATE

    rate = WIRE_RATE if options.recordings else SPEAK_RATE
    clips = [read_clip(path, rate) for path in options.recordings]
    unanswered = 0
    async with RealtimeClient.connect(
        options.url,
        profile=options.profile,
        api_key=options.api_key,
        rate=rate,
        freezes=True,
    ) as client:
        view = _view(options)
        client.on_event = view.show
        try:
            with view:
                spoken = {"language": options.language} if options.language else {}
                await client.update_session(voice=options.voice, events=True, vdx=spoken)
                if clips:
                    unanswered = await speak_recordings(client, clips, options.timeout_s)
                else:
                    await _speak_live(client, view, options)
        finally:
            if options.out is not None:
                _write_heard(client, options.out)
            if options.as_json:
                typer.echo(json.dumps(summary(client), ensure_ascii=False))
    return unanswered


def _list_devices() -> None:
    from vdx.cli.table import print_table
    from vdx.client.microphone import devices

    rows = [(str(each.number), ", ".join(each.directions), each.name) for each in devices()]
    print_table(("number", "is a", "name"), rows)


def _view(options: TalkOptions) -> "View":
    from vdx.cli.talk_view import JsonView, LiveView

    return JsonView() if options.as_json else LiveView(options.url)


async def _speak_live(client: "RealtimeClient", view: "View", options: TalkOptions) -> None:
    from vdx.client.microphone import SoundCard, playback_handler

    with SoundCard(_echo_canceller(), options.microphone, options.loudspeaker) as card:
        hear = playback_handler(client.listener, card)

        def on_event(event: dict[str, object], now: float) -> None:
            hear(event)
            view.show(event, now)

        client.on_event = on_event
        while True:
            await client.append(await card.frame())


def _echo_canceller() -> "EchoCanceller | None":
    """LiveKit's audio processing module; None, with a message, if it is not installed."""
    try:
        return LiveKitCanceller()
    except (ImportError, OSError):
        typer.echo(
            "vdx: no echo cancellation (package livekit is missing): use headphones, "
            "or the machine hears itself",
            err=True,
        )
        return None


class LiveKitCanceller:
    """Echo cancellation, noise suppression and high-pass on 10 ms blocks (int16 mono, 48 kHz)."""

    def __init__(self) -> None:
        from vdx.core.audio import SPEAK_RATE, to_pcm
        from vdx.speech.input.aec import EchoCanceller

        self._pcm = to_pcm
        self._canceller = EchoCanceller(SPEAK_RATE, noise_suppression=True, delay_ms=ECHO_DELAY_MS)

    def played(self, block: bytes) -> None:
        self._canceller.played(self._pcm(block))

    def clean(self, block: bytes) -> bytes:
        return self._canceller.clean(self._pcm(block)).tobytes()


def _write_heard(client: "RealtimeClient", out: Path) -> None:
    import wave

    from vdx.core.audio import SAMPLE_BYTES

    pieces = client.listener.pieces
    if not pieces:
        raise VdxError(f"nothing was heard, so {out} was not written", service="talk")
    heard = client.listener.render(pieces[0].start, client.listener.end)
    with wave.open(str(out), "wb") as file:
        file.setparams((1, SAMPLE_BYTES, client.rate, heard.size, "NONE", ""))
        file.writeframes(heard.astype("<i2", copy=False).tobytes())
