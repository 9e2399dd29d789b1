"""`vdx keys`: the keys of a server's file, each with a name and what it may."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Add, list and revoke API keys.",
)

File = Annotated[
    Path | None, typer.Option(help="The file; default: server.api_keys_file of the settings.")
]
Config = Annotated[Path | None, typer.Option("--config", help="YAML file; else vdx.yaml here.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Who or what uses it: a name of your own.")],
    scope: Annotated[
        str, typer.Option(help="What it may, with commas: talk, speak, transcribe, admin.")
    ] = "talk,speak,transcribe",
    per_minute: Annotated[int, typer.Option(min=0, help="Requests a minute; 0 = any.")] = 0,
    per_day: Annotated[int, typer.Option(min=0, help="Requests a day; 0 = any.")] = 0,
    sessions: Annotated[int, typer.Option(min=0, help="Calls at once; 0 = any.")] = 0,
    file: File = None,
    config: Config = None,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    from vdx.core.api_keys import StoredKey, add_key, digest, new_key, today
    from vdx.core.validation import validated

    key = new_key()
    stored = validated(
        StoredKey,
        {
            "name": name,
            "sha256": digest(key),
            "scopes": [each.strip() for each in scope.split(",") if each.strip()],
            "created": today(),
            "requests_per_minute": per_minute,
            "requests_per_day": per_day,
            "sessions": sessions,
        },
    )
    path = _path(file, config)
    add_key(path, stored)
    typer.echo(f"{name} may {', '.join(stored.scopes)}; kept in {path}", err=True)
    typer.echo(key)


@app.command("list")
def list_(file: File = None, config: Config = None) -> None:
    """List names, what each may, and its limits."""
    from vdx.cli.table import print_table
    from vdx.core.api_keys import read_keys

    rows = list[tuple[str, ...]]()
    for key in read_keys(_path(file, config)).keys:
        limits = {
            "a minute": key.requests_per_minute,
            "a day": key.requests_per_day,
            "calls": key.sessions,
        }
        told = ", ".join(f"{most} {unit}" for unit, most in limits.items() if most)
        rows.append((key.name, ", ".join(key.scopes), str(key.created), told or "none"))
    if not rows:
        typer.echo("there is no key", err=True)
        return
    print_table(("name", "may", "created", "limits"), rows)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Its name, as `vdx keys list` shows it.")],
    file: File = None,
    config: Config = None,
) -> None:
    """Remove a key; running servers refuse it a second later."""
    from vdx.core.api_keys import revoke_key

    path = _path(file, config)
    revoke_key(path, name)
    typer.echo(f"{name} is revoked in {path}")


def _path(file: Path | None, config: Path | None) -> Path:
    from vdx.core import settings
    from vdx.core.errors import ConfigError

    path = file or settings.load(config).config.server.api_keys_file
    if path is None:
        raise ConfigError("which file? set server.api_keys_file, or name it with --file")
    return path
