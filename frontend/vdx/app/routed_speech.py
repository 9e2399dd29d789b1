"""Speech that belongs to no session: routed, and asked again on another server.

Only the voice that was asked for speaks. A clause whose server fails before its first audio is
asked of another server, one time; after that it cannot be taken back, and the speech ends.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from vdx.app.model_routes import ModelRoutes
from vdx.core.errors import ModelBusy, TritonError
from vdx.core.events import SpeechChunk
from vdx.serving.models import ModelInfo
from vdx.serving.triton import SynthesisRequest
from vdx.speech.output.tts import Voice


class RoutedSpeech:
    """Implements `batch.files.Synthesizer`; one for each text, `info` describes its voice."""

    def __init__(self, routes: ModelRoutes, info: ModelInfo) -> None:
        self._routes = routes.alone()
        self._info = info

    async def describe(self, _model: str) -> ModelInfo:
        """The voice, as it was found when it was asked for."""
        return self._info

    async def synthesize(
        self, model: str, request: SynthesisRequest
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Streams one clause; raises as `TritonClient.synthesize`."""
        voice = Voice(model, request.language, request.speaker, request.speed)
        for is_last in (False, True):
            begun = False
            try:
                async with aclosing(self._routes.synthesize(voice, request.text)) as chunks:
                    async for chunk in chunks:
                        begun = True
                        yield chunk
                return
            except TritonError as error:
                here = begun or is_last or isinstance(error, ModelBusy)
                if here or not error.retryable or not self._routes.has_another(voice):
                    raise
