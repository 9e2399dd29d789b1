"""How commands speak to a running server: its options, its address, and one request to it."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from vdx.client.refusals import refusal
from vdx.core.error_words import error_words
from vdx.core.errors import ConnectionLost, InvalidInput, VdxError

if TYPE_CHECKING:
    import httpx2

Url = Annotated[str, typer.Option(envvar="VDX_URL", help="The vdx server.")]
Key = Annotated[str, typer.Option(envvar="VDX_API_KEY", help="API key, where one is set.")]

DEFAULT_URL = "http://127.0.0.1:8080"
LOAD_TIMEOUT_S = 300


def require_server_url(url: str, option: str = "url") -> str:
    """The address, that of `--option`, without a slash at its end.

    Raises:
        InvalidInput: it is not http(s)://HOST[:PORT].
    """
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        whole = False
    if not whole:
        raise InvalidInput(f"--{option} {url!r}: expected http://HOST:PORT", param=option)
    return url.rstrip("/")


class Answer(dict[str, Any]):
    """An object of a server's JSON; a key that it lacks is told, as of a server of others."""

    def __missing__(self, key: str) -> Any:
        raise VdxError(f"the server's answer has no {key!r}: no vdx server, or of another version")


def call(method: str, url: str, path: str, key: str, doing: str = "", body: Any = None) -> Any:
    """The answer of the server to one request, JSON; with a spinner that says what it is `doing`.

    Raises:
        InvalidInput: the address is none, or the server says that the request is wrong.
        ConnectionLost: no server answers.
        VdxError: it refused or failed.
    """
    import httpx2
    from rich.console import Console

    address = require_server_url(url)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with (
            Console(stderr=True).status(f"{doing} …") if doing else nullcontext(),
            httpx2.Client(timeout=LOAD_TIMEOUT_S) as client,
        ):
            response = client.request(method, address + path, headers=headers, json=body)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise ConnectionLost(
            f"no vdx server answers at {url} ({error}); `vdx up` starts one, --url names another"
        ) from None
    return _content(response, url)


def _content(response: "httpx2.Response", url: str) -> Any:
    """The answer's JSON; raises VdxError with the server's message, or if it is not JSON."""
    try:
        answer = response.json(object_hook=Answer)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        if response.is_success:
            return answer
        error = answer.get("error")
        if isinstance(error, dict) and "message" in error:
            raise refusal(error)
    told = f": {words}" if (words := error_words(answer)) else ""
    raise VdxError(f"what answers at {url} (status {response.status_code}) is no vdx server{told}")
