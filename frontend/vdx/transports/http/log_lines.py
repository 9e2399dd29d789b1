"""`GET /vdx/logs`: the last lines of this process's log; `vdx logs` prints them."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from vdx.core.recent_log import RECENT
from vdx.transports.http.operation import operations, refusals

api = operations()


class Line(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="counts the lines of this process from 1")
    at: str = Field(description="ISO 8601, UTC")
    level: str
    event: str
    values: dict[str, str]


class Lines(BaseModel):
    lines: list[Line]


@api.get("/vdx/logs", responses=refusals(400))
async def logs(
    after: Annotated[int, Query(ge=0, description="only lines with a higher number")] = 0,
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Query(description="this grave or graver")
    ] = "debug",
) -> Lines:
    """The last 1,000 lines at most, as `log.level` lets them through."""
    found = RECENT.lines(after, level)
    return Lines(lines=[Line.model_validate(each) for each in found])
