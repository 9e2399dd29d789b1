"""`vdx recordings`: the calls that profiles with `record_calls` have recorded."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List and delete recorded calls.",
)

Config = Annotated[Path | None, typer.Option("--config", help="YAML file; else vdx.yaml here.")]


@app.command("list")
def list_(config: Config = None) -> None:
    """List sessions, when each began, its length and where it is."""
    from vdx.cli.table import print_table
    from vdx.core.call_files import recorded_calls

    folder, _ = _settings(config)
    rows = [
        (
            call.session,
            str(call.started or "-"),
            f"{call.seconds:.0f} s" if call.started else "not finished",
            str(call.folder),
        )
        for call in recorded_calls(folder)
    ]
    if not rows:
        typer.echo("no call is recorded", err=True)
        return
    print_table(("session", "began", "length", "folder"), rows, whole_in_pipes=True)


@app.command()
def delete(
    session: Annotated[str, typer.Argument(help="The session, as `list` shows it.")],
    config: Config = None,
) -> None:
    """Delete the sound and the words of one call."""
    from vdx.core.call_files import delete_call

    delete_call(_settings(config)[0], session)
    typer.echo(f"the recording of {session} is deleted")


@app.command()
def prune(
    days: Annotated[
        float | None, typer.Option(min=0, help="Default: call_recording.retention_days.")
    ] = None,
    config: Config = None,
) -> None:
    """Delete what is too old, as a server does."""
    from vdx.core.call_files import delete_expired

    folder, kept = _settings(config)
    count = delete_expired(folder, kept if days is None else days)
    typer.echo(f"{count} deleted")


def _settings(config: Path | None) -> tuple[Path, float]:
    from vdx.core import settings
    from vdx.core.call_files import calls_folder

    found = settings.load(config).config.call_recording
    return calls_folder(found.folder), found.retention_days
