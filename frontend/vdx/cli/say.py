"""`vdx say`: speak a text into a file, or through the loudspeaker."""

import asyncio
import io
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdx.cli.completions import model_ids
from vdx.cli.launch import load_settings, running_triton
from vdx.cli.named_models import check_voice
from vdx.cli.options import named_tag
from vdx.cli.progress import progress_bar
from vdx.cli.standard_input import STANDARD, text_or_input
from vdx.core.errors import InvalidInput, SetupError, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vdx.core.events import Pcm
    from vdx.core.settings import Settings
    from vdx.serving.models import ModelInfo

app = typer.Typer(add_completion=False, rich_markup_mode=None)

DESCRIPTORS = (Path("/dev/stdout"), Path("/dev/fd/1"), Path("/proc/self/fd/1"))
"""Other names of standard output, which may be a file without an ending."""


@app.command()
def say(
    text: Annotated[
        str, typer.Argument(help="What to say, any length; - reads it from standard input.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="wav, flac, mp3, aac, opus, ogg or pcm by its ending; - (standard output) and "
            "pipes get wav; default: the loudspeaker."
        ),
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="A model id, or id/speaker.", autocompletion=model_ids)
    ] = None,
    language: Annotated[str | None, typer.Option(help="BCP-47, such as de or en-GB.")] = None,
    speed: Annotated[float | None, typer.Option(help="0.25 to 4.0")] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="3 to 30 s of a person whose voice is taken; for XTTS-v2 and CSM."),
    ] = None,
    reference_text: Annotated[
        str, typer.Option(help="What the recording says; CSM needs it.")
    ] = "",
    config: Annotated[Path | None, typer.Option("--config", help="YAML file.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting.")
    ] = None,
) -> None:
    """Speak a text; uses the Triton that runs, or starts a temporary one."""
    flags = {"tts.voice": voice, "tts.speed": speed, "asr.language": named_tag(language)}
    loaded = load_settings(config, assign or [], flags)
    out = STANDARD if out in DESCRIPTORS else out
    form = "" if out is None else _form_of(out)
    text = text_or_input(text)
    if not text.strip():
        raise InvalidInput(f"there is nothing to speak in {text!r:.100}", param="text")
    recording = _recording(reference, reference_text)
    pcm, first_ms, took_s = asyncio.run(_speak(loaded, text, recording))
    seconds = pcm.size / 48_000
    if out is None:
        _play(pcm)
    else:
        _save(out, form, pcm)
    where = "standard output" if out == STANDARD else out or "played"
    typer.echo(
        f"{where}: {seconds:.1f} s of speech, first audio after {first_ms:.0f} ms, "
        f"real-time factor {took_s / seconds:.3f}",
        err=True,
    )


def _recording(file: Path | None, said: str) -> tuple[bytes, str]:
    """Of whose voice is taken, and what it says; raises InvalidInput for words without a file."""
    if file is None:
        if said:
            raise InvalidInput("--reference-text needs --reference", param="reference_text")
        return b"", ""
    from vdx.batch.reference import read_reference

    return read_reference(file), said


async def _speak(
    loaded: "Settings", text: str, recording: tuple[bytes, str]
) -> tuple["Pcm", float, float]:
    """`recording`: of whose voice is taken, and what it says; empty where of nobody."""
    import numpy as np

    from vdx.batch.files import speak_text
    from vdx.core.voice_choice import VoiceChoice
    from vdx.serving.default_models import DefaultModels
    from vdx.speech.output.tts import Voice

    config = loaded.config
    reference, said = recording

    def chosen(names: "Iterable[str]") -> VoiceChoice:
        return VoiceChoice.parse(DefaultModels.of(config, names).voice(config.asr.first_language))

    explicit = loaded.origins.get("asr.language", "default") != "default"
    language = config.asr.first_language if explicit else ""

    def check(models: "Mapping[str, ModelInfo]") -> None:
        voice = chosen(models)
        check_voice(voice, config.asr.first_language, models, speaks=language)
        if reference and voice.model in models:
            _require_cloning(models[voice.model])

    async with running_triton(loaded, check) as (client, manager):
        choice = chosen(await manager.names())
        model = await manager.resolve(choice.model, "tts", config.asr.first_language)
        speed = config.tts.speed
        voice = Voice(
            model, language, choice.speaker, speed, reference=reference, reference_text=said
        )
        info = await manager.ensure(voice.model, "tts", language)
        if reference:
            _require_cloning(info)
        began, first, pieces = time.perf_counter(), 0.0, list["Pcm"]()
        with progress_bar(model, len(text), "characters") as advance:
            found = speak_text(client, voice, text, config.clauses, progress=advance)
            async with aclosing(found) as spoken:
                async for piece in spoken:
                    first = first or time.perf_counter()
                    pieces.append(piece)
        took = time.perf_counter() - began
    return np.concatenate(pieces), (first - began) * 1000, took


def _require_cloning(info: "ModelInfo") -> None:
    """Raises InvalidInput where the voice cannot speak as a recording does."""
    if not info.can("zero_shot"):
        raise InvalidInput(
            f"--reference: {info.name} has voices of its own and takes none of a recording",
            param="reference",
        )


def _form_of(out: Path) -> str:
    """The format of the file, by its ending; checks it before anything is synthesised.

    Raises:
        InvalidInput: nothing can be written there.
    """
    from vdx.batch.encoders import FORMS

    if out == STANDARD:
        if sys.stdout.isatty():
            raise InvalidInput("--out -: a terminal cannot show sound; name a file, or pipe it on")
        return "wav"
    if out.is_dir():
        raise InvalidInput(f"--out {out} is a folder; name a file in it")
    if not out.absolute().parent.is_dir():
        raise InvalidInput(f"--out {out}: there is no folder {out.absolute().parent}")
    form = out.suffix.lstrip(".").lower()
    if form in FORMS:
        return form
    if out.exists() and not out.is_file():  # a pipe or a device
        return "wav"
    raise InvalidInput(f"--out {out}: the ending must be one of {', '.join(FORMS)}")


def _save(out: Path, form: str, pcm: "Pcm") -> None:
    from vdx.batch.encoders import Encoder
    from vdx.core.audio import SPEAK_RATE

    # In memory first, so that what cannot be written whole is not begun.
    file = io.BytesIO()
    encoder = Encoder(form, SPEAK_RATE, file)
    encoder.push(pcm)
    encoder.finish()
    try:
        if out == STANDARD:
            sys.stdout.buffer.write(file.getbuffer())
            sys.stdout.buffer.flush()
        else:
            out.write_bytes(file.getbuffer())
    except OSError as error:
        raise StorageFailed(f"--out {out} could not be written: {error.strerror}") from None


def _play(pcm: "Pcm") -> None:
    try:
        import sounddevice

        sounddevice.play(pcm, 48_000, blocking=True)
    except (OSError, RuntimeError) as error:  # PortAudio is missing, or there is no device
        raise SetupError(f"no loudspeaker to play on ({error}); use --out FILE") from None
