"""`vdx config`: every effective setting and where it came from."""

import json
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from vdx.cli.completions import setting_keys
from vdx.core import capacity, settings
from vdx.core.errors import ConfigError, InvalidInput

app = typer.Typer(
    help="Show every effective setting and where it came from.",
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)

DEFAULT_FILE = Path("vdx.yaml")
WIDTH = 80
"""Columns that an explanation takes."""


@app.callback()
def config(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Option("--config", help="YAML file; else vdx.yaml here.")
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Try a setting: vad.aggressiveness=3"),
    ] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not a default.")] = False,
    explain: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="What a key, or those of a section, take and do.",
            autocompletion=setting_keys,
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: key -> value and origin.")
    ] = False,
) -> None:
    """Show every effective setting and where it came from; secrets are masked."""
    if context.invoked_subcommand is not None:
        return
    loaded = settings.load(file, parse_assignments(assign or []))
    rows = [
        _computed(key, value, loaded.origins.get(key, "default"))
        for key, value in settings.leaves(loaded.config)
    ]
    if loaded.ignored:
        names = ", ".join(loaded.ignored)
        typer.echo(f"set by Kubernetes for a service, not read: {names}", err=True)
    if explain:
        _explain(explain, rows)
        return
    if changed:
        rows = [row for row in rows if not row[2].startswith("default")]
    if as_json:
        tree = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        typer.echo(json.dumps(tree, indent=2))
        return
    if not rows:
        typer.echo("nothing is set: every key has its default", err=True)
        return
    from vdx.cli.table import print_table

    shown = [(key, _show(value), origin) for key, value, origin in rows]
    print_table(("key", "value", "from"), shown, whole_in_pipes=True)


@app.command()
def init(
    out: Annotated[str, typer.Option(help="File to write; - is the standard output.")] = str(
        DEFAULT_FILE
    ),
    force: Annotated[bool, typer.Option("--force", help="In place of a file there.")] = False,
) -> None:
    """Write a vdx.yaml with every key and its default, commented out."""
    from vdx.core.config_help import commented_file

    text = commented_file()
    if out == "-":
        typer.echo(text, nl=False)
        return
    file = Path(out)
    if file.exists() and not force:
        raise InvalidInput(f"--out {file} is there already; --force writes over it", param="out")
    file.write_text(text, encoding="utf-8")
    typer.echo(f"{file} is written; nothing is set in it yet")


def _explain(key: str, rows: list[tuple[str, Any, str]]) -> None:
    """Prints what one key, or each of a section, takes, does, and is now."""
    from vdx.core.config_help import explain, variable_of

    found = explain(key)
    now = {name: (value, origin) for name, value, origin in rows}
    for number, each in enumerate(found):
        name = key if len(found) == 1 else each.key
        if number:
            typer.echo()
        typer.echo(name)
        if each.about:
            typer.echo(
                textwrap.fill(each.about, WIDTH, initial_indent="  ", subsequent_indent="  ")
            )
        typer.echo(f"  takes:     {each.takes}")
        typer.echo(f"  default:   {each.default}")
        if name in now:
            typer.echo(f"  now:       {_show(now[name][0])}  ({now[name][1]})")
        typer.echo(f"  variable:  {variable_of(name)}")


def _computed(key: str, value: Any, origin: str) -> tuple[str, Any, str]:
    """One row, with the value that is computed where none is set."""
    if key != "server.max_sessions" or value is not None:
        return key, value, origin
    return key, capacity.default_max_sessions(), f"{origin}: {capacity.explained()}"


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """`key=value` words as dotted key -> value, with the types that a YAML file would give them.

    Raises:
        ConfigError: a word without `=`, or a value that is not YAML.
    """
    flags: dict[str, Any] = {}
    for word in assignments:
        key, equals, text = word.partition("=")
        if not equals or not key:
            # The word itself may be a key.
            raise ConfigError("--set expects KEY=VALUE, such as --set vad.aggressiveness=3")
        try:
            flags[key] = settings.parse_value(key.split("."), text)
        except yaml.YAMLError:
            raise ConfigError(f"--set {key}: what follows the '=' is not a YAML value") from None
    return flags


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
