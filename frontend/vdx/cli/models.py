"""`vdx models`: list, load, lease and unload models of a server, and switch sessions to them."""

from typing import Annotated, Any
from urllib.parse import quote

import typer

from vdx.cli.completions import model_ids
from vdx.cli.model_leases import capabilities, lease, release
from vdx.cli.model_update import update
from vdx.cli.server import DEFAULT_URL, Key, Url, call
from vdx.core.errors import ConnectionLost

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Manage models."
)

STATES = {
    "READY": "loaded",
    "LOADING": "loading",
    "UNLOADING": "unloading",
    "UNAVAILABLE": "not loaded",
}
"""Triton's words for a model's state, and those that people are told."""
KINDS = {"tts": "voice", "asr": "recogniser", "endpointer": "endpointer"}

Name = Annotated[
    str, typer.Argument(help="A model id from `vdx models list`.", autocompletion=model_ids)
]


@app.command("list")
def list_models(
    url: Url = DEFAULT_URL,
    api_key: Key = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="All the server tells, also what each can do.")
    ] = False,
) -> None:
    """Every model, its state, and what keeps it loaded."""
    answer = call("GET", url, "/vdx/models", api_key)
    if as_json:
        import json

        typer.echo(json.dumps(answer, indent=2))
        return
    from vdx.cli.table import print_table

    servers = call("GET", url, "/vdx/servers", api_key)["servers"]
    if len(servers) > 1:
        _tell_servers(servers)
    print_table(
        ("model", "state", "kind", "languages", "notes"),
        [
            (
                model["name"],
                STATES.get(model["state"], model["state"].lower()),
                KINDS.get(model.get("kind", ""), ""),
                some(model.get("languages", [])),
                _notes(model),
            )
            for model in answer["models"]
        ],
    )


def some(languages: list[str], most: int = 3) -> str:
    """The first of the languages, and how many more there are."""
    more = f" and {len(languages) - most} more" if languages[most:] else ""
    return ", ".join(languages[:most]) + more


def _notes(model: dict[str, Any]) -> str:
    """Of a model that is loaded or about to be: why, and what it costs; else why it is not."""
    if "phase" not in model:
        return str(model["reason"])
    told = [] if model["phase"] == "resident" else [f"{model['phase']} {model['phase_seconds']} s"]
    told.append(model["why"])
    if model["leases"] and not model["why"].startswith("leased"):
        told.append(f"{model['leases']} lease{'s' * (model['leases'] != 1)}")
    told.append(f"idle {model['idle_seconds']:.0f} s")
    if "memory_mb" in model:
        told.append(f"{model['memory_mb']:.0f} MB")
    return ", ".join(told)


def _tell_servers(servers: list[dict[str, Any]]) -> None:
    """Each server, then what is loaded where and how many sessions lease it."""
    from vdx.cli.table import print_table

    rows, loaded = list[tuple[str, ...]](), list[tuple[str, ...]]()
    for server in servers:
        told = ["draining"] if server["draining"] else []
        told += [f"heard of {server['age_seconds']:.0f} s ago"] if server["age_seconds"] > 5 else []
        rows.append((server["name"], server["addr"], ", ".join(told)))
        for name, model in sorted(server["models"].items()):
            if model["state"] != "absent":
                metrics = model["metrics"]
                first_ms = metrics["p50_first_audio_ms"]
                loaded.append(
                    (
                        name,
                        server["name"],
                        model["state"],
                        str(metrics["leases"]),
                        str(metrics["queue_depth"]),
                        f"{first_ms:.0f} ms" if first_ms is not None else "",
                    )
                )
    print_table(("server", "address", "notes"), rows)
    typer.echo("")
    if loaded:
        print_table(("model", "server", "state", "leases", "busy", "first audio"), loaded)
        typer.echo("")


