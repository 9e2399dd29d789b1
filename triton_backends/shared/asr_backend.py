"""The Triton side of every recogniser: sequences, decoupled, one sequence = one utterance.

`execute` decodes the request, queues it with its utterance and returns at once. Every request is
ended with the FINAL flag; one that has nothing to say is ended by the flag alone, which costs the
client no message.
"""

import time
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from triton_backends.shared.contract import ASR_FRAME, AsrRequest, decode_asr
from triton_backends.shared.decoding import FINAL, PARTIAL, SPECULATIVE, Job
from triton_backends.shared.engine import AsrEngine, Hypothesis
from triton_backends.shared.errors import BackendError, InvalidArgument
from triton_backends.shared.fault_log import Origin
from triton_backends.shared.metrics import Metrics
from triton_backends.shared.model_backend import ModelBackend, count_error
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.sequences import Sequences
from triton_backends.shared.spans import Spans
from triton_backends.shared.tensors import (
    failure,
    is_probe,
    parameters_of,
    tensors_of,
    text_tensor,
)
from triton_backends.shared.transcripts import marks_json, recent_words, words_json

RESPONSE_FINAL = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
WARM_UP_FRAMES = 15  # 300 ms
STUCK_MS = 20_000
"""An engine that completes no piece of any utterance for so long is stuck."""


class AsrBackend(ModelBackend):
    """Base of a family's TritonPythonModel; the family says how its engine is built."""

    def build_engine(self, parameters: Parameters) -> AsrEngine:
        """The family's engine, made of the model's parameters."""
        raise NotImplementedError

    def log_warning(self, line: str) -> None:
        """To Triton's log, behind the model's name."""
        pb_utils.Logger.log_warn(f"{self.model.name}: {line}")

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once: build and warm up."""
        parameters = self._read_arguments(args)
        self._tells_marks = parameters.flag("turn_marks")
        self._tells_language = parameters.flag("language_detection")
        self._engine = self.build_engine(parameters)
        warm_up(self._engine)
        self._start_reports(parameters, STUCK_MS)
        workers = self._engine.workers
        self._sequences = Sequences(
            self._engine,
            limit=parameters.integer("max_utterances", self._engine.max_utterances, low=1),
            idle_s=parameters.integer("idle_ms", 6000, low=100) / 1000,
            workers=parameters.integer("workers", workers, low=min(workers, 1), high=64),
            count=lambda change: self._metrics.add("vdx_active_streams", change),
            progress=self._progress,
            faults=self._faults,
        )

    def execute(self, requests: list[Any]) -> None:
        """Called by Triton; the responses come from the workers."""
        for request in requests:
            reply = self._reply(request.get_response_sender())
            parameters = parameters_of(request)
            reply.trace = str(parameters.get("vdx_trace", ""))
            if is_probe(parameters):
                self._answer_probe(reply)
                continue
            try:
                job = _job(request, reply)
            except Exception as error:  # noqa: BLE001  (root of a request: the client must hear)
                origin = Origin(f"sequence {request.correlation_id()}")
                reply.fail(self._faults.answer(error, origin))
                continue
            if job.request.cancel:
                self._metrics.add("vdx_cancellations_total")
            self._sequences.submit(request.correlation_id(), job)

    def _reply(self, sender: Any) -> "_TritonReply":
        return _TritonReply(
            sender,
            self._metrics,
            self._spans,
            tells_marks=self._tells_marks,
            tells_language=self._tells_language,
        )

    def _answer_probe(self, reply: "_TritonReply") -> None:
        """An empty transcript where the engine is idle or makes progress, else an error."""
        try:
            self._progress.check()
        except BackendError as error:
            reply.fail(error)
        else:
            reply.answer(Hypothesis(), SPECULATIVE)

    def finalize(self) -> None:
        """Called by Triton once the last response is sent."""
        self._sequences.close()
        self._engine.close()
        self._spans.close()
        self._metrics.close()


def warm_up(engine: AsrEngine) -> None:
    """A short real decode of faint noise, so that the first utterance is as fast as the tenth."""
    noise = np.random.default_rng(0).normal(0, 200, WARM_UP_FRAMES * ASR_FRAME).astype(np.int16)
    utterance = engine.start(AsrRequest(audio=noise))
    utterance.accept(noise)
    for transcribe in (utterance.flush, utterance.finish):
        answer = transcribe()
        if isinstance(answer, Future):
            answer.result()
    utterance.close()


def _job(request: Any, reply: "_TritonReply") -> Job:
    """A request decoded; raises InvalidArgument where it breaks the contract."""
    decoded = decode_asr(tensors_of(request))
    flags = request.flags()
    start = bool(flags & pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_START)
    end = bool(flags & pb_utils.TRITONSERVER_REQUEST_FLAG_SEQUENCE_END)
    if decoded.cancel and not end:
        raise InvalidArgument("CANCEL is only understood together with END")
    return Job(replace(decoded, whole=start and end), reply, start=start, end=end)


class _TritonReply:
    """Sends the answer to one request."""

    __slots__ = (
        "_arrived",
        "_metrics",
        "_sender",
        "_spans",
        "_tells_language",
        "_tells_marks",
        "trace",
    )

    def __init__(
        self,
        sender: Any,
        metrics: Metrics,
        spans: Spans,
        *,
        tells_marks: bool,
        tells_language: bool,
    ) -> None:
        self.trace = ""
        self._spans = spans
        self._sender = sender
        self._tells_marks = tells_marks
        self._tells_language = tells_language
        self._metrics = metrics
        self._arrived = time.perf_counter()

    def answer(self, hypothesis: Hypothesis, state: int) -> None:
        words = recent_words(hypothesis) if state == PARTIAL else hypothesis.words
        tensors = [
            text_tensor("TEXT", hypothesis.text),
            pb_utils.Tensor("STABLE", np.array([hypothesis.stable], np.int32)),
            pb_utils.Tensor("AUDIO_MS", np.array([hypothesis.audio_ms], np.int32)),
            pb_utils.Tensor("STATE", np.array([state], np.uint8)),
            pb_utils.Tensor("CONFIDENCE", np.array([hypothesis.confidence], np.float32)),
            text_tensor("WORDS", words_json(words)),
        ]
        if self._tells_marks:
            tensors.append(text_tensor("MARKS", marks_json(hypothesis.marks)))
        if self._tells_language:
            probability = np.array([hypothesis.language_probability], np.float32)
            tensors.append(text_tensor("LANGUAGE", hypothesis.language))
            tensors.append(pb_utils.Tensor("LANGUAGE_PROBABILITY", probability))
        self._sender.send(pb_utils.InferenceResponse(tensors), flags=RESPONSE_FINAL)
        if state == FINAL:
            took = time.perf_counter() - self._arrived
            self._metrics.observe("vdx_first_chunk_seconds", took)
            self._spans.record(self.trace, "model.transcribe", took)

    def fail(self, error: BackendError) -> None:
        self._sender.send(failure(error), flags=RESPONSE_FINAL)
        count_error(self._metrics, error)

    def nothing(self) -> None:
        self._sender.send(flags=RESPONSE_FINAL)
