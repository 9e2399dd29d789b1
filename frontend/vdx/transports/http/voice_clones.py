"""Voices that people make of a recording: `POST` and `DELETE` under `/v1/audio/voices`."""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.requests import Request

from vdx.batch.reference import as_pcm, decode_reference
from vdx.batch.reference_checks import require_fit
from vdx.core.errors import InvalidInput, SetupError, StorageFailed
from vdx.core.ffmpeg import FORMATS
from vdx.core.logs import logger
from vdx.core.paths import locate
from vdx.core.threads import in_thread
from vdx.core.validation import validated
from vdx.serving.voicepacks.clones import REFERENCE, CloneOrder, add_clone, remove_clone
from vdx.serving.voicepacks.identify import plain_id
from vdx.serving.voicepacks.metadata import Voicepack
from vdx.transports.http.operation import Host, operations, refusals
from vdx.transports.http.schema import Language, Name, Shape
from vdx.transports.http.uploads import FORM, upload

log = logger(__name__)

api = operations(tag="OpenAI")
"""For keys of administrators: whose voice a server speaks with is no caller's to decide."""


class CloneRequest(Shape):
    """The fields beside `file`, a recording of 3 to 30 s of one person."""

    name: Name = Field(description="what to call the voice")
    text: str = Field("", max_length=1000, description="what is said in it; Sesame CSM needs it")
    language: Language = Field(None, description="BCP-47; default: the voice's first")
    consent: str = Field(
        max_length=2000,
        description="the statement of whoever speaks in it that this server may use their voice",
    )
    licence: str = Field("", max_length=500, description="how it may be used")


class ClonedVoice(BaseModel):
    """A voice of a recording. `id` is what `voice` takes."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    family: str
    languages: list[str]
    sha256: str = Field(description="of the recording as it is kept")
    licence: str
    consent: str
    created_at: str = Field(description="ISO 8601")


class RemovedVoice(BaseModel):
    id: str
    object: Literal["audio.voice"] = "audio.voice"
    deleted: Literal[True] = True


def _form() -> dict[str, Any]:
    schema = CloneRequest.model_json_schema()
    file = {"type": "string", "format": "binary", "description": "the recording"}
    required = ["file", *schema["required"]]
    form = schema | {"properties": {"file": file, **schema["properties"]}, "required": required}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": form}}}}


@api.post(
    "/v1/audio/voices",
    description=f"Makes a voice of a recording: {FORMATS}, 3 to 30 s of one person.\n\nIt is kept "
    "on this server alone, only as that voice, until the voice is deleted.",
    responses=refusals(400, 408, 413, 415, 503, 507),
    openapi_extra=_form(),
)
async def create_voice(host: Host, request: Request) -> ClonedVoice:
    """A recording in, a voice out."""
    limits, recordings = host.config.server, request.app.state.recordings
    recordings.require_free()
    async with AsyncExitStack() as stack:
        file, fields = await upload(request, limits.max_upload_bytes)
        stack.push_async_callback(file.close)
        stack.enter_context(recordings.take())
        asked = validated(CloneRequest, fields)
        voice, pack = await in_thread(_made, file.file, asked)
    return _told(voice, pack)


@api.delete("/v1/audio/voices/{voice:path}", responses=refusals(400, 404, 507))
async def delete_voice(
    voice: Annotated[str, Path(description="its id", json_schema_extra={"minLength": 1})],
) -> RemovedVoice:
    """Deletes a voice of a recording, and the recording.

    What it is saying now is finished.
    """
    return RemovedVoice(id=await in_thread(_removed, voice))


def _removed(voice: str) -> str:
    with _storing("removed"):
        return remove_clone(locate(), voice)


@contextmanager
def _storing(what: str) -> Iterator[None]:
    """The names of a server's folders are for its log, not for clients."""
    try:
        yield
    except SetupError as error:
        log.warning("a voice of a recording could not be stored", error=repr(error))
        raise StorageFailed(f"the voice could not be {what}; try again later") from None


def _made(file: BinaryIO, asked: CloneRequest) -> tuple[str, Voicepack]:
    """Its own name would say nothing to whoever sent it, and must not reach a log."""
    heard = decode_reference(file, "the recording", "file")
    require_fit(heard, "the recording")
    order = CloneOrder(asked.name, asked.text, asked.language or "", asked.consent, asked.licence)
    with _storing("stored"):
        try:
            return add_clone(locate(), order, as_pcm(heard))
        except InvalidInput as error:
            if error.param != "id":
                raise
            name = plain_id(asked.name)
            told = f"there is a voice or a model {name!r} already"
            raise InvalidInput(told, param="name") from None


def _told(voice: str, pack: Voicepack) -> ClonedVoice:
    clone = pack.clone
    return ClonedVoice(
        id=voice,
        name=pack.id,
        family=pack.family,
        languages=pack.languages,
        sha256=pack.files[REFERENCE],
        licence=pack.licence,
        consent=clone.consent if clone else "",
        created_at=clone.made if clone else "",
    )
