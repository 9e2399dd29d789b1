"""The Triton side of every text-to-speech family: decoupled, one request = one clause.

`execute` decodes, admits and returns at once; a worker thread synthesises, polls for cancellation
before every response it computes, and ends every request with the FINAL flag, whatever happened.
"""

import threading
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import triton_python_backend_utils as pb_utils

from triton_backends.shared.contract import TtsRequest, decode_tts
from triton_backends.shared.engine import Chunk, TtsEngine
from triton_backends.shared.errors import BackendError, Busy
from triton_backends.shared.levelling import FixedGain, Leveller, SpeakerGains
from triton_backends.shared.metrics import Metrics
from triton_backends.shared.model_backend import ModelBackend, count_error
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.progress import Progress
from triton_backends.shared.silence import pause_after
from triton_backends.shared.spans import Spans
from triton_backends.shared.speech import (
    CALIBRATION_TEXT,
    SpeechResponse,
    Voice,
    calibrate,
    stream_speech,
    words_json,
)
from triton_backends.shared.tensors import (
    failure,
    is_probe,
    origin_of,
    parameters_of,
    stop_wanted,
    tensors_of,
    text_tensor,
)

FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL

POLL_INTERVAL_S = 0.01
"""While a response is computed, Triton is asked this often whether the client is still there."""
FIRST_RESPONSE_PAUSE_S = 0.002
TRIM_START_MS = 1000
"""The most silence left out before the first sound."""
MAX_EARLY_STOPS = 256
"""Stops kept of requests that have not arrived yet."""
STUCK_MS = 10_000
"""An engine that gives none of its requests a chunk for so long is stuck."""


