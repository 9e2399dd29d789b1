"""`POST /v1/audio/translations`: a recording in any language in, what it says in English out."""

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
from vdx.transports.http.recordings import TRANSLATED, form_of, written_down
from vdx.transports.http.requested_models import find_translator
from vdx.transports.http.schema import TranslationRequest

api = operations(tag="OpenAI", kind=TranscribeOperation)


@api.post(
    "/v1/audio/translations",
    description=f"Writes a recording down in English, whatever language it is in: {FORMATS}, any "
    "rate, up to 16 channels and 25 MB. For recognisers with the capability `translation`.",
    response_class=Response,
    responses=TRANSLATED | refusals(*MODEL_REFUSALS, 408, 413, 415, 507),
    openapi_extra=form_of(TranslationRequest),
)
async def translations(host: Host, request: Request) -> Response:
    """A recording in, its translation out."""
    return await written_down(host, request, TranslationRequest, find_translator, translate=True)
