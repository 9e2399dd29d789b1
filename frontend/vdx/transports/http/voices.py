"""`GET /v1/audio/voices`: the voices that are here, and what each can do."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from vdx.core.paths import locate
from vdx.core.threads import in_thread
from vdx.serving.model_status import ModelStatus
from vdx.serving.models import ModelInfo
from vdx.serving.speakers import speakers_of
from vdx.transports.http.operation import AnyKeyOperation, Host, operations, refusals

api = operations(tag="OpenAI", kind=AnyKeyOperation)


class VoiceEntry(BaseModel):
    """A voice, by the name that `voice` takes; with MODEL/SPEAKER it speaks as one of its own."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    family: str
    languages: list[str] = Field(description="BCP-47; * is every language")
    sample_rate: int = Field(description="Hz, the model's own")
    speakers: list[str] = Field(description="empty: one, or those that only the model knows")
    styles: list[str] = Field(description="as speakers, of a voice whose styles can be blended")
    cloning: bool = Field(description="it takes the voice of a recording")
    loaded: bool


class VoiceList(BaseModel):
    object: Literal["list"] = "list"
    data: list[VoiceEntry]


@api.get("/v1/audio/voices", responses=refusals(503))
async def list_voices(host: Host) -> VoiceList:
    """What `voice` may name."""
    statuses = await host.served.statuses()
    return await in_thread(_listed, statuses)


def _listed(statuses: list[ModelStatus]) -> VoiceList:
    """Reads files: the speakers of a voice are in those."""
    entries = [
        _entry(status.info, loaded=status.state == "READY")
        for status in statuses
        if status.info is not None and status.info.kind == "tts"
    ]
    return VoiceList(data=entries)


def _entry(info: ModelInfo, *, loaded: bool) -> VoiceEntry:
    folder = next((f / info.name for f in _repositories() if (f / info.name).is_dir()), None)
    found = list(speakers_of(info, folder)) if folder is not None else []
    blends = info.family == "kokoro"
    return VoiceEntry(
        id=info.name,
        name=info.name,
        family=info.family,
        languages=list(info.languages),
        sample_rate=info.sample_rate,
        speakers=[] if blends else found,
        styles=found if blends else [],
        cloning=info.can("zero_shot"),
        loaded=loaded,
    )


def _repositories() -> list[Path]:
    return list(locate().model_repositories)
