"""`vdx models lease | release | capabilities`: what keeps a model loaded, and what it can do."""

import secrets
import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from vdx.cli.completions import model_ids
from vdx.cli.server import DEFAULT_URL, Key, Url, call
from vdx.core.errors import UnknownName

BEATS = 3
"""Renewals within the time after which a lease ends."""

Name = Annotated[
    str, typer.Argument(help="A model id from `vdx models list`.", autocompletion=model_ids)
]


def lease(name: Name, url: Url = DEFAULT_URL, api_key: Key = "") -> None:
    """Load a model and keep it from being evicted, until Ctrl-C.

    It is leased as by a session; a command that is killed holds it no longer than
    `model_manager.lease_expiry_ms`.
    """
    session = f"operator-{secrets.token_hex(4)}"
    path = f"/vdx/models/{quote(name, safe='')}/load"
    model = str(call("POST", url, path, api_key, f"loading {name}")["loaded"])
    body = _leases(session, model)
    try:
        expiry_s = call("POST", url, "/vdx/leases", api_key, body=body)["expiry_ms"] / 1000
        typer.echo(f"{model} is not evicted; Ctrl-C, or vdx models release {model} {session}")
        while True:
            time.sleep(expiry_s / BEATS)
            renewed = call("POST", url, "/vdx/leases/renew", api_key, body={"sessions": [session]})
            if not renewed["leases"]:
                typer.echo(f"{model}: the lease was released")
                return
    except KeyboardInterrupt:
        call("POST", url, "/vdx/leases/release", api_key, body=body)
        typer.echo(f"{model} may be evicted again")


def release(
    name: Name,
    session: Annotated[str, typer.Argument(help="Whose lease it is, as `lease` told.")],
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """End the lease that a session has of a model."""
    body = _leases(session, name)
    if not call("POST", url, "/vdx/leases/release", api_key, body=body)["released"]:
        raise UnknownName(f"session {session!r} has no lease of {name!r}", param="session")
    typer.echo(f"{name} is not leased by {session} any more")


def capabilities(name: Name, url: Url = DEFAULT_URL, api_key: Key = "") -> None:
    """What a model can do, in which languages."""
    models = call("GET", url, "/vdx/models", api_key)["models"]
    found = next((model for model in models if model["name"] == name), None)
    if found is None:
        names = ", ".join(model["name"] for model in models)
        raise UnknownName(f"there is no model {name!r} (there are: {names})", param="name")
    if found.get("kind") is None:
        typer.echo(f"{name}: nothing is known before it was loaded once")
        return
    for what in ("kind", "family", "capabilities", "languages"):
        value = found.get(what)
        told = ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"{what + ':':<13} {told or 'none'}")


def _leases(session: str, model: str) -> dict[str, Any]:
    return {"leases": [{"session": session, "model": model}]}
