"""The options that several commands have, such as `vdx up` and `vdx frontend`."""

from pathlib import Path
from typing import Annotated

import typer

from vdx.cli.completions import model_ids

ConfigFile = Annotated[Path | None, typer.Option("--config", help="YAML file; else vdx.yaml here.")]
Host = Annotated[str | None, typer.Option(help="Address to bind.")]
VoiceId = Annotated[
    str | None, typer.Option(help="Default voice, a model id.", autocompletion=model_ids)
]
RecogniserId = Annotated[
    str | None, typer.Option(help="Recogniser, a model id.", autocompletion=model_ids)
]
Language = Annotated[
    str | None, typer.Option(help="What is heard and spoken, BCP-47, or auto; default: en.")
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting.")
]


def named_tag(language: str | None) -> str | None:
    """The BCP-47 tag of a language that was typed, as English or en_US; "auto" stays as it is."""
    from vdx.core.language_names import AUTO, is_auto, tag_of

    if is_auto(language or ""):
        return AUTO
    return tag_of(language or "") or None
