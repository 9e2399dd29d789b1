"""The commands that use a voice or recogniser that was just added."""

from typing import TYPE_CHECKING

import typer

from vdx.cli.voice_store import open_store
from vdx.core.language_tags import primary_subtag, serves

if TYPE_CHECKING:
    from vdx.serving.voicepacks.metadata import Voicepack


def tell_added(pack: "Voicepack") -> None:
    """Prints what was added and the commands that use it."""
    from vdx.cli.extras import JAPANESE, lacks_japanese
    from vdx.core.paths import locate

    language = _usual_language()
    languages = some_languages(pack.languages)
    typer.echo(f"{pack.id} is here: {pack.family}, {languages}, licence: {pack.licence}")
    if pack.part is not None:
        _tell_part(pack)
        return
    if pack.kind == "endpointer":
        typer.echo(f"  start with it:             vdx up --set endpointing.model={pack.id}")
        typer.echo(f"  in a server that runs:     vdx models use {pack.id}")
        return
    if pack.kind == "speaker":
        typer.echo("  who speaks in a recording: vdx transcribe FILE --speakers")
        return
    if lacks_japanese(pack, locate()):
        typer.echo(f"  to read Japanese first:    {JAPANESE.command}")
    what = "voice" if pack.kind == "tts" else "recogniser"
    if speaks(pack, language):
        typer.echo(f"  start with it:             vdx up --{what} {pack.id}")
        typer.echo(f"  in a server that runs:     vdx models use {pack.id}")
        return
    own = primary_subtag(pack.languages[0])
    start = f"vdx up --{what} {pack.id} --language {own}"
    if pack.kind == "tts":
        start += f" --recogniser {_recogniser_for(own)}"
    typer.echo(f"  start with it:             {start}")


def _tell_part(pack: "Voicepack") -> None:
    """It is spoken with by a model of its family, one that runs included."""
    models = [
        entry.id
        for entry in open_store().entries()
        if entry.family == pack.family and entry.pack and entry.pack.part is None
    ]
    if not models:
        typer.echo(f"  it needs a voice of the family {pack.family}, and none is here")
    for name in models:
        typer.echo(f"  speak with it:             vdx say Hello. --voice {name}/{pack.id}")


def _usual_language() -> str:
    from vdx.core.config import AsrConfig

    return AsrConfig().language


def speaks(pack: "Voicepack", language: str) -> bool:
    """Whether a voicepack serves a language, by its primary subtag."""
    return serves(pack.languages, language)


def _recogniser_for(language: str) -> str:
    """An installed recogniser of a language, else one that can be pulled."""
    from vdx.serving.voicepacks.starters import catalogue_recognisers

    for entry in open_store().entries():
        if entry.pack and entry.pack.kind == "asr" and speaks(entry.pack, language):
            return entry.id
    wanted = catalogue_recognisers(language)[0]
    typer.echo(f"  a recogniser for it first: vdx voices pull {wanted}")
    return wanted


def some_languages(languages: list[str]) -> str:
    """The first five of them, and how many more there are."""
    return ",".join(languages[:5]) + (f" and {len(languages) - 5} more" if languages[5:] else "")
