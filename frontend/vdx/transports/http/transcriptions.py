"""`POST /v1/audio/transcriptions`: a recording in, what it says out."""

from starlette.requests import Request
from starlette.responses import Response

from vdx.core.ffmpeg import FORMATS
from vdx.transports.http.operation import (
    MODEL_REFUSALS,
    Host,
    TranscribeOperation,
    operations,
    refusals,
)
from vdx.transports.http.recordings import TRANSCRIBED, form_of, written_down
from vdx.transports.http.requested_models import find_recogniser
from vdx.transports.http.schema import TranscriptionRequest

api = operations(tag="OpenAI", kind=TranscribeOperation)


@api.post(
    "/v1/audio/transcriptions",
    description=f"Writes a recording down: {FORMATS}, any rate, up to 16 channels and 25 MB.",
    response_class=Response,
    responses=TRANSCRIBED | refusals(*MODEL_REFUSALS, 408, 413, 415, 507),
    openapi_extra=form_of(TranscriptionRequest),
)
async def transcriptions(host: Host, request: Request) -> Response:
    """A recording in, its transcript out."""
    return await written_down(host, request, TranscriptionRequest, find_recogniser)
