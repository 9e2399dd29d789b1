"""`GET /v1/audio/voices`: the voices that are here, and what each can do."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from vdx.core.paths import Paths, locate
from vdx.core.threads import in_thread
from vdx.serving.model_status import ModelStatus
from vdx.serving.models import ModelInfo
from vdx.serving.speakers import kept_parts, own_speakers, speakers_here, speaks_with
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.transports.http.operation import AnyKeyOperation, Host, operations, refusals

api = operations(tag="OpenAI", kind=AnyKeyOperation)


class VoiceEntry(BaseModel):
    """A voice, by the name that `voice` takes; with MODEL/SPEAKER it speaks as one of its own.

    A voice of a recording is one for each model that speaks with it.
    """

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    family: str
    languages: list[str] = Field(description="BCP-47; * is every language")
    sample_rate: int = Field(description="Hz, the model's own")
    speakers: list[str] = Field(description="empty: one, or those that only the model knows")
    styles: list[str] = Field(description="as speakers, of a voice whose styles can be blended")
    cloning: bool = Field(description="it takes the voice of a recording")
    cloned: bool = Field(description="it is the voice of a recording")
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
    paths = locate()
    parts = kept_parts(paths)
    recordings = [pack for pack in parts if pack.part == "clone"]
    entries = list[VoiceEntry]()
    for status in statuses:
        if status.info is not None and status.info.kind == "tts":
            voice = _entry(status.info, paths, parts, loaded=status.state == "READY")
            own = own_speakers(status.info, paths)
            usable = [each for each in speaks_with(status.info, recordings) if each not in own]
            entries.append(voice)
            entries += [_clone(voice, pack) for pack in recordings if pack.id in usable]
    return VoiceList(data=entries)


def _entry(
    info: ModelInfo, paths: Paths, parts: Sequence[Voicepack], *, loaded: bool
) -> VoiceEntry:
    found = list(speakers_here(info.name, paths, parts) or ())
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
        cloned=False,
        loaded=loaded,
    )


def _clone(voice: VoiceEntry, pack: Voicepack) -> VoiceEntry:
    """A voice of a recording, as `voice` speaks with it."""
    own = {
        "id": f"{voice.id}/{pack.id}",
        "name": pack.id,
        "languages": pack.languages,
        "speakers": [],
        "cloning": False,
        "cloned": True,
    }
    return voice.model_copy(update=own)
