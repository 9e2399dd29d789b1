import inspect

import grpc
import pytest

from triton_backends.shared import errors as backend_errors
from vdx.core.errors import (
    ModelBusy,
    ModelDied,
    ModelFailed,
    ModelRejected,
    ModelUnavailable,
    RequestCancelled,
    TritonError,
    TritonUnavailable,
)
from vdx.serving.triton_errors import BACKEND_CODES, STATUS_CODES, from_message, from_rpc


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
WORDED: list[tuple[str, type[TritonError]]] = [
    ("Request for unknown model: 'nobody' is not found", ModelUnavailable),
    ("Request for unknown model: 'tone' has no available versions", ModelUnavailable),
    ("failed to load 'nobody', failed to poll from model repository", ModelUnavailable),
    ("Stub process 'tone_0_0' is not healthy.", ModelDied),
    ("Model 'tone' is not ready", ModelUnavailable),
    ("[request id: <id_unknown>] unexpected inference input 'X' for model 'tone'", ModelRejected),
    ("[request id: <id_unknown>] expected 1 inputs but got 0 inputs for model", ModelRejected),
    ("unexpected shape for input 'AUDIO' for model 'x'", ModelRejected),
    ("sequence 7 to model 'x' must specify the START flag on the first request", ModelFailed),
    ("explicit model load / unload is not allowed if polling is enabled", ModelUnavailable),
    ("request was cancelled", RequestCancelled),
    ("CancelledError", RequestCancelled),
    ("[StatusCode.X] something else", ModelFailed),
    ("Failed to process the request(s), message: ZeroDivisionError", ModelFailed),
    ("", ModelFailed),
]


@pytest.mark.parametrize(("message", "kind"), WORDED)
def test_tritons_own_words(message: str, kind: type[TritonError]) -> None:
    assert type(from_message(message, "m")) is kind


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
