"""`vdx transcribe`: transcribe a recording."""

import asyncio
import enum
import json
import time
from contextlib import aclosing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.completions import model_ids
from vdx.cli.launch import load_settings, running_triton
from vdx.cli.named_models import check_model
from vdx.cli.options import named_tag
from vdx.cli.progress import progress_bar
from vdx.cli.standard_input import STANDARD, file_or_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vdx.batch.files import Segment
    from vdx.batch.transcripts import Document
    from vdx.core.config import Config
    from vdx.core.settings import Settings
    from vdx.serving.models import ModelInfo


class Form(enum.StrEnum):
    """Output formats: segment by segment, or whole as in the HTTP API."""

    lines = "lines"
    json_lines = "json_lines"
    text = "text"
    json = "json"
    verbose_json = "verbose_json"
    srt = "srt"
    vtt = "vtt"


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def transcribe(
    file: Annotated[
        Path,
        typer.Argument(
            help="wav, flac, mp3, m4a, mp4, webm, ogg, …; any rate and channels; - reads it from "
            "standard input."
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="A recogniser's model id.", autocompletion=model_ids)
    ] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47, such as en.")] = None,
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.lines,
    as_json: Annotated[bool, typer.Option("--json", help="Same as --format json_lines.")] = False,
    config: Annotated[Path | None, typer.Option("--config", help="YAML file.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting.")
    ] = None,
) -> None:
    """Transcribe a recording; uses the Triton that runs, or starts a temporary one."""
    loaded = load_settings(config, assign or [], {"asr.language": named_tag(language)})
    explicit = loaded.origins.get("asr.language", "default") != "default"
    language = loaded.config.asr.language if explicit else ""
    asyncio.run(_transcribe(loaded, file, model, language, Form.json_lines if as_json else form))


async def _transcribe(
    loaded: "Settings", file: Path, model: str | None, language: str, form: Form
) -> None:
    from vdx.batch import files
    from vdx.batch.recording import Recording
    from vdx.batch.transcripts import Document

    config, name = loaded.config, "standard input" if file == STANDARD else str(file)
    segments = list["Segment"]()
    with file_or_input(file) as source, Recording(source, name) as recording:
        async with running_triton(loaded, partial(_check, config, model, language)) as (
            client,
            manager,
        ):
            named = _named(config, model, await manager.names())
            chosen = await manager.resolve(named, "asr", config.asr.language)
            info = await manager.ensure(chosen, "asr", language)
            began = time.perf_counter()
            with progress_bar(chosen, recording.seconds, "s of the recording") as advance:
                found = files.transcribe(
                    client,
                    chosen,
                    recording,
                    config.vad,
                    language=language,
                    progress=advance,
                )
                async with aclosing(found):
                    async for segment in found:
                        segments.append(segment)
                        _tell(segment, form)
            took = time.perf_counter() - began
        document = Document(segments, recording.heard / 16_000, info.language(language))
    if form not in (Form.lines, Form.json_lines):
        typer.echo(document.rendered(form).rstrip("\n"))
    typer.echo(f"{name}: {document.seconds:.1f} s, {_summary(document, took)}", err=True)


def _named(config: "Config", model: str | None, names: "Iterable[str]") -> str:
    """The recogniser that was asked for, else the default one of the language."""
    from vdx.serving.default_models import DefaultModels

    return model or DefaultModels.of(config, names).recogniser(config.asr.language)


def _check(
    config: "Config", model: str | None, speaks: str, models: "Mapping[str, ModelInfo]"
) -> None:
    language = config.asr.language
    check_model(_named(config, model, models), "asr", language, models, speaks=speaks)


def _tell(segment: "Segment", form: Form) -> None:
    """Prints a segment at once, in the formats that allow it."""
    if form is Form.lines:
        typer.echo(f"{_clock(segment.start_ms)}  {segment.text}")
    elif form is Form.json_lines:
        typer.echo(json.dumps(asdict(segment)))


def _summary(document: "Document", took_s: float) -> str:
    count = len(document.segments)
    if not count:
        return "no speech was found"
    factor = took_s / max(document.seconds, 0.001)
    return f"{count} segment{'s' * (count > 1)} of speech, real-time factor {factor:.3f}"


def _clock(ms: int) -> str:
    seconds = ms / 1000
    return f"{int(seconds // 60):02}:{seconds % 60:05.2f}"
