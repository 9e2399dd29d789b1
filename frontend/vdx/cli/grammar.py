"""`vdx grammar`: recognisers of a given set of sentences."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Make recognisers that understand only some sentences.",
)

File = Annotated[
    Path,
    typer.Argument(
        help="A JSGF grammar (.jsgf), a language model (.lm, .arpa, .bin), "
        "or sentences to make one of, one a line (.txt)."
    ),
]
Dictionary = Annotated[
    Path | None, typer.Option(help="Pronunciations of words that the English dictionary lacks.")
]


@app.command()
def add(
    file: File,
    id_: Annotated[str, typer.Option("--id", help="What to call it; default: the file's.")] = "",
    dictionary: Dictionary = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of the one of that name.")
    ] = False,
) -> None:
    """Make a recogniser of a grammar, a language model or sentences."""
    from vdx.core.paths import locate
    from vdx.serving.grammars import add as make

    name = id_ or file.stem
    found = make(locate(), file, name=name, dictionary=dictionary, replace=replace)
    typer.echo(
        f"{name} is here: {found.pronunciations} pronunciations, "
        f"a decoder in {found.decoder_ms:.0f} ms\n"
        f"  for a profile:             --set profiles.<name>.recogniser={name}\n"
        f"  in a server that runs:     vdx models use {name}"
    )


@app.command()
def check(file: File, dictionary: Dictionary = None) -> None:
    """Check one and print errors with their line."""
    from vdx.core.paths import locate
    from vdx.serving.grammars import check as ask

    found = ask(locate(), file, dictionary)
    typer.echo(
        f"{file}: OK, {found.pronunciations} pronunciations, a decoder in {found.decoder_ms:.0f} ms"
    )


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="Its name, as `vdx models list` shows it.")],
) -> None:
    """Remove one that `vdx grammar add` made."""
    from vdx.core.paths import locate
    from vdx.serving.grammars import remove as take_away

    take_away(locate(), name)
    typer.echo(f"{name} is removed")
