"""Triton requests as raw protobufs: what the typed client would refuse to send can be sent."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc
from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor

from tests.wait_limit import WAIT_LIMIT_S

Value = str | bytes | float | bool | NDArray[Any]

TYPES: dict[str, Any] = {
    "INT16": np.int16,
    "INT32": np.int32,
    "UINT8": np.uint8,
    "FP32": np.float32,
}


@dataclass
class Response:
    """One message of the stream; `error` is empty unless it failed."""

    outputs: dict[str, Any] = field(default_factory=dict)
    final: bool = False
    error: str = ""


def as_tensor(value: Value) -> NDArray[Any]:
    """A string or bytes as STRING, a bool as BOOL, a float as FP32, an array as it is."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return np.array([value], dtype=np.object_)
    return np.array([value], np.bool_ if isinstance(value, bool) else np.float32)


def infer_request(model: str, inputs: Mapping[str, Value]) -> Any:
    """A ModelInferRequest that asks for a message even where only FINAL is sent."""
    request = pb.ModelInferRequest(model_name=model)
    request.parameters["triton_enable_empty_final_response"].bool_param = True
    for name, value in inputs.items():
        tensor = as_tensor(value)
        datatype = np_to_triton_dtype(tensor.dtype)
        request.inputs.add(name=name, datatype=datatype, shape=tensor.shape)
        strings = datatype == "BYTES"
        raw = serialize_byte_tensor(tensor).item() if strings else tensor.tobytes()
        request.raw_input_contents.append(raw)
    return request


def parse(message: Any) -> Response:
    if message.error_message:
        return Response(error=message.error_message, final=True)
    answer = message.infer_response
    outputs: dict[str, Any] = {}
    for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True):
        if output.datatype == "BYTES":
            outputs[output.name] = raw[4:].decode()
        else:
            array = np.frombuffer(raw, TYPES[output.datatype]).reshape(output.shape)
            outputs[output.name] = array
    return Response(outputs, answer.parameters["triton_final_response"].bool_param)


class Stream:
    """One bidirectional gRPC stream; `sequence` is set for recognisers."""

    def __init__(self, call: Any, model: str) -> None:
        self.call = call
        self.model = model
        self.sequence = secrets.randbits(63) | 1

    async def send(self, inputs: Mapping[str, Value]) -> None:
        await self.call.write(infer_request(self.model, inputs))

    async def send_audio(
        self,
        audio: NDArray[np.int16],
        *,
        start: bool = False,
        end: bool = False,
        **inputs: Value,
    ) -> None:
        request = infer_request(self.model, {"AUDIO": audio, **inputs})
        request.parameters["sequence_id"].int64_param = self.sequence
        request.parameters["sequence_start"].bool_param = start
        request.parameters["sequence_end"].bool_param = end
        await self.call.write(request)

    async def read(self, timeout_s: float = WAIT_LIMIT_S) -> Response:
        async with asyncio.timeout(timeout_s):
            message = await self.call.read()
        assert message is not grpc.aio.EOF, "the server ended the stream"
        return parse(message)

    async def read_final(self, timeout_s: float = WAIT_LIMIT_S) -> list[Response]:
        """Everything up to and with the message that carries FINAL; the limit is per message."""
        responses = [await self.read(timeout_s)]
        while not responses[-1].final:
            responses.append(await self.read(timeout_s))
        return responses

    async def finish(self) -> None:
        """Half-close, and wait until the server has ended the stream as well.

        A stream that is cancelled in the moment its request ends may keep a model UNLOADING for
        ever; `TritonClient` ends its streams like this.
        """
        await self.call.done_writing()
        async with asyncio.timeout(WAIT_LIMIT_S):
            assert await self.call.read() is grpc.aio.EOF

    async def read_state(self, state: int, timeout_s: float = WAIT_LIMIT_S) -> Response:
        """The next response of this STATE; an error is returned as well."""
        while True:
            response = await self.read(timeout_s)
            if response.error or (response.outputs and response.outputs["STATE"][0] == state):
                return response


class Wire:
    """A channel to one server."""

    def __init__(self, url: str) -> None:
        self._channel = grpc.aio.insecure_channel(url)
        self.stub: Any = pb_grpc.GRPCInferenceServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    @asynccontextmanager
    async def stream(self, model: str) -> AsyncIterator[Stream]:
        call = self.stub.ModelStreamInfer()
        try:
            yield Stream(call, model)
        finally:
            call.cancel()

    async def speak(self, model: str, text: str, **inputs: Value) -> list[Response]:
        """One clause, all of its messages."""
        async with self.stream(model) as stream:
            await stream.send({"TEXT": text, **inputs})
            responses = await stream.read_final()
            await stream.finish()
            return responses

    async def load(self, model: str) -> None:
        await self.stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name=model))

    async def unload(self, model: str) -> None:
        await self.stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name=model))

    async def state(self, model: str) -> str:
        index = await self.stub.RepositoryIndex(pb.RepositoryIndexRequest())
        return str(next(entry.state for entry in index.models if entry.name == model))

    async def reload(self, model: str) -> None:
        """Replace a model's process, also a dead one, whose lost requests keep it UNLOADING."""
        await self.unload(model)
        await self.load(model)
