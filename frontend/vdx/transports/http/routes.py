"""Which servers there are, and why a session uses the models that it uses."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from vdx.serving.models import ModelKind
from vdx.serving.registry.entry import ServerEntry
from vdx.transports.http.operation import Host, operations, refusals

api = operations()


class Servers(BaseModel):
    servers: list[ServerEntry]


class Route(BaseModel):
    session: str
    kind: ModelKind
    wanted: str = Field(description="what the session asks for")
    server: str = Field(description="empty where nothing can serve it")
    model: str = Field(description="what answers it now; another one is the fallback")
    why: str = Field(description="why that model is loaded")
    reasons: list[str] = Field(description="what decided, in order")


class Routes(BaseModel):
    routes: list[Route]


@api.get("/vdx/servers", responses=refusals(503))
async def servers(host: Host) -> Servers:
    """Each Triton with its models, their state, what they can do and how they do."""
    return Servers(servers=await host.routes.entries())


@api.get("/vdx/routes", responses=refusals(404, 503))
async def routes(
    host: Host,
    session: Annotated[str | None, Query(description="only this one, by its id")] = None,
) -> Routes:
    """For each open session: what it is served by, and why."""
    chosen = [host.session(session)] if session else list(host.sessions.values())
    explained = await host.routes.explain(chosen)
    return Routes(
        routes=[
            Route(
                session=each.session,
                kind=each.kind,
                wanted=each.wanted,
                server=each.choice.server,
                model=each.choice.model,
                why=each.why,
                reasons=list(each.choice.reasons),
            )
            for each in explained
        ]
    )
