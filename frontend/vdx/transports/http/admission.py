"""`GET /vdx/admission`: a browser is not told why its WebSocket was refused; here it is."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from vdx.transports.admission import admit
from vdx.transports.http.operation import Host, TalkOperation, operations, refusals

api = operations(kind=TalkOperation)


class Admission(BaseModel):
    profile: str = Field(description="that a conversation would have")


@api.get("/vdx/admission", responses=refusals(400, 404, 503))
async def admission(
    host: Host,
    model: Annotated[str, Query(max_length=200, description="as of `/v1/realtime`")] = "",
) -> Admission:
    """Whether `/v1/realtime` would take a conversation now; refused as it would refuse."""
    options = admit(host, model)
    await host.require_free(options)
    return Admission(profile=options.profile)
