"""The requests that sessions send to models, and the probe after a failed one."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial

import numpy as np

from vdx.app.model_metrics import MeasuredRecognition, measured_clause, open_request
from vdx.app.recent_medians import RecentMedians
from vdx.core.audio import LISTEN_RATE
from vdx.core.errors import ModelTimeout, TritonError
from vdx.core.events import SpeechChunk
from vdx.core.logs import logger
from vdx.core.metrics import ENDPOINTER, TIMEOUTS, model_label
from vdx.core.resample import Resampler
from vdx.core.threads import in_thread
from vdx.core.tracing import stage_span
from vdx.core.voice_choice import styled
from vdx.dialog.profiles import SessionOptions
from vdx.serving.manager import ModelManager
from vdx.serving.models import HEARS_USER
from vdx.serving.readiness import Readiness
from vdx.serving.triton import SynthesisRequest, TritonClient
from vdx.speech.output.tts import Voice

log = logger(__name__)

HEARD_RATE = 24_000
"""Samples a second in which the contract of voices takes what was said."""
JUDGE_MS = 250
"""How long an endpointer's answer is waited for; a later one would come too late to end a turn."""
MOST_QUESTIONS = 4
"""Questions that may be open at one endpointer, which answers them in turn, each in about 50 ms: a
further one would not be answered in time."""


class ModelRequests:
    """Synthesis and recognition for sessions, over one client of Triton."""

    def __init__(self, client: TritonClient, manager: ModelManager, readiness: Readiness) -> None:
        self._client = client
        self._manager = manager
        self._readiness = readiness
        self._questions: Counter[str] = Counter()
        self.first_audio_ms = RecentMedians(digits=1)
        self.factors = RecentMedians(digits=2)

    async def synthesize(self, voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
        """Streams one clause of up to 1,000 characters; raises as `TritonClient.synthesize`."""
        follows = self._manager.can(voice.model, "emotive_zero_prompt")
        speaker = styled(voice.speaker, voice.style) if follows else voice.speaker
        request = SynthesisRequest(text, voice.language, speaker, voice.speed)
        if voice.heard is not None and self._manager.can(voice.model, HEARS_USER):
            sound = await in_thread(_as_heard, voice.heard.audio)
            request = replace(request, heard=sound, heard_text=voice.heard.text)
        clock = asyncio.get_running_loop().time
        began, first = clock(), 0.0
        spoken = stage_span("voice", model=voice.model, characters=len(text))
        with self.probe_on_failure(), spoken:
            asked = self._client.synthesize(voice.model, request)
            timed = partial(self.factors.add, voice.model)
            async with aclosing(measured_clause(voice.model, asked, timed)) as chunks:
                async for chunk in chunks:
                    if not first:
                        first = clock()
                        self.first_audio_ms.add(voice.model, 1000 * (first - began))
                    yield chunk
        log.debug(
            "clause synthesized",
            voice=voice.model,
            characters=len(text),
            first_ms=round((first - began) * 1000, 1) if first else None,
            ms=round((clock() - began) * 1000, 1),
        )

    def recognise(self, options: SessionOptions, session_id: str) -> MeasuredRecognition:
        """A sequence for one utterance of a session, not opened yet."""
        stream = self._client.recognise(
            options.recogniser,
            language="" if options.follows_language else options.language,
            session=session_id,
            prompt=options.prompt if self._manager.can(options.recogniser, "prompts") else "",
        )
        return MeasuredRecognition(stream, options.recogniser)

    async def judge(self, options: SessionOptions, pcm: bytes) -> float | None:
        """The probability that a person is done, by the session's endpointer.

        `pcm` is the turn so far, int16 16 kHz mono. None where there is no endpointer, it is not
        loaded, or no answer comes within JUDGE_MS.
        """
        model = options.endpointer
        if not model or self._manager.info(model) is None:
            return None
        if not self._manager.recovery.alive(model) or self._questions[model] >= MOST_QUESTIONS:
            ENDPOINTER.labels("not asked").inc()
            return None
        self._questions[model] += 1
        began = time.monotonic()
        try:
            span = stage_span("endpointer", model=model)
            with self.probe_on_failure(), span, open_request(model):
                found = await self._client.judge(model, pcm, JUDGE_MS)
        except TritonError as error:
            late = isinstance(error, ModelTimeout)
            ENDPOINTER.labels("late" if late else "failed").inc()
            log.warning("endpointer gave no answer", model=model, error=error.for_log)
            return None
        finally:
            self._questions[model] -= 1
        ENDPOINTER.labels("answered").inc()
        log.debug(
            "pause judged",
            model=model,
            probability=round(found, 3),
            ms=round((time.monotonic() - began) * 1000, 1),
        )
        return found

    @contextmanager
    def probe_on_failure(self) -> Iterator[None]:
        """Has the model and Triton probed now when the block fails with a retryable TritonError."""
        try:
            yield
        except TritonError as error:
            if isinstance(error, ModelTimeout):
                TIMEOUTS.labels(model_label(error.model)).inc()
            if error.retryable:
                self._manager.recovery.suspect(error.model)
                self._readiness.suspect()
            raise


def _as_heard(pcm: bytes) -> bytes:
    """int16 16 kHz mono as a voice hears it, at HEARD_RATE."""
    return Resampler(LISTEN_RATE, HEARD_RATE).push(np.frombuffer(pcm, np.int16)).tobytes()
