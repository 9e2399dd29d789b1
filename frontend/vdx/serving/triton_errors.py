"""The one place where Triton's and gRPC's failures become vdx errors.

A decoupled stream carries an error only as a message, so vdx backends begin theirs with a code
in brackets: `[invalid_argument]`, `[busy]`, `[unavailable]`, `[internal]`. Triton's own messages
carry none and are told by their words.
"""

import re

import grpc

from vdx.core.errors import (
    ModelBusy,
    ModelDied,
    ModelFailed,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    RequestCancelled,
    TritonError,
    TritonUnavailable,
)

BACKEND_CODES: dict[str, type[TritonError]] = {
    "invalid_argument": ModelRejected,
    "busy": ModelBusy,
    "unavailable": ModelUnavailable,
    "internal": ModelFailed,
}

STATUS_CODES: dict[grpc.StatusCode, type[TritonError]] = {
    grpc.StatusCode.CANCELLED: RequestCancelled,
    grpc.StatusCode.DEADLINE_EXCEEDED: ModelTimeout,
    grpc.StatusCode.INVALID_ARGUMENT: ModelRejected,
    grpc.StatusCode.FAILED_PRECONDITION: ModelRejected,
    grpc.StatusCode.OUT_OF_RANGE: ModelRejected,
    grpc.StatusCode.ALREADY_EXISTS: ModelRejected,
    grpc.StatusCode.UNAUTHENTICATED: ModelRejected,
    grpc.StatusCode.PERMISSION_DENIED: ModelRejected,
    grpc.StatusCode.UNIMPLEMENTED: ModelRejected,
    grpc.StatusCode.NOT_FOUND: ModelUnavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ModelBusy,
    grpc.StatusCode.ABORTED: ModelFailed,
    grpc.StatusCode.INTERNAL: ModelFailed,
    grpc.StatusCode.UNKNOWN: ModelFailed,
    grpc.StatusCode.DATA_LOSS: ModelFailed,
    grpc.StatusCode.UNAVAILABLE: TritonUnavailable,
}

_CODED = re.compile(r"\[(\w+)\]\s*(.*)", re.DOTALL)

_DIED = ("stub process", "not healthy")

_NOT_LOADED = (
    "unknown model",
    "is not found",
    "not ready",
    "no version is available",
    "no available versions",
    "failed to load",
    "polling is enabled",
)


def from_message(message: str, model: str) -> TritonError:
    """The error for a message a stream or call ended with."""
    if (match := _CODED.search(message)) and match[1] in BACKEND_CODES:
        return BACKEND_CODES[match[1]](f"{model}: {match[2]}", model=model)
    lowered = message.lower()
    if any(sign in lowered for sign in _DIED):
        return ModelDied(f"{model}: {message}", model=model)
    if any(sign in lowered for sign in _NOT_LOADED):
        return ModelUnavailable(f"{model}: {message}", model=model)
    if "cancel" in lowered:
        return RequestCancelled(f"{model}: {message}", model=model)
    if "expected" in lowered or "unexpected" in lowered or "invalid" in lowered:
        return ModelRejected(f"{model}: {message}", model=model)
    return ModelFailed(f"{model}: {message}", model=model)


def from_rpc(error: grpc.aio.AioRpcError, model: str) -> TritonError:
    """The error for a failed call; a message vdx understands beats the status code."""
    code, details = error.code(), error.details() or "no details"
    kind = STATUS_CODES.get(code, ModelFailed)
    told = from_message(details, model)
    # Triton answers with the same status when it is only the model that cannot.
    if kind is TritonUnavailable and not isinstance(told, ModelUnavailable):
        return TritonUnavailable(f"Triton does not answer: {details}")
    if kind is ModelTimeout and not model:
        return TritonUnavailable("Triton does not answer in time")
    if not isinstance(told, ModelFailed):
        return told
    return kind(f"{model or 'Triton'}: {details}", model=model)
