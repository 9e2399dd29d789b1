"""The requests that sessions send to voices and recognisers, and the probe after a failed one."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

from vdx.core.errors import TritonError
from vdx.core.events import SpeechChunk
from vdx.core.logs import logger
from vdx.dialog.profiles import SessionOptions
from vdx.serving.manager import ModelManager
from vdx.serving.readiness import Readiness
from vdx.serving.triton import RecognitionStream, SynthesisRequest, TritonClient
from vdx.speech.output.tts import Voice

log = logger(__name__)


class ModelRequests:
    """Synthesis and recognition for sessions, over one client of Triton."""

    def __init__(self, client: TritonClient, manager: ModelManager, readiness: Readiness) -> None:
        self._client = client
        self._manager = manager
        self._readiness = readiness

    async def synthesize(self, voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
        """Streams one clause of up to 1,000 characters; raises as `TritonClient.synthesize`."""
        request = SynthesisRequest(text, voice.language, voice.speaker, voice.speed)
        began, first = time.monotonic(), 0.0
        with self.probe_on_failure():
            async with aclosing(self._client.synthesize(voice.model, request)) as chunks:
                async for chunk in chunks:
                    first = first or time.monotonic()
                    yield chunk
        log.debug(
            "clause synthesized",
            voice=voice.model,
            characters=len(text),
            first_ms=round((first - began) * 1000, 1) if first else None,
            ms=round((time.monotonic() - began) * 1000, 1),
        )

    def recognise(self, options: SessionOptions, session_id: str) -> RecognitionStream:
        """A sequence for one utterance of a session, not opened yet."""
        return self._client.recognise(
            options.recogniser, language=options.language, session=session_id
        )

    @contextmanager
    def probe_on_failure(self) -> Iterator[None]:
        """Has the model and Triton probed now when the block fails with a retryable TritonError."""
        try:
            yield
        except TritonError as error:
            if error.retryable:
                self._manager.recovery.suspect(error.model)
                self._readiness.suspect()
            raise
