"""`GET /vdx/models/{name}/speakers`: what may stand after the slash of MODEL/SPEAKER."""

import asyncio
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from vdx.core.paths import locate
from vdx.serving.speakers import speakers_here
from vdx.transports.http.operation import Host, TalkOperation, operations, refusals

api = operations(kind=TalkOperation)


class SpeakersOfVoice(BaseModel):
    model: str
    speakers: list[str] | None = Field(
        description="speakers or styles by name; empty: it has one; null: its files are not on "
        "this machine, or do not name them"
    )


@api.get("/vdx/models/{name:path}/speakers", responses=refusals(404, 503))
async def speakers(
    host: Host, name: Annotated[str, Path(json_schema_extra={"minLength": 1})]
) -> SpeakersOfVoice:
    """The speakers or styles of a voice, which it need not have been loaded for."""
    model = await host.models.resolve(name)
    found = await asyncio.to_thread(speakers_here, model, locate())
    return SpeakersOfVoice(model=model, speakers=None if found is None else list(found))
