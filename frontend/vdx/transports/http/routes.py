"""Which servers there are, and why a session uses the models that it uses."""

import asyncio
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from vdx.core.errors import UnknownName
from vdx.serving.models import ModelKind
from vdx.serving.registry.entry import ServerEntry
from vdx.transports.http.operation import Host, operations, refusals

api = operations()


class KnownServer(ServerEntry):
    age_seconds: float = Field(description="since it was last announced or looked at")


class Servers(BaseModel):
    servers: list[KnownServer]


class Drained(BaseModel):
    server: str
    draining: bool
    alone: bool = Field(description="no other server takes sessions, so they stay for the time")
    sessions: int = Field(description="that lease a model there still")


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
    entries, registry = await host.routes.entries(), host.routes.registry
    now = asyncio.get_running_loop().time()
    return Servers(
        servers=[
            KnownServer(**dict(entry), age_seconds=round(registry.age_s(entry.name, now), 1))
            for entry in entries
        ]
    )


@api.post("/vdx/servers/{name:path}/drain", responses=refusals(400, 404))
async def drain_server(
    host: Host,
    name: Annotated[str, Path(json_schema_extra={"minLength": 1})],
    off: Annotated[bool, Query(description="sessions may go there again")] = False,
) -> Drained:
    """Sends no session to a server any more; those on it leave with their next clause.

    Where no other server is left, sessions go there all the same: `alone` tells so.
    Where a manager announces the server, ask that: then every frontend leaves it.
    """
    server = host.routes.named(name)
    if server is None:
        names = ", ".join(each.name for each in host.servers)
        raise UnknownName(f"there is no server {name!r}; there are: {names}", param="name")
    server.draining = not off
    view = host.routes.view()
    left_out = host.routes.unusable(view)
    known = view.servers.values()
    others = [each for each in known if not each.draining and each.name not in left_out]
    return Drained(
        server=name,
        alone=server.draining and not others,
        draining=server.draining,
        sessions=len({session for session, _ in server.manager.residency.all_leases()}),
    )


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