class TtsBackend(ModelBackend):
    """Base of a family's TritonPythonModel; the family says how its engine is built."""

    def build_engine(self, parameters: Parameters) -> TtsEngine:
        """The family's engine, made of the model's parameters."""
        raise NotImplementedError

    def calibration_request(self, parameters: Parameters) -> TtsRequest:
        """What is synthesised at load to warm up and to measure the loudness."""
        return TtsRequest(text=parameters.text("calibration_text", CALIBRATION_TEXT))

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once: build, warm up, calibrate."""
        parameters = self._read_arguments(args)
        self._engine = self.build_engine(parameters)
        self._limit = parameters.integer("max_streams", self._engine.max_streams, low=1)
        gain = calibrate(self._engine, self.calibration_request(parameters))
        self._gains = SpeakerGains(gain)
        self._voice = Voice(
            sample_rate=self._engine.sample_rate,
            gain=gain,
            first_frames=parameters.integer("first_frames", 2, low=1, high=500),
            largest_frames=parameters.integer("largest_frames", 25, low=1, high=500),
            trim_start_ms=parameters.integer("trim_start_ms", TRIM_START_MS, high=1000),
        )
        self._trims_end = parameters.flag("trim_end", default=True)
        self._levels = parameters.flag("level", default=True)
        self._start_reports(parameters, STUCK_MS)
        self._workers = ThreadPoolExecutor(self._limit, thread_name_prefix="synthesis")
        self._active = 0
        self._answers: dict[str, _Answer] = {}
        # A stop comes by another stream than its request, and may arrive before it.
        self._early_stops: deque[str] = deque(maxlen=MAX_EARLY_STOPS)
        self._lock = threading.Lock()

    def execute(self, requests: list[Any]) -> None:
        """Called by Triton; the responses come from the workers."""
        for request in requests:
            arrived = time.perf_counter()
            sender = request.get_response_sender()
            asked = parameters_of(request)
            if is_probe(asked):
                self._answer_probe(sender)
                continue
            if wanted := stop_wanted(asked):
                self._stop(wanted)
                sender.send(flags=FINAL)
                continue
            if request.request_id() in self._early_stops:
                sender.send(flags=FINAL)
                self._metrics.add("vdx_cancellations_total")
                continue
            try:
                decoded = decode_tts(tensors_of(request))
                decoded = replace(decoded, session=origin_of(request).session)
                self._admit()
            except Exception as error:  # noqa: BLE001  (root of a request: the client must hear)
                self._refuse(sender, self._faults.answer(error, origin_of(request)))
                continue
            answer = _Answer(request, sender, arrived)
            with self._lock:
                self._answers[request.request_id()] = answer
            self._workers.submit(self._run, decoded, answer)

    def finalize(self) -> None:
        """Called by Triton once the last response is sent."""
        self._workers.shutdown(wait=True)
        self._engine.close()
        self._spans.close()
        self._metrics.close()

    def _admit(self) -> None:
        with self._lock:
            if self._active >= self._limit:
                raise Busy(f"{self._limit} requests are being spoken already")
            self._active += 1

    def _answer_probe(self, sender: Any) -> None:
        """FINAL alone where the engine is idle or makes progress, else an error."""
        try:
            self._progress.check()
        except BackendError as error:
            sender.send(failure(error), flags=FINAL)
        else:
            sender.send(flags=FINAL)

    def _stop(self, wanted: str) -> None:
        """A client wants no more of a request; it is no error if that has ended already."""
        with self._lock:
            answer = self._answers.get(wanted)
        if answer is not None:
            answer.abandoned = True
        else:
            self._early_stops.append(wanted)

    def _refuse(self, sender: Any, error: BackendError) -> None:
        sender.send(failure(error), flags=FINAL)
        count_error(self._metrics, error)

    def _run(self, decoded: TtsRequest, answer: "_Answer") -> None:
        self._metrics.add("vdx_active_streams", 1)
        self._progress.begin()
        try:
            self._speak(decoded, answer)
        except Exception as error:  # noqa: BLE001  (root of a worker: the client must hear of it)
            answer.fail(self._faults.answer(error, answer.origin))
            self._metrics.add("vdx_model_errors_total")
        finally:
            answer.finish()
            with self._lock:
                self._active -= 1
                self._answers.pop(answer.id, None)
            self._metrics.add("vdx_active_streams", -1)
            answer.report(self._metrics, self._spans)
            self._progress.end()

    def _speak(self, decoded: TtsRequest, answer: "_Answer") -> None:
        pause_ms = pause_after(decoded.text, decoded.speed) if self._trims_end else None
        plain = replace(decoded, text=decoded.text.rstrip("\n"))
        chunks = _while_wanted(self._engine.synthesize(plain), answer, self._progress)
        speaker = decoded.loudness_key, decoded.language
        leveller = (
            Leveller(self._voice.sample_rate, self._gains.of(*speaker))
            if self._levels
            else FixedGain(self._voice.gain)
        )
        speech = stream_speech(chunks, self._voice, pause_ms, leveller)
        with closing(chunks), closing(speech) as responses:
            while not answer.ended and not answer.cancelled():
                response = next(responses, None)
                if response is None:
                    break
                self._metrics.add("vdx_chunks_total")
                if answer.abandoned:
                    break
                first = not answer.started
                answer.send(response)
                if first:
                    # On few cores: yields one to the server, which sends the response on.
                    time.sleep(FIRST_RESPONSE_PAUSE_S)
        self._gains.learn(*speaker, leveller.needed)


def _while_wanted(
    chunks: Generator[Chunk], answer: "_Answer", progress: Progress
) -> Generator[Chunk]:
    """The chunks with audio or words, until the client does not want them any more."""
    with closing(chunks):
        for chunk in chunks:
            progress.advance()
            if chunk.pcm.size or chunk.words:
                yield chunk
            if answer.abandoned or (answer.poll_due() and answer.cancelled()):
                return


class _Answer:
    """The responses to one request; used by one worker."""

    def __init__(self, request: Any, sender: Any, arrived: float) -> None:
        self.abandoned = False
        self.id: str = request.request_id()
        self.origin = origin_of(request)
        self._request = request
        self._sender = sender
        self._arrived = arrived
        self._sent_at: list[float] = []
        self._polled = arrived
        self._audio_s = 0.0
        self.ended = False

    @property
    def started(self) -> bool:
        return bool(self._sent_at)

    def poll_due(self) -> bool:
        return time.perf_counter() - self._polled >= POLL_INTERVAL_S

    def cancelled(self) -> bool:
        """Ask the server whether the client is still there; a round trip of about 0.15 ms.

        Never asked after FINAL: the server has freed the request by then, and would crash.
        """
        if not self.abandoned and not self.ended:
            if self._request.is_cancelled():  # never back to False: `_stop` may come meanwhile
                self.abandoned = True
            self._polled = time.perf_counter()
        return self.abandoned

    def send(self, response: SpeechResponse) -> None:
        audio = pb_utils.Tensor("AUDIO", response.audio)
        words = text_tensor("WORDS", words_json(response.words))
        self.ended = response.last
        self._sender.send(
            pb_utils.InferenceResponse([audio, words]), flags=FINAL if response.last else 0
        )
        self._sent_at.append(time.perf_counter())
        self._audio_s += len(response.audio) * 0.02

    def fail(self, error: BackendError) -> None:
        if not self.ended:
            self.ended = True
            self._sender.send(failure(error), flags=FINAL)

    def finish(self) -> None:
        """Send FINAL if nothing has; it is due in every case, also after a cancellation."""
        if not self.ended:
            self.ended = True
            self._sender.send(flags=FINAL)

    def report(self, metrics: Metrics, spans: Spans) -> None:
        """A span, and metrics that Triton's statistics lack because `execute` returned before."""
        done_s = time.perf_counter() - self._arrived
        first_s = self._sent_at[0] - self._arrived if self._sent_at else -1.0
        told = {"responses": len(self._sent_at), "first_s": first_s, "audio_s": self._audio_s}
        spans.record(self.origin.trace, "model.speak", done_s, **told)
        if self.abandoned:
            metrics.add("vdx_cancellations_total")
        if not self._sent_at:
            return
        metrics.observe("vdx_first_chunk_seconds", self._sent_at[0] - self._arrived)
        for earlier, later in zip(self._sent_at, self._sent_at[1:], strict=False):
            metrics.observe("vdx_inter_chunk_seconds", later - earlier)
        took = self._sent_at[-1] - self._arrived
        metrics.observe("vdx_real_time_factor", took / self._audio_s)
