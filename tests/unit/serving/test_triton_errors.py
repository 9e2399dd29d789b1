import inspect
import re

import grpc
import pytest

from triton_backends.shared import errors as backend_errors
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
from vdx.serving.triton_errors import (
    BACKEND_CODES,
    STATUS_CODES,
    STATUS_LOST,
    TRITON_MESSAGES,
    from_message,
    from_rpc,
)


def rpc_error(code: grpc.StatusCode, details: str | None = "details") -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details)


@pytest.mark.parametrize(
    "code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
)
def test_every_status_of_grpc_has_an_error(code: grpc.StatusCode) -> None:
    assert code in STATUS_CODES
    error = from_rpc(rpc_error(code), "espeak-en")
    assert type(error) is STATUS_CODES[code]
    assert "details" in str(error)
    if type(error) is not TritonUnavailable:
        assert error.model == "espeak-en"


def test_a_call_that_ended_while_it_was_sent_to_may_be_made_again() -> None:
    lost = rpc_error(grpc.StatusCode.INTERNAL, STATUS_LOST)
    error = from_rpc(lost, "espeak-en")
    assert type(error) is TritonUnavailable
    assert error.retryable
    assert type(from_rpc(rpc_error(grpc.StatusCode.UNKNOWN, STATUS_LOST), "m")) is ModelFailed


def test_every_code_of_the_backends_has_an_error() -> None:
    codes = {
        kind.code
        for _, kind in inspect.getmembers(backend_errors, inspect.isclass)
        if hasattr(kind, "code")
    }
    assert codes == set(BACKEND_CODES)


@pytest.mark.parametrize("code", BACKEND_CODES)
@pytest.mark.parametrize("prefix", ["", "in ensemble 'x', Failed to process the request: "])
def test_a_coded_message(code: str, prefix: str) -> None:
    error = from_message(f"{prefix}[{code}] it is\nso", "espeak-en")
    assert type(error) is BACKEND_CODES[code]
    assert str(error) == "espeak-en: it is\nso"


@pytest.mark.parametrize("code", BACKEND_CODES)
def test_a_coded_message_beats_the_status(code: str) -> None:
    error = from_rpc(rpc_error(grpc.StatusCode.UNKNOWN, f"[{code}] it is so"), "m")
    assert type(error) is BACKEND_CODES[code]


# As Triton 2.51 words them.
KNOWN: list[tuple[str, type[TritonError]]] = [
    ("Request for unknown model: 'nobody' is not found", ModelUnavailable),
    ("Request for unknown model: 'tone' version 7 is not found", ModelUnavailable),
    ("Request for unknown model: 'tone' has no available versions", ModelUnavailable),
    ("Request for unknown model: 'tone' version 1 is not at ready state", ModelUnavailable),
    ("failed to load 'nobody', failed to poll from model repository", ModelUnavailable),
    ("failed to load 'nobody', no version is available", ModelUnavailable),
    ("explicit model load / unload is not allowed if polling is enabled", ModelUnavailable),
    (
        "Server is stopping, scheduler for model has stopped accepting new inference requests",
        ModelUnavailable,
    ),
    ("load failed for model 'x': version 1 is at UNAVAILABLE state: invalid;\n", ModelFailed),
    ("Stub process 'tone_0_0' is not healthy.", ModelDied),
    ("Stub process is not healthy.", ModelDied),
    (
        "Failed to process the request(s) for model 'x', message: Stub process is not healthy.",
        ModelDied,
    ),
    ("Exceeds maximum queue size", ModelBusy),
    ("Request timeout expired", ModelTimeout),
    ("Request was cancelled by context.", RequestCancelled),
    ("[request id: 7] Request cancelled", RequestCancelled),
    ("[request id: <id_unknown>] unexpected inference input 'X' for model 'tone'", ModelRejected),
    ("unexpected inference output 'X' for model 'tone'", ModelRejected),
    (
        "[request id: <id_unknown>] expected 1 inputs but got 0 inputs for model 'x'",
        ModelRejected,
    ),
    ("in ensemble 'e', unexpected shape for input 'AUDIO' for model 'x'", ModelRejected),
    ("inference input 'AUDIO' data-type is 'FP32', but model 'x' expects 'INT16'", ModelRejected),
    ("input 'AUDIO' batch size does not match other inputs for 'x'", ModelRejected),
    ("inference request batch-size must be <= 8 for 'x'", ModelRejected),
]


