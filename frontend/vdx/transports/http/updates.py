"""Updates of models while people talk: begin, watch, end; `vdx models update` speaks to it."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from vdx.app.update import Update, UpdateState
from vdx.serving.update_trial import RequestStats
from vdx.transports.http.operation import MODEL_REFUSALS, Host, operations, refusals

ModelName = Annotated[str, Path(json_schema_extra={"minLength": 1})]

api = operations()


class VersionFigures(BaseModel):
    model: str
    requests: int = Field(
        description="of sessions, since the trial began; those of all frontends where it is "
        "decided, else those of this one"
    )
    errors: int
    median_ms: float | None = Field(
        description="to the first audio, or from the end of an utterance to its transcript"
    )


class UpdateLine(BaseModel):
    name: str
    state: UpdateState
    why: str = Field(description="of one that is over; empty before")
    canary: float
    decided_here: bool = Field(
        description="whether this process decides it; another one of the same registry does, else"
    )
    old: VersionFigures
    new: VersionFigures


class Updates(BaseModel):
    updates: list[UpdateLine] = Field(description="in the order in which they began")
    versions: dict[str, str] = Field(description="name -> the model that serves it since an update")


@api.get("/vdx/updates")
async def updates(host: Host) -> Updates:
    """Updates that are under way, and the last that are over."""
    lines = [_line(update) for update in host.updates.all]
    return Updates(updates=lines, versions=dict(host.served.versions.all))


@api.post("/vdx/models/{name:path}/update", responses=refusals(*MODEL_REFUSALS))
async def update_model(
    host: Host,
    name: ModelName,
    source: Annotated[str, Query(description="the model that is to take its place")] = "",
    canary: Annotated[
        float, Query(gt=0, le=1, description="share of the sessions that begin meanwhile")
    ] = 0.1,
    hold_seconds: Annotated[
        float, Query(ge=0, le=86_400, description="so long it must do as well as the old one")
    ] = 60.0,
) -> UpdateLine:
    """Begins to replace a model by another one of its kind and languages.

    The new version is loaded beside the old one and gets a share of the sessions that begin. It
    takes the place of the old one when it does as well, or is given up; `GET /vdx/updates` says
    which, and why. Frontends that share a registry all take part.
    """
    return _line(await host.updates.start(name, source, canary, hold_seconds))


@api.post("/vdx/models/{name:path}/update/cancel", responses=refusals(404))
async def cancel_update(host: Host, name: ModelName) -> UpdateLine:
    """Has an update that is under way go back."""
    return _line(host.updates.cancel(name))


def _line(update: Update) -> UpdateLine:
    return UpdateLine(
        name=update.name,
        state=update.state,
        why=update.why,
        canary=update.trial.share,
        decided_here=update.led_here,
        old=_figures(update.old, update.trial.all_old),
        new=_figures(update.new, update.trial.all_new),
    )


def _figures(model: str, stats: RequestStats) -> VersionFigures:
    ms = stats.median_ms
    return VersionFigures(
        model=model,
        requests=stats.requests,
        errors=stats.errors,
        median_ms=round(ms, 1) if ms is not None else None,
    )
