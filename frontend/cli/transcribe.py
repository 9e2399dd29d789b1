"""`vdx transcribe`: write down what a recording says."""

import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from frontend.cli.launch import borrow_triton, load_settings

if TYPE_CHECKING:
    from frontend.core.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def transcribe(
    file: Annotated[Path, typer.Argument(help="Any audio file; any rate, mono or stereo.")],
    model: Annotated[str | None, typer.Option(help="A recogniser's model id.")] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47, such as en.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: Annotated[Path | None, typer.Option("--config", help="YAML file.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting.")
    ] = None,
) -> None:
    """Write down a recording; uses the Triton that runs, or starts one for the moment."""
    loaded = load_settings(config, assign or [], {"asr.language": language})
    asyncio.run(_transcribe(loaded, file, model, as_json=as_json))


async def _transcribe(loaded: "Settings", file: Path, model: str | None, *, as_json: bool) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from frontend.transports import files

    config = loaded.config
    pcm = files.read_recording(file)
    stretches = files.find_speech(pcm, config.vad)
    async with borrow_triton(loaded) as (client, manager):
        chosen = model or await manager.pick_recogniser(config.asr)
        await manager.ensure(chosen, "asr")
        began = time.perf_counter()
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task(f"{chosen}", total=sum(s.end - s.start for s in stretches))
            lines = files.transcribe(client, chosen, pcm, stretches, config.asr.language)
            async for line in lines:
                progress.advance(task, (line.end_ms - line.start_ms) * 16)
                if as_json:
                    typer.echo(json.dumps(asdict(line)))
                else:
                    typer.echo(f"{_clock(line.start_ms)}  {line.text}")
        took = time.perf_counter() - began
    seconds = pcm.size / 16_000
    typer.echo(f"{file}: {seconds:.1f} s, {_summary(len(stretches), took, seconds)}", err=True)


def _summary(stretches: int, took_s: float, seconds: float) -> str:
    if not stretches:
        return "no speech was found"
    plural = "es" if stretches > 1 else ""
    return f"{stretches} stretch{plural} of speech, real-time factor {took_s / seconds:.3f}"


def _clock(ms: int) -> str:
    seconds = ms / 1000
    return f"{int(seconds // 60):02}:{seconds % 60:05.2f}"