@app.command()
def drain(
    server: Annotated[str, typer.Argument(help="A server from `vdx models list`.")],
    off: Annotated[bool, typer.Option("--off", help="Let sessions go there again.")] = False,
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Have sessions leave a server with their next clause."""
    path = f"/vdx/servers/{quote(server, safe='')}/drain" + ("?off=true" if off else "")
    answer = call("POST", url, path, api_key)
    if off:
        typer.echo(f"{server} takes sessions again")
    elif answer.get("alone"):
        typer.echo(
            f"no other server takes sessions: {answer['sessions']} stay at {server}, and new ones "
            "come, until there is another"
        )
    else:
        typer.echo(f"{server} takes no sessions; {answer['sessions']} are there still")


@app.command()
def load(name: Name, url: Url = DEFAULT_URL, api_key: Key = "") -> None:
    """Load a model and warm it up."""
    told = call("POST", url, _path(name, "load"), api_key, f"loading {name}")
    typer.echo(f"{told['loaded']} is ready")


@app.command()
def reload(name: Name, url: Url = DEFAULT_URL, api_key: Key = "") -> None:
    """Load a model anew, as after its files changed."""
    told = call("POST", url, _path(name, "reload"), api_key, f"reloading {name}")
    typer.echo(f"{told['loaded']} is ready")


for _command in (update, lease, release, capabilities):
    app.command()(_command)


@app.command()
def unload(
    name: Name,
    when_free: Annotated[
        bool, typer.Option("--when-free", help="After the last session that uses it has ended.")
    ] = False,
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Unload a model after the clauses and utterances in progress."""
    path = _path(name, "unload") + ("?when_free=true" if when_free else "")
    answer = call("POST", url, path, api_key, f"unloading {name}")
    if answer["waits"]:
        typer.echo(f"{name} is unloaded when the sessions that use it have ended")
        return
    typer.echo(f"{name} is unloaded")
    if moved := answer["sessions_moved"]:
        typer.echo(f"sessions that went over to their profile's model: {', '.join(moved)}")
    if using := answer["sessions_still_using_it"]:
        typer.echo(f"sessions that used it and need another: {', '.join(using)}", err=True)


@app.command()
def use(
    name: Annotated[
        str,
        typer.Argument(help="A voice, VOICE/SPEAKER or a recogniser.", autocompletion=model_ids),
    ],
    session: Annotated[str, typer.Option(help="One session only; default: all.")] = "",
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Switch live sessions to a voice or recogniser.

    A voice is used from the next clause on, a recogniser from the next utterance on.
    """
    path = _path(name, "use") + (f"?session={quote(session)}" if session else "")
    answer = call("POST", url, path, api_key, f"loading {name}")
    if session:
        typer.echo(f"session {session} now uses {name}")
        return
    count = answer["sessions"]
    typer.echo(f"{count or 'no'} live session{'s' * (count != 1)} switched to {name}")
    what, start = LASTING[answer["kind"]]
    typer.echo(
        f"new sessions in its languages use it as their {what} until this server ends;\n"
        f"  from the next start on:    vdx up {start}{name}"
    )


LASTING = {
    "tts": ("voice", "--voice "),
    "asr": ("recogniser", "--recogniser "),
    "endpointer": ("endpointer", "--set endpointing.model="),
}
"""What a kind of model is, and the option that makes one the default of the next start."""


@app.command()
def why(
    session: Annotated[str, typer.Argument(help="One session; default: all.")] = "",
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Why live sessions use the models they use."""
    path = "/vdx/routes" + (f"?session={quote(session)}" if session else "")
    found = call("GET", url, path, api_key)["routes"]
    if not found:
        typer.echo("no session is open")
    for route in found:
        typer.echo(f"{route['session']} {route['kind']} {route['wanted']}")
        for reason in route["reasons"]:
            typer.echo(f"  {reason}")
        if route["why"]:
            typer.echo(f"  {route['model']} is loaded: {route['why']}")


def unload_if_served(name: str, url: str, api_key: str) -> bool:
    """Unloads a model where a server answers at `url`, and says whether one does.

    Raises:
        VdxError: the server refused.
    """
    try:
        call("POST", url, _path(name, "unload"), api_key)
    except ConnectionLost:
        return False
    return True


def _path(name: str, action: str) -> str:
    return f"/vdx/models/{quote(name, safe='')}/{action}"