@pytest.mark.parametrize(("message", "kind"), KNOWN)
def test_a_message_of_triton_itself(message: str, kind: type[TritonError]) -> None:
    error = from_message(message, "m")
    assert type(error) is kind
    assert message.strip() in str(error)


@pytest.mark.parametrize("begins", [begins for begins, _ in TRITON_MESSAGES])
def test_every_known_message_has_an_example(begins: str) -> None:
    assert any(re.search(begins, message) for message, _ in KNOWN)


UNKNOWN = [
    "",
    "something else",
    "TypeError: expected str, bytes or os.PathLike object, not NoneType",
    "ValueError: invalid literal for int() with base 10: 'x'",
    "Failed to process the request(s), message: ZeroDivisionError: unexpected inference input",
    "RuntimeError: the file 'model.bin' is not found",
    "KeyError: 'request was cancelled'",
    "the engine is not ready",
    "unexpected shape",
    "[StatusCode.X] something else",
    "[other] a code that vdx does not have",
    "ValueError: quoted [invalid_argument] from a request",
    "sequence 7 to model 'x' must specify the START flag on the first request",
]


@pytest.mark.parametrize("message", UNKNOWN)
def test_anything_else_is_an_internal_error(message: str) -> None:
    assert type(from_message(message, "m")) is ModelFailed
    internal = from_rpc(rpc_error(grpc.StatusCode.INTERNAL, message), "m")
    assert type(internal) is ModelFailed


@pytest.mark.parametrize("message", UNKNOWN)
def test_a_status_counts_where_the_message_is_not_known(message: str) -> None:
    error = from_rpc(rpc_error(grpc.StatusCode.INVALID_ARGUMENT, message), "m")
    assert type(error) is ModelRejected
    error = from_rpc(rpc_error(grpc.StatusCode.PERMISSION_DENIED, message), "m")
    assert type(error) is ModelFailed


def test_a_backend_that_refuses_to_be_loaded_says_why() -> None:
    message = (
        "load failed for model 'x': version 1 is at UNAVAILABLE state: Internal: InvalidArgument: "
        "[invalid_argument] parameter rate: 'fast' is no number"
    )
    error = from_message(message, "x")
    assert type(error) is ModelRejected
    assert str(error) == "x: parameter rate: 'fast' is no number"


def test_a_traceback_stays_on_the_server() -> None:
    message = "TypeError: 'NoneType'\n\nAt:\n  /home/vdx/model.py(12): execute\n"
    for error in (
        from_message(message, "m"),
        from_message(f"[internal] {message}", "m"),
        from_rpc(rpc_error(grpc.StatusCode.INTERNAL, message), "m"),
    ):
        assert str(error) == "m: TypeError: 'NoneType'"


def test_a_server_that_does_not_answer() -> None:
    error = from_rpc(rpc_error(grpc.StatusCode.UNAVAILABLE, "connection refused"), "m")
    assert type(error) is TritonUnavailable
    assert str(error) == "Triton does not answer: connection refused"
    assert error.retryable


def test_a_server_that_answers_for_a_model_that_is_not_there() -> None:
    message = "Request for unknown model: 'tone' has no available versions"
    error = from_rpc(rpc_error(grpc.StatusCode.UNAVAILABLE, message), "tone")
    assert type(error) is ModelUnavailable


def test_an_error_without_details() -> None:
    error = from_rpc(rpc_error(grpc.StatusCode.INTERNAL, None), "")
    assert str(error) == "Triton: no details"


@pytest.mark.parametrize("kind", [ModelBusy, ModelUnavailable, ModelFailed])
def test_what_can_succeed_later_says_so(kind: type[TritonError]) -> None:
    assert kind("x").retryable
    assert not ModelRejected("x").retryable
