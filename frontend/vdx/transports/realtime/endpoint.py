"""Accepts or refuses a client of `/v1/realtime`, and finds its profile."""

from contextlib import ExitStack

from starlette.websockets import WebSocket

from vdx.app import Application
from vdx.core.errors import InvalidInput, TooLarge, VdxError
from vdx.dialog.profiles import SessionOptions
from vdx.transports.admission import admit
from vdx.transports.http.error_responses import failure
from vdx.transports.http.request_log import CODE
from vdx.transports.realtime.connection import Connection
from vdx.transports.realtime.settings import Settings
from vdx.transports.security import Guard

MAX_GREETING = 1_000
"""Characters of what is said first."""


async def realtime(socket: WebSocket) -> None:
    """Accepts one client and serves it to the end."""
    with ExitStack() as held:
        await _serve(socket, held)


async def _serve(socket: WebSocket, held: ExitStack) -> None:
    """`held` keeps the session counted among those of its key."""
    host: Application = socket.app.state.host
    guard: Guard = socket.app.state.guard
    try:
        key = guard.admit(socket, "talk")
        if "realtime=v1" in socket.headers.get("openai-beta", ""):
            raise InvalidInput(
                "this is the beta Realtime protocol (header OpenAI-Beta: realtime=v1); "
                "vdx speaks the GA form, leave the header out",
                param="OpenAI-Beta",
            )
        options = _greeted(socket, admit(host, socket.query_params.get("model", "")))
        defaults = host.profiles.options("")
        settings = Settings(
            options,
            options.voice_choice,
            options.recogniser or defaults.recogniser,
            profile_of=host.profiles.options,
        )
        held.enter_context(guard.keys.session(key))
        connection = Connection(socket, host, settings)
    except VdxError as error:
        socket.scope[CODE] = error.code
        await socket.send_denial_response(failure(error))
        return
    offered = socket.scope.get("subprotocols", [])
    await socket.accept(subprotocol="realtime" if "realtime" in offered else None)
    await connection.run()


def _greeted(socket: WebSocket, options: SessionOptions) -> SessionOptions:
    """The options with the words that the client wants said first, in place of the profile's."""
    greeting = socket.query_params.get("greeting")
    if greeting is None:
        return options
    if len(greeting) > MAX_GREETING:
        raise TooLarge(f"greeting may have {MAX_GREETING} characters", param="greeting")
    return options.updated(greeting=greeting)
