"""`POST /v1/realtime/client_secrets`, and the calls that are refused beside it."""

from typing import Annotated, Any, Literal

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from vdx.core.errors import UnknownName
from vdx.dialog.ids import REALTIME_PREFIX
from vdx.transports.http.operation import Host, TalkOperation, operations, refusals
from vdx.transports.openai_names import is_openai_model
from vdx.transports.realtime.calls import NO_CALLS
from vdx.transports.realtime.endpoint import settings_for
from vdx.transports.realtime.schema import session_update
from vdx.transports.security import Guard

api = operations(tag="OpenAI", kind=TalkOperation)


class ExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(600, ge=10, le=7200)


class SecretRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expires_after: ExpiresAfter = ExpiresAfter()
    session: dict[str, Any] = Field(
        default_factory=dict, description="the session object of session.update"
    )


class SecretAnswer(BaseModel):
    value: str = Field(description="a key for /v1/realtime alone, as a browser carries it")
    expires_at: int = Field(description="seconds since 1970")
    session: dict[str, Any] = Field(description="what a socket opened with it begins with")


@api.post("/v1/realtime/client_secrets", responses=refusals(400, 404, 408, 413, 503))
async def create_client_secret(
    host: Host,
    request: Request,
    response: Response,
    wanted: Annotated[SecretRequest, Body(default_factory=SecretRequest)],
) -> SecretAnswer:
    """A short-lived key with which a browser opens Realtime sockets.

    It may be used any number of times until it expires; models of its session that are not loaded
    are loaded when a socket is opened.
    """
    session = {"type": "realtime", **wanted.session}
    update = session_update(session)
    named = "" if update.model is None or is_openai_model(update.model) else update.model
    settings = settings_for(host, host.profiles.options(named)).merged(update)
    guard: Guard = request.app.state.guard
    secret = guard.secrets.create(session, wanted.expires_after.seconds, guard.stored_key(request))
    response.headers["Cache-Control"] = "no-store"
    return SecretAnswer(
        value=secret.value,
        expires_at=int(secret.expires_at),
        session=settings.rendered(f"{REALTIME_PREFIX}{secret.value[-12:]}"),
    )


@api.post("/v1/realtime/calls", responses=refusals(404))
async def create_call() -> None:
    """WebRTC by SDP: refused, with the way through LiveKit."""
    raise UnknownName(NO_CALLS)
