"""`vdx models`: list, load, reload and unload models of a server, and switch sessions to them."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from vdx.core.errors import InvalidInput, VdxError

if TYPE_CHECKING:
    import httpx2

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, no_args_is_help=True, help="Manage models."
)

Url = Annotated[str, typer.Option(envvar="VDX_URL", help="The vdx server.")]
Key = Annotated[str, typer.Option(envvar="VDX_API_KEY", help="API key, where one is set.")]
Name = Annotated[str, typer.Argument(help="A model id from `vdx models list`.")]

DEFAULT_URL = "http://127.0.0.1:8080"
LOAD_TIMEOUT_S = 300


@app.command("list")
def list_models(
    url: Url = DEFAULT_URL,
    api_key: Key = "",
    as_json: Annotated[bool, typer.Option("--json", help="The server's answer as it is.")] = False,
) -> None:
    """Every model, its state, what it can do, and what keeps it loaded."""
    answer = _call("GET", url, "/vdx/models", api_key)
    if as_json:
        import json

        typer.echo(json.dumps(answer, indent=2))
        return
    servers = _call("GET", url, "/vdx/servers", api_key)["servers"]
    if len(servers) > 1:
        _tell_servers(servers)
    for model in answer["models"]:
        what = " ".join(
            [
                model.get("kind", ""),
                ",".join(model.get("languages", [])),
                *model.get("capabilities", []),
            ]
        )
        line = f"{model['name']:<20} {model['state']:<12} {what or model['reason']}".rstrip()
        typer.echo(line + _stay(model))


def _stay(model: dict[str, Any]) -> str:
    """Of a model that is loaded or about to be: why, and what it costs."""
    if "phase" not in model:
        return ""
    told = [] if model["phase"] == "resident" else [f"{model['phase']} {model['phase_seconds']} s"]
    told.append(model["why"])
    if model["leases"] and not model["why"].startswith("leased"):
        told.append(f"{model['leases']} leases")
    told.append(f"idle {model['idle_seconds']:.0f} s")
    if "memory_mb" in model:
        told.append(f"{model['memory_mb']:.0f} MB")
    return f"  [{', '.join(told)}]"


def _tell_servers(servers: list[dict[str, Any]]) -> None:
    """Each server with what is loaded there, and how many sessions lease it."""
    for server in servers:
        told = ["draining"] if server["draining"] else []
        told += [f"heard of {server['age_seconds']:.0f} s ago"] if server["age_seconds"] > 5 else []
        typer.echo(f"{server['name']} at {server['addr']}" + "".join(f", {each}" for each in told))
        for name, model in sorted(server["models"].items()):
            if model["state"] != "absent":
                metrics = model["metrics"]
                figures = f"{metrics['leases']} leases, {metrics['queue_depth']} in flight"
                if (first_ms := metrics["p50_first_audio_ms"]) is not None:
                    figures += f", first audio {first_ms:.0f} ms"
                typer.echo(f"  {name:<20} {model['state']:<12} {figures}")
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
    answer = _call("POST", url, path, api_key)
    if off:
        typer.echo(f"{server} takes sessions again")
    else:
        typer.echo(f"{server} takes no sessions; {answer['sessions']} are there still")


@app.command()
def load(name: Name, url: Url = DEFAULT_URL, api_key: Key = "") -> None:
    """Load a model and warm it up."""
    _call("POST", url, _path(name, "load"), api_key, f"loading {name}")
    typer.echo(f"{name} is ready")


@app.command()
def reload(name: Name, url: Url = DEFAULT_URL, api_key: Key = "") -> None:
    """Load a model anew, as after its files changed."""
    _call("POST", url, _path(name, "reload"), api_key, f"reloading {name}")
    typer.echo(f"{name} is ready")


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
    answer = _call("POST", url, path, api_key, f"unloading {name}")
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
    name: Annotated[str, typer.Argument(help="A voice, VOICE/SPEAKER or a recogniser.")],
    session: Annotated[str, typer.Option(help="One session only; default: all.")] = "",
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Switch live sessions to a voice or recogniser.

    A voice is used from the next clause on, a recogniser from the next utterance on.
    """
    path = _path(name, "use") + (f"?session={quote(session)}" if session else "")
    answer = _call("POST", url, path, api_key, f"loading {name}")
    typer.echo(f"{answer['sessions']} live sessions now use {name}")


@app.command()
def why(
    session: Annotated[str, typer.Argument(help="One session; default: all.")] = "",
    url: Url = DEFAULT_URL,
    api_key: Key = "",
) -> None:
    """Why live sessions use the models they use."""
    path = "/vdx/routes" + (f"?session={quote(session)}" if session else "")
    found = _call("GET", url, path, api_key)["routes"]
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
    import httpx2

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        with httpx2.Client(timeout=LOAD_TIMEOUT_S) as client:
            response = client.post(url.rstrip("/") + _path(name, "unload"), headers=headers)
    except (httpx2.TransportError, httpx2.InvalidURL):
        return False
    _content(response, url)
    return True


def _path(name: str, action: str) -> str:
    return f"/vdx/models/{quote(name, safe='')}/{action}"


def _call(method: str, url: str, path: str, key: str, doing: str = "") -> Any:
    """One admin request, with a spinner; raises VdxError with the reason if it fails."""
    import httpx2
    from rich.console import Console

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with (
            Console(stderr=True).status(f"{doing} …") if doing else nullcontext(),
            httpx2.Client(timeout=LOAD_TIMEOUT_S) as client,
        ):
            response = client.request(method, url.rstrip("/") + path, headers=headers)
    except httpx2.InvalidURL as error:
        raise InvalidInput(f"--url {url!r}: {error}") from None
    except httpx2.TransportError as error:
        raise VdxError(
            f"no vdx server answers at {url} ({error}); `vdx up` starts one, --url names another"
        ) from None
    return _content(response, url)


def _content(response: "httpx2.Response", url: str) -> Any:
    """The answer's JSON; raises VdxError with the server's message, or if it is not JSON."""
    try:
        answer = response.json()
        if response.is_success:
            return answer
        message = answer["error"]["message"]
    except (ValueError, KeyError, TypeError):
        code = response.status_code
        raise VdxError(f"what answers at {url} (status {code}) is no vdx server") from None
    raise VdxError(message)
