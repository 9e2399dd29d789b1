"""`POST /v1/audio/speech`: a text in, its speech out while it is being spoken."""

import base64
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace

from starlette.responses import Response

from vdx.app.routed_speech import RoutedSpeech
from vdx.batch.encoders import FORMS, Encoder
from vdx.batch.files import speak_text
from vdx.core.errors import InvalidInput
from vdx.core.events import Pcm
from vdx.core.threads import in_thread
from vdx.core.voice_choice import MOST_STYLE_CHARS, styled
from vdx.transports.http.operation import (
    MODEL_REFUSALS,
    Host,
    SpeakOperation,
    content,
    operations,
    refusals,
)
from vdx.transports.http.requested_models import find_voice, profile_of, require_ready
from vdx.transports.http.schema import SpeechRequest
from vdx.transports.http.streams import EVENTS, Stream, event

LIGHT = ("pcm", "wav")
"""Formats that cost less to make than a thread costs to ask."""

api = operations(tag="OpenAI", kind=SpeakOperation)


@api.post(
    "/v1/audio/speech",
    response_class=Response,
    responses=content(*(form.media_type for form in FORMS.values()), EVENTS)
    | refusals(*MODEL_REFUSALS, 408, 413, 415),
)
async def speech(host: Host, asked: SpeechRequest) -> Response:
    """Speaks a text; bytes leave while it is being spoken."""
    require_ready(host)
    voice, info = await find_voice(host, asked)
    if info.can("emotive_zero_prompt"):
        voice = replace(voice, speaker=styled(voice.speaker, _style(asked)))
    form = asked.response_format
    headers = {"X-Vdx-Voice": voice.model}
    light = form in LIGHT
    encoder = (
        Encoder(form, asked.sample_rate)
        if light
        else await in_thread(Encoder, form, asked.sample_rate, discard=Encoder.close)
    )
    resources = AsyncExitStack()
    resources.callback(encoder.close)
    speaker = RoutedSpeech(host.routes, info)
    profile = profile_of(host, asked.model)
    words = profile.pronunciation if profile is not None else None
    spoken = speak_text(speaker, voice, asked.input, host.config.clauses, pronunciation=words)
    pieces = _encoded(spoken, encoder, threaded=not light)
    if asked.stream_format == "sse":
        return Stream(_as_events(pieces, asked), EVENTS, headers, resources)
    return Stream(pieces, FORMS[form].media_type, headers, resources)


def _style(asked: SpeechRequest) -> str:
    instructions = (asked.instructions or "").strip()
    if len(instructions) > MOST_STYLE_CHARS:
        raise InvalidInput(
            f"instructions has {len(instructions)} characters, more than the {MOST_STYLE_CHARS} "
            "that this voice follows",
            param="instructions",
        )
    return instructions


async def _encoded(
    pieces: AsyncGenerator[Pcm, None], encoder: Encoder, *, threaded: bool
) -> AsyncGenerator[bytes, None]:
    async with aclosing(pieces):
        async for pcm in pieces:
            data = await in_thread(encoder.push, pcm) if threaded else encoder.push(pcm)
            if data:
                yield data
    if data := await in_thread(encoder.finish):
        yield data


async def _as_events(
    pieces: AsyncGenerator[bytes, None], asked: SpeechRequest
) -> AsyncGenerator[bytes, None]:
    """The API's events; its tokens are here words of the text and pieces of sound."""
    count = 0
    async with aclosing(pieces):
        async for piece in pieces:
            count += 1
            audio = base64.b64encode(piece).decode()
            yield event({"type": "speech.audio.delta", "audio": audio})
    words = len(asked.input.split())
    usage = {"input_tokens": words, "output_tokens": count, "total_tokens": words + count}
    yield event({"type": "speech.audio.done", "usage": usage})
