"""Leases over HTTP: frontends that share a Triton tell its manager what their sessions use."""

from pydantic import BaseModel, Field

from vdx.transports.http.operation import Host, operations, refusals

MOST = 100_000
"""In one request."""

api = operations()


class Lease(BaseModel):
    session: str = Field(min_length=1, max_length=200, description="any id that is used once")
    model: str = Field(min_length=1, max_length=200, description="its full name")


class Leases(BaseModel):
    leases: list[Lease] = Field(max_length=MOST)


class Sessions(BaseModel):
    sessions: list[str] = Field(max_length=MOST)


class Taken(BaseModel):
    leases: int = Field(description="held now, of all sessions")
    expiry_ms: int = Field(description="a lease ends so long after it was last renewed")
    unknown_models: list[str] = Field(description="not in the repository: no lease was taken")


class Released(BaseModel):
    released: int = Field(description="fewer than asked for where some had ended already")


class Renewed(BaseModel):
    unknown: list[str] = Field(description="sessions that hold no lease (any more)")
    leases: int = Field(description="held by these sessions; fewer than taken: some have expired")


@api.post("/vdx/leases", responses=refusals(400, 503))
async def take_leases(host: Host, body: Leases) -> Taken:
    """Takes or renews leases: a model that is leased is not evicted."""
    known = set(await host.manager.names())
    unknown = {lease.model for lease in body.leases} - known
    for lease in body.leases:
        if lease.model in known:
            host.manager.leases.take(lease.session, lease.model)
    residency = host.manager.residency
    return Taken(
        leases=len(residency.all_leases()),
        expiry_ms=round(residency.limits.lease_expiry_s * 1000),
        unknown_models=sorted(unknown),
    )


@api.post("/vdx/leases/release", responses=refusals(400))
async def release_leases(host: Host, body: Leases) -> Released:
    """Ends leases."""
    ended = [host.manager.leases.release(lease.session, lease.model) for lease in body.leases]
    return Released(released=sum(ended))


@api.post("/vdx/leases/renew", responses=refusals(400))
async def renew_leases(host: Host, body: Sessions) -> Renewed:
    """Renews every lease of each session."""
    held = {each: host.manager.leases.renew(each) for each in body.sessions}
    unknown = [each for each, count in held.items() if not count]
    return Renewed(unknown=unknown, leases=sum(held.values()))
