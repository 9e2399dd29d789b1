"""`vdx transcribe`: transcribe a recording."""

import asyncio
import enum
import json
import time
from contextlib import aclosing
from dataclasses import asdict, dataclass
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
from vdx.core.errors import InvalidInput
from vdx.core.language_names import is_auto

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vdx.batch.files import Segment
    from vdx.batch.recording import Recording
    from vdx.batch.speakers import SpeakerLabels
    from vdx.batch.transcripts import Document
    from vdx.core.config import Config
    from vdx.core.settings import Settings
    from vdx.serving.manager import ModelManager
    from vdx.serving.models import ModelInfo
    from vdx.serving.triton import TritonClient


class Form(enum.StrEnum):
    """Output formats: segment by segment, or whole as in the HTTP API."""

    lines = "lines"
    json_lines = "json_lines"
    text = "text"
    json = "json"
    verbose_json = "verbose_json"
    srt = "srt"
    vtt = "vtt"
    diarized_json = "diarized_json"


class Channels(enum.StrEnum):
    """Which channels of a recording are written down."""

    AUTO = "auto"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was given; an empty `language` is found out."""

    model: str | None
    language: str
    detect: bool = False
    translate: bool = False
    split: bool = False
    speakers: bool = False


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
    language: Annotated[
        str | None, typer.Option(help="BCP-47, such as en; auto: a model that finds out.")
    ] = None,
    translate: Annotated[
        bool, typer.Option("--translate", help="Into English, by a model that can.")
    ] = False,
    channels: Annotated[
        Channels, typer.Option(help="split: every channel by itself, as of a call.")
    ] = Channels.AUTO,
    speakers: Annotated[
        bool, typer.Option("--speakers", help="Who speaks, by a speaker model.")
    ] = False,
    form: Annotated[Form, typer.Option("--format", help="How to print it.")] = Form.lines,
    as_json: Annotated[bool, typer.Option("--json", help="Same as --format json_lines.")] = False,
    config: Annotated[Path | None, typer.Option("--config", help="YAML file.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting.")
    ] = None,
) -> None:
    """Transcribe a recording; uses the Triton that runs, or starts a temporary one."""
    loaded = load_settings(config, assign or [], {"asr.language": named_tag(language)})
    asked = Asked(
        model,
        _language(loaded),
        detect=is_auto(loaded.config.asr.language),
        translate=translate,
        split=channels is Channels.SPLIT,
        speakers=speakers or form is Form.diarized_json,
    )
    asyncio.run(_transcribe(loaded, file, asked, Form.json_lines if as_json else form))


def _language(loaded: "Settings") -> str:
    """What was asked for; empty: the recogniser finds out."""
    config = loaded.config.asr
    explicit = loaded.origins.get("asr.language", "default") != "default"
    return config.language if explicit and not is_auto(config.language) else ""


async def _transcribe(loaded: "Settings", file: Path, asked: Asked, form: Form) -> None:
    from vdx.batch.recording import Recording
    from vdx.batch.transcripts import Document

    config, name = loaded.config, "standard input" if file == STANDARD else str(file)
    with file_or_input(file) as source, Recording(source, name) as recording:
        if asked.split and recording.channels < 2:
            raise InvalidInput(f"{name} has one channel, which --channels split needs two of")
        async with running_triton(loaded, partial(_check, config, asked)) as (client, manager):
            named = _named(config, asked, await manager.names())
            chosen = await manager.resolve(named, "asr", config.asr.first_language)
            info = await manager.ensure(chosen, "asr", asked.language)
            _require_abilities(info, asked)
            labels = None
            if asked.speakers:
                labels = await _labels(client, manager, config.asr.speaker_model)
            began = time.perf_counter()
            segments = await _segments(client, chosen, recording, config, asked, form, labels)
            took = time.perf_counter() - began
        document = Document(
            segments,
            recording.heard / 16_000,
            info.language(asked.language),
            channels=recording.channels if asked.split else 0,
            translated=asked.translate,
        )
    if form not in (Form.lines, Form.json_lines):
        typer.echo(document.rendered(form).rstrip("\n"))
    typer.echo(f"{name}: {document.seconds:.1f} s, {_summary(document, took)}", err=True)


async def _segments(
    client: "TritonClient",
    model: str,
    recording: "Recording",
    config: "Config",
    asked: Asked,
    form: Form,
    labels: "SpeakerLabels | None",
) -> "list[Segment]":
    """What is said, printed as it comes; who says it is known at the end alone."""
    from vdx.batch import files

    segments = list["Segment"]()
    options = files.TranscriptionOptions(
        asked.language,
        translate=asked.translate,
        split=asked.split,
        listen=labels.hear if labels else None,
    )
    with progress_bar(model, recording.seconds, "s of the recording") as advance:
        found = files.transcribe(
            client, model, recording, config.vad, options=options, progress=advance
        )
        async with aclosing(found):
            async for segment in found:
                segments.append(segment)
                if labels is None:
                    _tell(segment, form, split=asked.split)
    if labels is not None:
        segments = await asyncio.to_thread(labels.of, segments)
        for segment in segments:
            _tell(segment, form, split=asked.split)
    return segments


async def _labels(client: "TritonClient", manager: "ModelManager", named: str) -> "SpeakerLabels":
    """What tells the speakers apart."""
    from vdx.batch.speaker_model import embed, find_speaker_model
    from vdx.batch.speakers import SpeakerLabels

    info = await find_speaker_model(manager, named)
    return SpeakerLabels(partial(embed, client, info.name))


def _named(config: "Config", asked: Asked, names: "Iterable[str]") -> str:
    """The recogniser that was asked for, else the default one of the language."""
    from vdx.serving.default_models import DefaultModels

    if asked.model:
        return asked.model
    defaults = DefaultModels.of(config, names)
    finds_out = asked.detect or asked.translate
    return defaults.detector() if finds_out else defaults.recogniser(config.asr.first_language)


def _check(config: "Config", asked: Asked, models: "Mapping[str, ModelInfo]") -> None:
    language = config.asr.first_language
    named = _named(config, asked, models)
    info = check_model(named, "asr", language, models, speaks=asked.language)
    _require_abilities(info, asked)


def _require_abilities(info: "ModelInfo", asked: Asked) -> None:
    if asked.detect:
        info.require_detection()
    if asked.translate:
        info.require_translation()


def _tell(segment: "Segment", form: Form, *, split: bool) -> None:
    """Prints a segment at once, in the formats that allow it."""
    if form is Form.lines:
        side = f"channel {segment.channel}: " if split else ""
        side = f"{segment.speaker}: " if segment.speaker else side
        typer.echo(f"{_clock(segment.start_ms)}  {side}{segment.text}")
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
