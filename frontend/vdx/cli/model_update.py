"""`vdx models update`: replace a model while people talk, and go back where that is worse."""

import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer

from vdx.cli.completions import model_ids
from vdx.cli.server import DEFAULT_URL, Key, Url, call
from vdx.core.errors import InvalidInput

POLL_S = 0.5


def update(
    name: Annotated[str, typer.Argument(help="The model to replace.", autocompletion=model_ids)],
    source: Annotated[
        str,
        typer.Argument(
            help="A model id, or files as `vdx voices add` takes them.", autocompletion=model_ids
        ),
    ] = "",
    canary: Annotated[
        str, typer.Option(metavar="SHARE", help="Of the sessions that begin meanwhile.")
    ] = "10%",
    hold: Annotated[
        float, typer.Option(min=0, help="Seconds for which it must do as well.")
    ] = 60.0,
    wait: Annotated[bool, typer.Option(help="Until it is decided.")] = True,
    cancel: Annotated[bool, typer.Option("--cancel", help="End the one under way.")] = False,
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Replace a model in calls; goes back where that is worse.

    The new version is loaded under a second name and gets a share of the sessions that begin. It
    takes the place of the old one when it has served 20 requests and errs no more often and is no
    slower, or it is given up. Status 1: it was given up.
    """
    path = f"/vdx/models/{quote(name, safe='')}/update"
    if cancel:
        line = call("POST", url, f"{path}/cancel", api_key)
        typer.echo(f"{line['old']['model']} serves {line['name']} again")
        return
    if not source:
        raise InvalidInput(
            "a model id, or a file or folder with a model, is needed", param="source"
        )
    share = share_of(canary)
    new = source
    if _is_path(source):
        call("GET", url, "/vdx/updates", api_key)  # nothing is added where nobody can use it
        new = _added(name, Path(source))
    query = urlencode({"source": new, "canary": share, "hold_seconds": hold})
    line = call("POST", url, f"{path}?{query}", api_key)
    typer.echo(f"{new} is loaded beside {line['old']['model']}; it gets {canary} of new sessions")
    if wait and not _decided(url, api_key, new):
        raise typer.Exit(1)


def share_of(text: str) -> float:
    """0.1 of "10%", "10" or "0.1"; a number above 1 is a percentage, and 1 is everybody.

    Raises:
        InvalidInput: it is no share above 0 and up to 100 %.
    """
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = 0.0
    if text.endswith("%") or number > 1:
        number /= 100
    if not 0 < number <= 1:
        raise InvalidInput(f"--canary {text!r}: expected a share such as 10%", param="canary")
    return number


def _is_path(source: str) -> bool:
    return "/" in source or source.endswith(".onnx") or Path(source).is_dir()


def _added(name: str, path: Path) -> str:
    """Adds files as a model under the second name NAME-N; the model's id."""
    from vdx.cli.voice_store import open_store
    from vdx.core.paths import locate
    from vdx.serving.voicepacks.identify import identify
    from vdx.serving.voicepacks.staging import Origin

    number, folders = 2, locate().model_repositories
    while any((folder / f"{name}-{number}").exists() for folder in folders):
        number += 1
    folder, parts = identify(path)
    origin = Origin(str(path.absolute()), f"{name}-{number}")
    return open_store(check_load=True).add(folder, parts, origin).id


def _decided(url: str, api_key: str, new: str) -> bool:
    """Tells what becomes of an update, and returns whether it took place."""
    told = ""
    while True:
        every = call("GET", url, "/vdx/updates", api_key)["updates"]
        line = next((each for each in reversed(every) if each["new"]["model"] == new), None)
        if line is None:
            raise InvalidInput(f"the server does not know of an update to {new!r} any more")
        if (now := _progress(line)) != told:
            typer.echo(now)
            told = now
        if line["state"] in ("promoted", "rolled back"):
            return bool(line["state"] == "promoted")
        time.sleep(POLL_S)


def _progress(line: dict[str, Any]) -> str:
    new, name = line["new"], line["name"]
    if line["state"] == "promoted":
        return f"{name} is {new['model']} now: {line['why']}"
    if line["state"] == "rolled back":
        return f"{line['old']['model']} serves {name} on; {new['model']} went back: {line['why']}"
    if line["state"] == "loading":
        return f"loading {new['model']}"
    return f"{new['model']}: {new['errors']} of {new['requests']} requests failed"
