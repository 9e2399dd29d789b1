"""The client of Triton: model control, synthesis and recognition over gRPC.

It speaks the KServe v2 protobufs that tritonclient ships through plain `grpc.aio`, which costs
less CPU per 20 ms frame than tritonclient's own NumPy tensors. Every failure is raised as one of
the TritonError classes (`serving/triton_errors.py` maps them).
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc

from vdx.core.config import TritonConfig
from vdx.core.errors import (
    ModelFailed,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
)
from vdx.core.events import SpeechChunk, Transcript, TranscriptKind
from vdx.core.log_ids import log_ids
from vdx.core.threads import in_thread
from vdx.serving.channel import CHANNEL_OPTIONS, ChannelOptions, open_channel
from vdx.serving.child_models import is_child
from vdx.serving.models import ASKED, ModelInfo, ModelState, describe
from vdx.serving.response_decoding import (
    Vector,
    embedding,
    probability,
    speech_chunk,
    transcript,
)
from vdx.serving.streams import BROKEN, ModelStream, Streams
from vdx.serving.triton_errors import from_message, from_rpc

NO_ANSWER = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)
INDEX_TIMEOUT_MS = 5_000
"""Time-out of a listing, for which HTTP clients wait."""
SHUT_S = 2.0
"""How long an unload waits for utterances under way to be ended."""


@dataclass(frozen=True, slots=True)
class SynthesisRequest:
    """One clause for a voice: `text` up to 1,000 characters, `speed` 0.25 to 4.0.

    `reference` is a recording whose voice is taken, int16 mono at 24 kHz, up to 30 s;
    `reference_text` what it says, which some families need. `heard` is what the person said last,
    in the same form, `heard_text` its words: both or neither, and for voices that can
    (`hears_user`) alone.
    """

    text: str
    language: str = ""
    speaker: str = ""
    speed: float = 1.0
    reference: bytes = b""
    reference_text: str = ""
    heard: bytes = b""
    heard_text: str = ""


class TritonClient:
    """Typed asynchronous client of one Triton server; all calls on one event loop.

    Raises ConfigError when a file of `config.tls` cannot be read. Every call raises a TritonError
    subclass when it fails.
    """

    def __init__(self, config: TritonConfig, options: ChannelOptions = CHANNEL_OPTIONS) -> None:
        self.config = config
        self._channel = open_channel(config, options)
        self._stub: Any = pb_grpc.GRPCInferenceServiceStub(self._channel)
        self.streams = Streams()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.streams.close()
        await self._channel.close()

    async def is_ready(self) -> bool:
        """Whether a server answers and calls itself ready; never raises."""
        try:
            answer = await self._stub.ServerReady(pb.ServerReadyRequest(), timeout=2)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.ready)

    async def is_live(self, timeout_s: float) -> bool:
        """Whether a server answers at all, ready or not, within `timeout_s`; never raises."""
        request = pb.ServerLiveRequest()
        try:
            await self._stub.ServerLive(request, timeout=timeout_s, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            return error.code() not in NO_ANSWER
        return True

    async def load(self, model: str) -> None:
        """Loads `model` and returns when its warm-up is over."""
        request = pb.RepositoryModelLoadRequest(model_name=model)
        await self._call(
            "RepositoryModelLoad", request, model, timeout_ms=self.config.load_timeout_ms
        )

    async def unload(self, model: str) -> None:
        """Stops new requests to `model`; a clause in progress is still synthesised.

        An utterance in progress ends with ModelUnavailable.
        """
        error = ModelUnavailable(f"{model} is being unloaded", model=model)
        await self.streams.shut(model, error, SHUT_S)
        request = pb.RepositoryModelUnloadRequest(model_name=model)
        await self._call("RepositoryModelUnload", request, model)

    async def index(self) -> list[ModelState]:
        """Every model of the repository and its state, by name; children are left out."""
        request = pb.RepositoryIndexRequest()
        answer = await self._call("RepositoryIndex", request, timeout_ms=INDEX_TIMEOUT_MS)
        known = (m for m in answer.models if not is_child(m.name))
        states = [ModelState(m.name, m.state or "UNAVAILABLE", m.reason) for m in known]
        return sorted(states, key=lambda state: state.name)

    async def children(self) -> list[str]:
        """The child models that are loaded, which are in no model repository."""
        answer = await self._call("ModelStatistics", pb.ModelStatisticsRequest())
        return sorted(stats.name for stats in answer.model_stats if is_child(stats.name))

    async def describe(self, model: str) -> ModelInfo:
        """Kind, languages, sample rate and capabilities of a loaded model."""
        answer = await self._call("ModelConfig", pb.ModelConfigRequest(name=model), model)
        parameters = {k: v.string_value for k, v in answer.config.parameters.items()}
        return describe(model, answer.config.backend, parameters)

    async def probe(self, model: ModelInfo) -> None:
        """Probes the process of a model: Triton also reports one that has ended as ready.

        A vdx backend answers at once, also while it works on requests, and answers ModelUnavailable
        when none of its work advances. Raises ModelTimeout if nothing came within
        `triton.probe_timeout_ms`.
        """
        stream = self.streams.open_probe(self._stub.ModelStreamInfer, model.name)
        try:
            async with asyncio.timeout(self.config.probe_timeout_ms / 1000):
                await stream.write(_probe_message(model))
                await stream.done_writing()
                while _unwrap(await stream.read(), model.name) is not None:
                    pass
        except TimeoutError:
            raise ModelTimeout(f"{model.name} did not answer the probe", model=model.name) from None
        except BROKEN as error:
            raise await _stream_failure(stream, error) from error
        finally:
            self.streams.drain(stream)

    async def synthesize(
        self, model: str, request: SynthesisRequest
    ) -> AsyncGenerator[SpeechChunk, None]:
        """Streams one clause; closing the iterator cancels the computation on the server.

        A speaker that is a voice of a recording is sent as that recording.
        """
        if request.speaker and not request.reference:
            request = await in_thread(_with_reference, model, request)
        stream = self.streams.open(self._stub.ModelStreamInfer, model)
        message = _synthesis_message(model, request)
        complete = False
        try:
            stream.one_request = True
            await self._ask(stream, message)
            wait_ms = self.config.first_response_timeout_ms
            while (answer := await self._read(stream, wait_ms)) is not None:
                complete = answer.parameters["triton_final_response"].bool_param
                if answer.raw_output_contents:
                    yield speech_chunk(answer, model)
                if complete:
                    return
                wait_ms = self.config.next_response_timeout_ms
        except BROKEN as error:
            raise await _stream_failure(stream, error) from error
        finally:
            if not complete and not stream.failed:
                self._stop(model, message.id)
            self.streams.drain(stream)

    async def judge(self, model: str, pcm: bytes, wait_ms: int) -> float:
        """The probability that a person is done: `pcm` is the turn so far, int16 16 kHz mono.

        Raises ModelTimeout after `wait_ms`.
        """
        return probability(await self._question(model, pcm, wait_ms), model)

    async def embed(self, model: str, pcm: bytes, wait_ms: int) -> Vector:
        """The voice in `pcm`, int16 16 kHz mono of at most 30 s, as a float32 vector of length 1.

        Raises ModelTimeout after `wait_ms`.
        """
        return embedding(await self._question(model, pcm, wait_ms), model)

    async def _question(self, model: str, pcm: bytes, wait_ms: int) -> Any:
        """The one answer to a piece of audio; one that is given up is read and thrown away."""
        stream = self.streams.open(self._stub.ModelStreamInfer, model)
        message = pb.ModelInferRequest(model_name=model)
        _add_ids(message)
        _add(message, "AUDIO", "INT16", len(pcm) // 2, pcm)
        try:
            stream.one_request = True
            async with asyncio.timeout(wait_ms / 1000):
                await stream.write(message)
                await stream.done_writing()
                answer = _unwrap(await stream.read(), model)
        except TimeoutError:
            raise ModelTimeout(f"{model} gave no answer in {wait_ms} ms", model=model) from None
        except BROKEN as error:
            raise await _stream_failure(stream, error) from error
        finally:
            self.streams.drain(stream)
        if answer is None:
            raise ModelFailed(f"{model} ended without an answer", model=model)
        return answer

    def _stop(self, model: str, wanted: str) -> None:
        """Tells a vdx voice to end the request with the id `wanted`, by a stream of its own."""
        stop_stream = self.streams.open_probe(self._stub.ModelStreamInfer, model)
        self.streams.drain(stop_stream, _stop_message(model, wanted))

    def recognise(
        self,
        model: str,
        *,
        language: str = "",
        session: str = "",
        prompt: str = "",
        translate: bool = False,
    ) -> "RecognitionStream":
        """Prepares a recognition sequence for one utterance; use as an async context manager.

        `prompt`, words that are likely, is for models with the capability `prompts`, `translate`,
        into English, for those with `translation`.
        """

        def open_stream() -> ModelStream:
            return self.streams.open(self._stub.ModelStreamInfer, model)

        texts = {"LANGUAGE": language, "SESSION": session, "PROMPT": prompt}
        return RecognitionStream(open_stream, self.streams, model, texts, translate=translate)

    async def _ask(self, stream: ModelStream, message: Any) -> None:
        """Sends the one request of a stream; raises ModelTimeout if the network accepts none."""
        wait_ms = self.config.first_response_timeout_ms
        try:
            await stream.write(message, wait_ms / 1000)
            await stream.done_writing()
        except TimeoutError:
            model = stream.model
            raise ModelTimeout(f"{model} took no request for {wait_ms} ms", model=model) from None

    async def _read(self, stream: ModelStream, wait_ms: int) -> Any:
        """The next inference response, or None at the end of the stream."""
        try:
            message = await stream.read(wait_ms / 1000)
        except TimeoutError:
            model = stream.model
            raise ModelTimeout(f"{model} sent nothing for {wait_ms} ms", model=model) from None
        return _unwrap(message, stream.model)

    async def _call(
        self, method: str, request: Any, model: str = "", timeout_ms: int = 10_000
    ) -> Any:
        try:
            return await getattr(self._stub, method)(request, timeout=timeout_ms / 1000)
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error, model) from error


class RecognitionStream:
    """One utterance as a Triton sequence: audio in with `send`, transcripts out by iteration.

    The iteration ends after the final transcript (or after a cancelled END).
    """

    def __init__(
        self,
        open_stream: Callable[[], ModelStream],
        streams: Streams,
        model: str,
        texts: Mapping[str, str],
        *,
        translate: bool = False,
    ) -> None:
        """`texts` and `translate` are sent with the first request; empty ones are left out."""
        self._open_stream = open_stream
        self._streams = streams
        self._opened: ModelStream | None = None
        self._ended = False
        self._model = model
        # Random 63 bits: frontends that share a server must never meet in one sequence.
        self._sequence = secrets.randbits(63) | 1
        self._texts = texts
        self._translate = translate
        self._started = False
        self._flushes = 0

    @property
    def _stream(self) -> ModelStream:
        if self._opened is None:
            raise RuntimeError("a recognition stream is used outside its block")
        return self._opened

    async def __aenter__(self) -> Self:
        """Opens the stream; raises ModelUnavailable while the model is being loaded again."""
        self._opened = self._open_stream()
        return self

    async def __aexit__(self, *_: object) -> None:
        forget = self._started and not self._ended
        last = self._message(b"", end=True, cancel=True) if forget else None
        self._streams.drain(self._stream, last)

    async def send(
        self, pcm: bytes, *, flush: bool = False, end: bool = False, cancel: bool = False
    ) -> None:
        """Sends int16 16 kHz mono audio, a whole number of 20 ms frames.

        `flush` asks for a speculative transcript of what there is, whose `flush` counts them;
        `end` for the final one; `cancel` (with `end`) throws the utterance away.
        """
        request = self._message(pcm, flush=flush, end=end, cancel=cancel)
        self._started, self._ended = True, self._ended or end
        try:
            await self._stream.write(request)
            if end:
                await self._stream.done_writing()
        except BROKEN as error:
            raise await _stream_failure(self._stream, error) from error

    def _message(
        self, pcm: bytes, *, flush: bool = False, end: bool = False, cancel: bool = False
    ) -> Any:
        request = pb.ModelInferRequest(model_name=self._model)
        parameters = request.parameters
        parameters["sequence_id"].int64_param = self._sequence
        parameters["sequence_start"].bool_param = not self._started
        parameters["sequence_end"].bool_param = end
        _add(request, "AUDIO", "INT16", len(pcm) // 2, pcm)
        if not self._started or end:
            _add_ids(request)  # the first for the log of a fault, the last for its span
        if not self._started:
            for name, text in self._texts.items():
                _add_text(request, name, text)
            if self._translate:
                _add(request, "TRANSLATE", "BOOL", 1, b"\1")
        if flush:
            self._flushes += 1
            request.id = str(self._flushes)  # Triton gives the answer the same
            _add(request, "FLUSH", "BOOL", 1, b"\1")
        if cancel:
            _add(request, "CANCEL", "BOOL", 1, b"\1")
        return request

    async def __aiter__(self) -> AsyncGenerator[Transcript, None]:
        """Transcripts as they come; `utterance` is 0 and is filled in by the caller."""
        try:
            while (answer := _unwrap(await self._stream.read(), self._model)) is not None:
                if answer.raw_output_contents:
                    heard = transcript(answer, self._model)
                    yield heard
                    if heard.kind is TranscriptKind.FINAL:
                        return
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error, self._model) from error


def _unwrap(message: Any, model: str) -> Any:
    if message is grpc.aio.EOF:
        return None
    if message.error_message:
        raise from_message(message.error_message, model)
    return message.infer_response


async def _stream_failure(stream: ModelStream, error: Exception) -> TritonError:
    """The error of a broken stream, from the status of its call."""
    call, model = stream.call, stream.model
    if isinstance(error, grpc.aio.AioRpcError):
        return from_rpc(error, model)
    if not call.done():  # this side ended it; to ask for its status would be to wait for it
        return ModelFailed(f"{model}: nothing can be sent after the end", model=model)
    if await call.code() is grpc.StatusCode.UNAVAILABLE:
        return TritonUnavailable(f"Triton does not answer: {await call.details()}")
    return ModelFailed(f"{model}: the stream ended early: {await call.details()}", model=model)


def _add_ids(request: Any) -> None:
    """Names the session, and the trace that the request belongs to, for the log of a fault."""
    ids = log_ids()
    if ids is not None:
        request.parameters["vdx_session"].string_param = ids.session
        if ids.span is not None:
            request.parameters["vdx_trace"].string_param = ids.span.traceparent


def _add(request: Any, name: str, datatype: str, length: int, raw: bytes) -> None:
    request.inputs.add(name=name, datatype=datatype, shape=[length])
    request.raw_input_contents.append(raw)


def _add_text(request: Any, name: str, text: str) -> None:
    if text:
        raw = text.encode(errors="replace")  # JSON can carry half a surrogate pair
        _add(request, name, "BYTES", 1, len(raw).to_bytes(4, "little") + raw)


def _stop_message(model: str, wanted: str) -> Any:
    """Tells a vdx voice to end the request with the id `wanted`."""
    message = pb.ModelInferRequest(model_name=model)
    message.parameters["vdx_stop"].string_param = wanted
    _add_text(message, "TEXT", " ")
    return message


def _probe_message(model: ModelInfo) -> Any:
    """The smallest request a model of this kind takes, marked as a probe."""
    message = pb.ModelInferRequest(model_name=model.name)
    message.parameters["vdx_probe"].bool_param = True
    if model.kind == "tts":
        _add_text(message, "TEXT", "a")
    elif model.kind in ASKED:
        _add(message, "AUDIO", "INT16", 0, b"")
    else:
        message.parameters["sequence_id"].int64_param = secrets.randbits(63) | 1
        message.parameters["sequence_start"].bool_param = True
        message.parameters["sequence_end"].bool_param = True
        _add(message, "AUDIO", "INT16", 0, b"")
        _add(message, "CANCEL", "BOOL", 1, b"\1")
    return message


def _with_reference(model: str, request: SynthesisRequest) -> SynthesisRequest:
    from vdx.serving.voicepacks.clones import find_reference

    found = find_reference(model, request.speaker)
    if found is None:
        return request
    return replace(request, speaker=found.speaker, reference=found.audio, reference_text=found.text)


def _synthesis_message(model: str, request: SynthesisRequest) -> Any:
    message = pb.ModelInferRequest(model_name=model, id=secrets.token_hex(8))
    message.parameters["triton_enable_empty_final_response"].bool_param = True
    _add_ids(message)
    _add_text(message, "TEXT", request.text or " ")
    _add_text(message, "LANGUAGE", request.language)
    _add_text(message, "SPEAKER", request.speaker)
    if request.speed != 1.0:
        _add(message, "SPEED", "FP32", 1, np.float32(request.speed).tobytes())
    if request.reference:
        size = len(request.reference) // 2
        _add(message, "REFERENCE_AUDIO", "INT16", size, request.reference)
        _add_text(message, "REFERENCE_TEXT", request.reference_text)
    if request.heard:
        _add(message, "HEARD_AUDIO", "INT16", len(request.heard) // 2, request.heard)
        _add_text(message, "HEARD_TEXT", request.heard_text)
    return message
