"""The admin API under `/vdx/`: what runs, and which models do; `vdx models` speaks to it."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from vdx.core.events import SessionState
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.session import Session
from vdx.serving.model_status import ModelStatus
from vdx.serving.models import ModelKind
from vdx.speech.input.noise_gate import VadStatistics
from vdx.transports.http.operation import (
    MODEL_REFUSALS,
    AnyKeyOperation,
    Host,
    operations,
    refusals,
)

NOT_EMPTY = {"minLength": 1}
"""For the document alone: an empty name is answered as any other that is not there."""

ModelName = Annotated[str, Path(json_schema_extra=NOT_EMPTY)]
Exact = Annotated[
    bool, Query(description="not the version that serves the name here since an update")
]

api = operations()
status_api = operations(kind=AnyKeyOperation)


class RunningLanguageModel(BaseModel):
    model: str
    pid: int | None = Field(description="null while its process is restarted")


class UsedTriton(BaseModel):
    server: str = Field(description="its name in `GET /vdx/servers`")
    pid: int | None = Field(description="where this process runs it; null while it is restarted")
    grpc: str


class ServerStatus(BaseModel):
    pid: int
    process: str = Field(description="which process that is: no other, here or elsewhere, has it")
    triton_pid: int | None = Field(description="of the first of `tritons`")
    triton_grpc: str
    triton_metrics: str
    tritons: list[UsedTriton]
    ready: bool
    sessions: int
    max_sessions: int
    tasks: int
    recogniser: str = Field(description="of new sessions")
    voice: str = Field(description="of new sessions")
    endpointer: str = Field(description="of new sessions; empty: the words alone tell")
    responder: str = Field(description="repeat, script, chat or local; of new sessions")
    language_models: list[RunningLanguageModel] = Field(description="on this machine")


class OpenSession(BaseModel):
    id: str
    state: SessionState
    profile: str
    voice: str
    recogniser: str
    endpointer: str
    messages: int
    gap_ms: float | None = Field(
        description="from the end of the user's speech to the last answer's first audio"
    )
    vad: VadStatistics


class OpenSessions(BaseModel):
    sessions: list[OpenSession]


class EndedSession(BaseModel):
    ended: str = Field(description="its id")


class ModelLine(BaseModel):
    """What is not known of a model that was never loaded is left out."""

    name: str
    state: str = Field(description="READY, LOADING, UNLOADING or UNAVAILABLE")
    reason: str
    kind: ModelKind | None = None
    family: str | None = None
    languages: list[str] | None = None
    sample_rate: int | None = Field(None, description="Hz")
    capabilities: list[str] | None = None
    phase: str | None = Field(
        None, description="waiting (for its turn), loading, resident or unloading"
    )
    phase_seconds: float | None = Field(None, description="since this phase began")
    idle_seconds: float | None = Field(None, description="since somebody asked for it")
    leases: int | None = Field(None, description="sessions that use it")
    memory_mb: float | None = Field(
        None, description="of its processes after its first load, in 1,000,000 bytes"
    )
    why: str | None = Field(None, description="why it is loaded")


class Models(BaseModel):
    models: list[ModelLine]


class Loaded(BaseModel):
    loaded: str
    kind: ModelKind


class Unloaded(BaseModel):
    unloaded: str
    sessions_moved: list[str] = Field(description="ids; they use their profile's model now")
    sessions_still_using_it: list[str] = Field(description="ids; there is no other for them")
    waits: bool = Field(False, description="with `when_free`: sessions use it still")


class Used(BaseModel):
    model: str
    kind: ModelKind
    sessions: int = Field(description="how many were switched")


@status_api.get("/vdx/status")
async def status(host: Host) -> ServerStatus:
    """Process ids, sessions, and what new sessions use."""
    return ServerStatus.model_validate(host.status())


@api.get("/vdx/sessions")
async def sessions(host: Host) -> OpenSessions:
    """Open sessions and how each stands."""
    return OpenSessions(sessions=[_line(session) for session in host.sessions.values()])


@api.post("/vdx/sessions/{name}/end", responses=refusals(404))
async def end_session(host: Host, name: ModelName) -> EndedSession:
    """Ends a conversation; its client is told `ended_by_operator`."""
    session = host.session(name)
    session.close("ended_by_operator")
    return EndedSession(ended=session.id)


@api.get("/vdx/models", responses=refusals(503), response_model_exclude_none=True)
async def models(host: Host) -> Models:
    """Every model of the repository, its state and what it can do."""
    return Models(models=[_model(entry) for entry in await host.served.statuses()])


@api.post("/vdx/models/{name:path}/load", responses=refusals(*MODEL_REFUSALS))
async def load(
    host: Host,
    name: ModelName,
    check: Annotated[
        bool, Query(description="probe it, load it anew if it is dead, but not if it was unloaded")
    ] = False,
    exact: Exact = False,
) -> Loaded:
    """Loads a model and warms it up."""
    full = await (host.served.find(name) if exact else host.models.resolve(name))
    if check:
        await host.manager.check(full)
    info = await host.served.ensure(full)
    return Loaded(loaded=info.name, kind=info.kind)


@api.post("/vdx/models/{name:path}/reload", responses=refusals(*MODEL_REFUSALS))
async def reload(host: Host, name: ModelName) -> Loaded:
    """Unloads a model after what is in flight, and loads it anew, as after its files changed.

    Replies that need it meanwhile are spoken by another voice of their language.
    """
    info = await host.served.reload(await host.models.resolve(name))
    return Loaded(loaded=info.name, kind=info.kind)


@api.post("/vdx/models/{name:path}/unload", responses=refusals(*MODEL_REFUSALS))
async def unload(
    host: Host,
    name: ModelName,
    when_free: Annotated[
        bool, Query(description="not before the last session that uses it has ended")
    ] = False,
    exact: Exact = False,
) -> Unloaded:
    """Unloads a model; a clause or utterance in flight is finished."""
    if when_free:
        waits = not await host.switching.unload_when_free(name, exact=exact)
        return Unloaded(unloaded=name, sessions_moved=[], sessions_still_using_it=[], waits=waits)
    moved, left = await host.switching.unload(name, exact=exact)
    return Unloaded(unloaded=name, sessions_moved=moved, sessions_still_using_it=left)


@api.post("/vdx/models/{name:path}/use", responses=refusals(*MODEL_REFUSALS))
async def use(
    host: Host,
    name: ModelName,
    session: Annotated[str | None, Query(description="only this one, by its id")] = None,
) -> Used:
    """Switches live sessions and the default, or one session, to a model or VOICE/SPEAKER.

    The default is that of this server's process: its next start has the configured one again.
    """
    only = host.session(session) if session else None
    info = await host.models.load(VoiceChoice.parse(name).model)
    return Used(model=name, kind=info.kind, sessions=await host.switching.use(name, only))


def _line(session: Session) -> OpenSession:
    return OpenSession(
        id=session.id,
        state=session.state,
        profile=session.options.profile,
        voice=session.options.voice,
        recogniser=session.options.recogniser,
        endpointer=session.options.endpointer,
        messages=len(session.history),
        gap_ms=session.last_gap_ms,
        vad=session.hearing.statistics,
    )


def _model(entry: ModelStatus) -> ModelLine:
    line: dict[str, object] = {"name": entry.name, "state": entry.state, "reason": entry.reason}
    if (info := entry.info) is not None:
        line |= {
            "kind": info.kind,
            "family": info.family,
            "languages": list(info.languages),
            "sample_rate": info.sample_rate,
            "capabilities": sorted(info.capabilities),
        }
    if (residency := entry.residency) is not None:
        line |= {
            "phase": residency.phase,
            "phase_seconds": round(residency.phase_s, 1),
            "idle_seconds": round(residency.idle_s, 1),
            "leases": residency.leases,
            "memory_mb": residency.memory_mb and round(residency.memory_mb, 1),
            "why": residency.why,
        }
    return ModelLine.model_validate(line)
