"""Errors as HTTP answers."""

import json

import pytest

from vdx.core import errors
from vdx.transports.http.error_responses import failure

SHAPE = {"message", "type", "param", "code", "service", "retryable"}


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.InvalidInput("x", param="speed"), 400, "invalid_request_error"),
        (errors.UnknownName("x", param="model"), 404, "invalid_request_error"),
        (errors.Unauthorized("x"), 401, "invalid_request_error"),
        (errors.Forbidden("x"), 403, "invalid_request_error"),
        (errors.TooSlow("x"), 408, "invalid_request_error"),
        (errors.TooLarge("x"), 413, "invalid_request_error"),
        (errors.UnsupportedMedia("x"), 415, "invalid_request_error"),
        (errors.ModelRejected("x", model="m"), 400, "invalid_request_error"),
        (errors.ModelBusy("x", model="m"), 429, "rate_limit_error"),
        (errors.SessionLimit("x"), 503, "server_error"),
        (errors.StorageFailed("x"), 507, "server_error"),
        (errors.TritonUnavailable("x"), 503, "server_error"),
        (errors.ModelTimeout("x", model="m"), 504, "server_error"),
        (errors.ModelFailed("x", model="m"), 502, "server_error"),
        (errors.VdxError("x"), 500, "server_error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_error_has_a_status_and_the_shape(
    error: errors.VdxError, status: int, kind: str
) -> None:
    answer = failure(error)
    told = json.loads(bytes(answer.body))["error"]
    assert (answer.status_code, told["type"]) == (status, kind)
    assert set(told) == SHAPE
    assert (told["code"], told["service"]) == (error.code, error.service)
    assert told["param"] == getattr(error, "param", None)
    assert ("retry-after" in answer.headers) == error.retryable == told["retryable"]
