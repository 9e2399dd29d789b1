"""`POST /v1/audio/transcriptions`: a recording in, what it says out."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from vdx.app import Application
from vdx.batch.files import Segment, transcribe
from vdx.batch.recording import Recording
from vdx.batch.transcripts import GRANULARITIES, Document
from vdx.core.audio import LISTEN_RATE
from vdx.core.errors import InvalidInput
from vdx.core.ffmpeg import FORMATS
from vdx.core.threads import in_thread
from vdx.core.validation import validated
from vdx.serving.models import ModelInfo
from vdx.transports.http.operation import (
    MODEL_REFUSALS,
    Host,
    Responses,
    TranscribeOperation,
    content,
    operations,
    refusals,
)
from vdx.transports.http.requested_models import find_recogniser, require_ready
from vdx.transports.http.schema import (
    Transcription,
    TranscriptionRequest,
    VerboseTranscription,
)
from vdx.transports.http.streams import EVENTS, Stream, event, while_connected
from vdx.transports.http.uploads import FORM, upload

STREAMED = ("json", "text")
"""The forms that can be told bit by bit."""
TEXT = "text/plain; charset=utf-8"
MEDIA_TYPES = {"text": TEXT, "srt": TEXT, "vtt": "text/vtt; charset=utf-8"}
RENDERED: Responses = {
    200: content("text/plain", "text/vtt", EVENTS)[200]
    | {"model": Transcription | VerboseTranscription}
}
NAME_CHARS = 100

api = operations(tag="OpenAI", kind=TranscribeOperation)


@dataclass(frozen=True, slots=True)
class _Job:
    """One recording and who writes it down."""

    host: Application
    recording: Recording
    recogniser: ModelInfo
    language: str
    places: asyncio.Semaphore

    async def segments(self) -> AsyncGenerator[Segment, None]:
        host, server = self.host, self.host.serving(self.recogniser.name)
        found = transcribe(
            server.client,
            self.recogniser.name,
            self.recording,
            host.config.vad,
            language=self.language,
            places=self.places,
        )
        with server.requests.probe_on_failure():
            async with aclosing(found):
                async for segment in found:
                    yield segment

    async def document(self) -> Document:
        async with aclosing(self.segments()) as segments:
            return self.of([segment async for segment in segments])

    def of(self, segments: list[Segment]) -> Document:
        language = self.recogniser.language(self.language)
        return Document(segments, self.recording.heard / LISTEN_RATE, language)


def _form_of(fields: type[BaseModel]) -> dict[str, Any]:
    """The document's request body: a form with the file and `fields`."""
    schema = fields.model_json_schema()
    file = {"type": "string", "format": "binary", "description": "the recording"}
    properties = {"file": file, **schema["properties"]}
    form = schema | {"properties": properties, "required": ["file"]}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": form}}}}


@api.post(
    "/v1/audio/transcriptions",
    description=f"Writes a recording down: {FORMATS}, any rate, up to 16 channels and 25 MB.",
    response_class=Response,
    responses=RENDERED | refusals(*MODEL_REFUSALS, 408, 413, 415, 507),
    openapi_extra=_form_of(TranscriptionRequest),
)
async def transcriptions(host: Host, request: Request) -> Response:
    """A recording in, its transcript out."""
    # The form is parsed here: FastAPI would read it before this function is called, without a
    # limit of size and time, and where there is no place for another recording.
    require_ready(host)
    limits, recordings = host.config.server, request.app.state.recordings
    recordings.require_free()  # or the upload would be for nothing
    async with AsyncExitStack() as stack:
        file, fields = await upload(request, limits.max_upload_bytes)
        stack.push_async_callback(file.close)
        # Not before the upload is whole: one that stalls would keep the place from others.
        stack.enter_context(recordings.take())
        asked = validated(TranscriptionRequest, fields)
        recogniser = await find_recogniser(host, asked.model, asked.language)
        _check(asked, recogniser)
        name = (file.filename or "file")[:NAME_CHARS]
        recording = await in_thread(
            Recording, file.file, name, limits.max_recording_seconds, discard=Recording.close
        )
        stack.enter_context(recording)
        places = request.app.state.stretches
        job = _Job(host, recording, recogniser, asked.language or "", places)
        if asked.stream:
            return Stream(_events(job), EVENTS, resources=stack.pop_all())
        document = await while_connected(request, job.document())
    chosen = asked.timestamp_granularities or GRANULARITIES
    media_type = MEDIA_TYPES.get(asked.response_format, "application/json")
    rendered = await in_thread(document.rendered, asked.response_format, chosen)
    return Response(rendered, media_type=media_type)


def _check(asked: TranscriptionRequest, recogniser: ModelInfo) -> None:
    """What only makes sense together."""
    if asked.stream and asked.response_format not in STREAMED:
        raise InvalidInput(
            f"stream works with response_format json and text, not {asked.response_format!r}",
            param="stream",
        )
    if not asked.timestamp_granularities:
        return
    if asked.response_format != "verbose_json":
        raise InvalidInput(
            "timestamp_granularities need response_format verbose_json, not "
            f"{asked.response_format!r}",
            param="timestamp_granularities",
        )
    if "word" in asked.timestamp_granularities and not recogniser.can("word_times"):
        raise InvalidInput(
            f"{recogniser.name} does not tell when words sound",
            param="timestamp_granularities",
        )


async def _events(job: _Job) -> AsyncGenerator[bytes, None]:
    said = list[Segment]()
    async with aclosing(job.segments()) as segments:
        async for segment in segments:
            delta = f" {segment.text}" if said else segment.text
            said.append(segment)
            yield event({"type": "transcript.text.delta", "delta": delta})
    document = job.of(said)
    done = {"text": document.text, "usage": document.usage()}
    yield event({"type": "transcript.text.done"} | done)
