"""Accepts or refuses a client of `/v1/realtime`, and finds its profile."""

import time
from contextlib import ExitStack
from dataclasses import replace

from starlette.websockets import WebSocket

from vdx.app import Application
from vdx.core.errors import InvalidInput, TooLarge, UnknownName, VdxError
from vdx.dialog.profiles import SessionOptions
from vdx.transports.admission import admit
from vdx.transports.http.error_responses import failure
from vdx.transports.http.request_log import CODE
from vdx.transports.realtime.calls import NO_CALLS
from vdx.transports.realtime.connection import Connection
from vdx.transports.realtime.schema import SessionUpdate, session_update
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.turn_detection import usual_of
from vdx.transports.security import Guard

MAX_GREETING = 1_000
"""Characters of what is said first."""
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"


async def realtime(socket: WebSocket) -> None:
    """Accepts one client and serves it to the end."""
    with ExitStack() as held:
        await _serve(socket, held)


async def _serve(socket: WebSocket, held: ExitStack) -> None:
    """`held` keeps the session counted among those of its key."""
    host: Application = socket.app.state.host
    guard: Guard = socket.app.state.guard
    try:
        key = guard.admit(socket, "talk", secrets=True)
        _check_form(socket)
        secret = guard.secret_of(socket)
        first = session_update(secret.session) if secret else None
        transcribes_only = _is_transcription(socket, first)
        named = first.model if first else None
        options = admit(host, _model(socket) or named or "")
        settings = settings_for(host, _greeted(socket, options))
        settings.transcribes_only = transcribes_only
        if transcribes_only:
            settings.apply(SessionUpdate(type="transcription"))
        if first is not None:
            settings, first = await begun(host, settings, first)
        await host.require_free(settings.options)
        held.enter_context(guard.keys.session(key))
        connection = Connection(socket, host, settings, first)
    except VdxError as error:
        await _refuse(socket, error)
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
    return options.greeted(greeting)


async def unknown(socket: WebSocket) -> None:
    """Refuses a WebSocket of any other path, and says which there is."""
    path = socket.url.path
    await _refuse(socket, UnknownName(f"there is no WebSocket {path}; there is /v1/realtime"))


def settings_for(host: Application, options: SessionOptions) -> Settings:
    """Those that a session with the options of a profile begins with."""
    defaults = host.profiles.options("")
    longest = host.config.session.max_session_duration_seconds
    return Settings(
        options,
        options.voice_choice,
        options.recogniser or defaults.recogniser,
        pre_roll_ms=host.config.asr.pre_roll_ms,
        expires_at=int(time.time() + longest) if longest else 0,
        detection=usual_of(options),
        profile_of=host.profiles.options,
    )


def _check_form(socket: WebSocket) -> None:
    """Raises InvalidInput for the forms of the protocol that vdx does not speak."""
    beta_header = "realtime=v1" in socket.headers.get("openai-beta", "")
    if beta_header or BETA_SUBPROTOCOL in socket.scope.get("subprotocols", []):
        raise InvalidInput(
            "this is the beta Realtime protocol (header OpenAI-Beta: realtime=v1); "
            "vdx speaks the GA form, leave the header out",
            param="OpenAI-Beta",
        )
    if "call_id" in socket.query_params:
        raise InvalidInput(NO_CALLS, param="call_id")


def _model(socket: WebSocket) -> str | None:
    return socket.query_params.get("model") or None


def _is_transcription(socket: WebSocket, first: SessionUpdate | None) -> bool:
    """Whether a session is asked for that has no replies."""
    wanted = socket.query_params.get("intent", "") == "transcription"
    if first is None:
        return wanted
    if wanted and first.type != "transcription":
        raise InvalidInput(
            "this client secret is of a realtime session; leave out intent=transcription, or make "
            "a secret of a transcription session",
            param="intent",
        )
    return first.type == "transcription"


async def begun(
    host: Application, settings: Settings, first: SessionUpdate
) -> tuple[Settings, SessionUpdate | None]:
    """The settings with those of the client's secret, so that its greeting is said as they want.

    Where a model has to be loaded for them, they follow as an update: a client does not wait so
    long for its socket.
    """
    new = settings.merged(first)
    if not all(host.served.info(model) for model, _ in new.options.models):
        return settings, first
    options = await host.models.require(new.options)
    await host.prepare(options)
    return replace(new, options=options), None


async def _refuse(socket: WebSocket, error: VdxError) -> None:
    socket.scope[CODE] = error.code
    await socket.send_denial_response(failure(error))
