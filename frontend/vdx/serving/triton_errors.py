"""Maps the errors of Triton, its models and gRPC to vdx errors.

In this order: the code in brackets that a vdx backend begins its message with (a decoupled stream
carries an error as a message only), a message of Triton itself out of `TRITON_MESSAGES`, the
status of the call. Anything else is an internal error, whatever words it contains.
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
    grpc.StatusCode.OUT_OF_RANGE: ModelRejected,
    # What this side does wrong, or the way to Triton: no user can mend it.
    grpc.StatusCode.FAILED_PRECONDITION: ModelFailed,
    grpc.StatusCode.ALREADY_EXISTS: ModelFailed,
    grpc.StatusCode.UNAUTHENTICATED: ModelFailed,
    grpc.StatusCode.PERMISSION_DENIED: ModelFailed,
    grpc.StatusCode.UNIMPLEMENTED: ModelFailed,
    grpc.StatusCode.NOT_FOUND: ModelUnavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ModelBusy,
    grpc.StatusCode.ABORTED: ModelFailed,
    grpc.StatusCode.INTERNAL: ModelFailed,
    grpc.StatusCode.UNKNOWN: ModelFailed,
    grpc.StatusCode.DATA_LOSS: ModelFailed,
    grpc.StatusCode.UNAVAILABLE: TritonUnavailable,
}

STATUS_LOST = "Internal error from Core"
"""What grpc.aio says, as INTERNAL, where a call ended while a message was being sent: how it ended
is not told. A server that is killed ends its streams so."""

# What Triton puts before a message that it passes on.
_PASSED_ON = (
    r"(?:\[request id: [^\]]*\] |in ensemble '[^']*', |"
    r"Failed to process the request\(s\)[^,:]*(?:, message)?: |"
    r"Failed to process the request: )*"
)
_LOAD_FAILED = r"load failed for model '[^']*': (?:.*: )?"
_CODED = re.compile(
    rf"(?:{_PASSED_ON}|{_LOAD_FAILED})\[({'|'.join(BACKEND_CODES)})\]\s*(.*)", re.DOTALL
)

_UNKNOWN_MODEL = r"Request for unknown model: '[^']*' (?:version -?\d+ )?"
_INPUT = r"(?:inference )?input(?:s)? '[^']*'"

TRITON_MESSAGES: tuple[tuple[str, type[TritonError]], ...] = (
    (r"Stub process (?:'[^']*' )?is not healthy", ModelDied),
    (rf"{_UNKNOWN_MODEL}is not found", ModelUnavailable),
    (rf"{_UNKNOWN_MODEL}has no available versions", ModelUnavailable),
    (rf"{_UNKNOWN_MODEL}is not at ready state", ModelUnavailable),
    (r"failed to load '[^']*', ", ModelUnavailable),
    (r"explicit model load / unload is not allowed if polling is enabled", ModelUnavailable),
    (r"Server is stopping, scheduler for model has stopped accepting", ModelUnavailable),
    (r"load failed for model '[^']*'", ModelFailed),
    (r"Exceeds maximum queue size", ModelBusy),
    (r"Request timeout expired", ModelTimeout),
    (r"[Rr]equest (?:was )?cancelled", RequestCancelled),
    (r"unexpected inference (?:input|output) '[^']*' for model", ModelRejected),
    (r"expected \d+ inputs but got \d+ inputs for model", ModelRejected),
    (r"unexpected shape for input '[^']*' for model", ModelRejected),
    (rf"{_INPUT} data-type is '[^']*', (?:but )?model '[^']*' expects '[^']*'", ModelRejected),
    (rf"{_INPUT} batch size does not match other inputs for", ModelRejected),
    (r"inference request batch-size must be <= \d+ for", ModelRejected),
)
"""Beginnings of messages of Triton 2.51 and the error each means; the first match counts."""

_KNOWN = tuple((re.compile(_PASSED_ON + begins), kind) for begins, kind in TRITON_MESSAGES)


def from_message(message: str, model: str) -> TritonError:
    """Maps an engine's error: the message that a stream ended with, which has no status."""
    message = _without_traceback(message)
    return _understood(message, model) or ModelFailed(f"{model}: {message}", model=model)


def from_rpc(error: grpc.aio.AioRpcError, model: str) -> TritonError:
    """The error for a failed call; a known message has precedence over the status."""
    code, details = error.code(), _without_traceback(error.details() or "no details")
    if code is grpc.StatusCode.INTERNAL and details == STATUS_LOST:
        return TritonUnavailable("Triton ended the call while it was being sent to")
    kind = STATUS_CODES.get(code, ModelFailed)
    told = _understood(details, model)
    # Triton answers with the same status when it is only the model that cannot.
    if kind is TritonUnavailable and not isinstance(told, ModelUnavailable):
        return TritonUnavailable(f"Triton does not answer: {details}")
    if kind is ModelTimeout and not model:
        return TritonUnavailable("Triton does not answer in time")
    return told or kind(f"{model or 'Triton'}: {details}", model=model)


def _without_traceback(message: str) -> str:
    """A message without the files and lines that Triton's Python backend adds to an exception's."""
    return message.partition("\n\nAt:\n")[0]


def _understood(message: str, model: str) -> TritonError | None:
    """The error for a coded message or one of Triton's known ones."""
    if match := _CODED.match(message):
        return BACKEND_CODES[match[1]](f"{model}: {match[2]}", model=model)
    for begins, kind in _KNOWN:
        if begins.match(message):
            return kind(f"{model}: {message}", model=model)
    return None
