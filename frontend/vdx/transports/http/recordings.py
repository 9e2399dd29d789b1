"""What both operations on recordings share: the upload, the recogniser's work, the answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from vdx.app import Application
from vdx.batch.files import Segment, TranscriptionOptions, transcribe
from vdx.batch.recording import Recording
from vdx.batch.speaker_model import (
    embed,
    find_speaker_model,
    known_speakers,
    read_references,
)
from vdx.batch.speakers import SpeakerLabels
from vdx.batch.transcripts import GRANULARITIES, Document
from vdx.core.audio import LISTEN_RATE
from vdx.core.errors import InvalidInput
from vdx.core.events import Pcm
from vdx.core.threads import in_thread
from vdx.core.validation import validated
from vdx.serving.models import ModelInfo
from vdx.serving.response_decoding import Vector
from vdx.transports.http.operation import Responses, content
from vdx.transports.http.requested_models import require_ready
from vdx.transports.http.schema import (
    DiarizedTranscription,
    RecordingRequest,
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
_RENDERED = content("text/plain", "text/vtt", EVENTS)[200]
TRANSCRIBED: Responses = {
    200: _RENDERED | {"model": Transcription | VerboseTranscription | DiarizedTranscription}
}
TRANSLATED: Responses = {200: _RENDERED | {"model": Transcription | VerboseTranscription}}
NAME_CHARS = 100

FindRecogniser = Callable[[Application, str, str | None], Awaitable[ModelInfo]]


@dataclass(frozen=True, slots=True)
class _Job:
    """One recording and who writes it down."""

    host: Application
    recording: Recording
    recogniser: ModelInfo
    options: TranscriptionOptions
    places: asyncio.Semaphore
    speakers: SpeakerLabels | None = None

    async def segments(self) -> AsyncGenerator[Segment, None]:
        host, server = self.host, self.host.serving(self.recogniser.name)
        found = transcribe(
            server.client,
            self.recogniser.name,
            self.recording,
            host.config.vad,
            options=self.options,
            places=self.places,
        )
        with server.requests.probe_on_failure():
            async with aclosing(found):
                async for segment in found:
                    yield segment

    async def document(self) -> Document:
        async with aclosing(self.segments()) as segments:
            found = [segment async for segment in segments]
        if self.speakers is not None:
            found = await in_thread(self.speakers.of, found)
        return self.of(found)

    def of(self, segments: list[Segment]) -> Document:
        return Document(
            segments,
            self.recording.heard / LISTEN_RATE,
            self.recogniser.language(self.options.language),
            channels=self.recording.channels if self.options.split else 0,
            translated=self.options.translate,
        )


def form_of(fields: type[BaseModel]) -> dict[str, Any]:
    """The document's request body: a form with the file and `fields`."""
    schema = fields.model_json_schema()
    file = {"type": "string", "format": "binary", "description": "the recording"}
    properties = {"file": file, **schema["properties"]}
    form = schema | {"properties": properties, "required": ["file"]}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": form}}}}


async def written_down(
    host: Application,
    request: Request,
    shape: type[RecordingRequest],
    find: FindRecogniser,
    *,
    translate: bool = False,
) -> Response:
    """Takes a recording and answers what it says; `find` gives the recogniser of a `model`."""
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
        asked = validated(shape, fields)
        recogniser = await find(host, asked.model, asked.language)
        _check(asked, recogniser)
        name = (file.filename or "file")[:NAME_CHARS]
        recording = await in_thread(
            Recording, file.file, name, limits.max_recording_seconds, discard=Recording.close
        )
        stack.enter_context(recording)
        speakers = await _speakers(host, asked)
        options = TranscriptionOptions(
            asked.language or "",
            translate=translate,
            split=asked.channels == "split",
            listen=speakers.hear if speakers is not None else None,
        )
        _check_channels(options, recording)
        job = _Job(host, recording, recogniser, options, request.app.state.stretches, speakers)
        if asked.stream:
            return Stream(_events(job), EVENTS, resources=stack.pop_all())
        document = await while_connected(request, job.document())
    chosen = asked.timestamp_granularities or GRANULARITIES
    media_type = MEDIA_TYPES.get(asked.response_format, "application/json")
    rendered = await in_thread(document.rendered, asked.response_format, chosen)
    return Response(rendered, media_type=media_type)


async def _speakers(host: Application, asked: RecordingRequest) -> SpeakerLabels | None:
    """What tells the speakers apart, where that is asked for."""
    if not isinstance(asked, TranscriptionRequest):
        return None
    names, urls = asked.known_speaker_names, asked.known_speaker_references
    if asked.response_format != "diarized_json":
        if names or urls:
            raise InvalidInput(
                "known speakers need response_format diarized_json", param="known_speaker_names"
            )
        return None
    if len(names) != len(urls):
        raise InvalidInput(
            f"{len(names)} known_speaker_names and {len(urls)} known_speaker_references: each name "
            "needs its recording",
            param="known_speaker_references",
        )
    info = await find_speaker_model(host.served, host.config.asr.speaker_model)
    server = host.serving(info.name)
    recordings = await in_thread(read_references, urls, "known_speaker_references")
    with server.requests.probe_on_failure():
        known = await known_speakers(server.client, info.name, names, recordings)

    async def listen(pcm: Pcm) -> Vector:
        with server.requests.probe_on_failure():
            return await embed(server.client, info.name, pcm)

    return SpeakerLabels(listen, known)


def _check(asked: RecordingRequest, recogniser: ModelInfo) -> None:
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


def _check_channels(options: TranscriptionOptions, recording: Recording) -> None:
    """One channel has no sides: who asks for them would take a mixed call for one person's."""
    if options.split and recording.channels < 2:
        raise InvalidInput(
            f"channels=split needs a recording of two channels or more; {recording.name} has one",
            param="channels",
        )


async def _events(job: _Job) -> AsyncGenerator[bytes, None]:
    said = list[Segment]()
    async with aclosing(job.segments()) as segments:
        async for segment in segments:
            delta = f" {segment.text}" if said else segment.text
            said.append(segment)
            side = {"channel": segment.channel} if job.options.split else {}
            yield event({"type": "transcript.text.delta", "delta": delta} | side)
    document = job.of(said)
    yield event({"type": "transcript.text.done"} | document.as_json())
