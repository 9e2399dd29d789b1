"""`POST /token`: lets one person into one room; see `transports/room/tokens.py`."""

from typing import Annotated

from fastapi import Body
from starlette.requests import Request
from starlette.responses import Response

from vdx.transports.http.operation import Host, TalkOperation, operations, refusals
from vdx.transports.room.tokens import TokenAnswer, TokenRequest, mint
from vdx.transports.security import Guard

api = operations(kind=TalkOperation)


@api.post("/token", responses=refusals(400, 404, 408, 413))
async def token(
    host: Host,
    request: Request,
    response: Response,
    wanted: Annotated[TokenRequest, Body(default_factory=TokenRequest)],
) -> TokenAnswer:
    """A token for one LiveKit room, with an agent; every key may be left out.

    The conversation in the room counts among the sessions of the API key that asked.
    """
    guard: Guard = request.app.state.guard
    key = guard.stored_key(request)
    response.headers["Cache-Control"] = "no-store"
    return mint(host.config.livekit, wanted, key.sha256 if key else "")
