"""Errors as HTTP answers, in the shape of the OpenAI API.

    {"error": {"message", "type", "param", "code", "service", "retryable"}}

The first four are OpenAI's; `service` names what failed, `retryable` says whether the same request
can succeed later.
"""

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from vdx.core.errors import (
    Forbidden,
    HeadersTooLarge,
    InvalidInput,
    LoadRefused,
    ManagerUnavailable,
    ModelBusy,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    RateLimited,
    SessionLimit,
    StorageFailed,
    TooLarge,
    TooSlow,
    TritonError,
    TritonUnavailable,
    Unauthorized,
    UnknownName,
    UnsupportedMedia,
    VdxError,
)
from vdx.transports.http.request_log import CODE


class ErrorDetails(BaseModel):
    """The first four are OpenAI's."""

    message: str
    type: str
    param: str | None
    code: str | None
    service: str = Field(description="what failed")
    retryable: bool = Field(description="whether the same request can succeed later")


class Failure(BaseModel):
    """The body of every refusal and failure."""

    error: ErrorDetails


STATUS: tuple[tuple[type[VdxError], int], ...] = (
    (Unauthorized, 401),
    (Forbidden, 403),
    (RateLimited, 429),
    (UnknownName, 404),
    (HeadersTooLarge, 431),
    (TooLarge, 413),
    (UnsupportedMedia, 415),
    (TooSlow, 408),
    (InvalidInput, 400),
    (SessionLimit, 503),
    (StorageFailed, 507),
    (ModelRejected, 400),
    (ModelBusy, 429),
    (LoadRefused, 503),
    (ManagerUnavailable, 503),
    (ModelUnavailable, 503),
    (TritonUnavailable, 503),
    (ModelTimeout, 504),
    (TritonError, 502),
)
"""The first that fits counts; any other error is 500."""

CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}
RETRY_AFTER_S = 1
NOSNIFF = {"X-Content-Type-Options": "nosniff"}
"""A browser takes an answer for what it says it is, and for nothing else."""


def status_of(error: VdxError) -> int:
    return next((code for kind, code in STATUS if isinstance(error, kind)), 500)


def failure(error: VdxError) -> JSONResponse:
    """The answer to a request that ended in `error`."""
    status = status_of(error)
    headers = dict(NOSNIFF)
    if error.retryable:
        headers["Retry-After"] = str(getattr(error, "retry_after_s", RETRY_AFTER_S))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": body(error)}, status_code=status, headers=headers)


def body(error: VdxError) -> dict[str, object]:
    """What `error` holds in an answer or event."""
    return {
        **error.fields,
        "type": _type(status_of(error)),
        "param": getattr(error, "param", None),
    }


def _type(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"


async def refused(request: Request, error: Exception) -> Response:
    """What an operation raised; its code goes into the log of requests."""
    if not isinstance(error, VdxError):
        raise error
    request.scope[CODE] = error.code
    return failure(error)


async def unrouted(request: Request, error: Exception) -> Response:
    """What the router itself refuses: a path or a method that is not there."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    said = {
        404: f"there is no {request.url.path}; GET /docs lists what there is",
        405: f"{request.url.path} does not take {request.method}",
    }
    content = {
        "message": said.get(status, getattr(error, "detail", "the request failed")),
        "type": _type(status),
        "param": None,
        "code": CODES.get(status, "internal"),
        "service": "request",
        "retryable": False,
    }
    headers = getattr(error, "headers", None)
    return JSONResponse({"error": content}, status_code=status, headers=headers)


async def internal_error(_request: Request, _error: Exception) -> Response:
    """A mistake of vdx's own; the log has the traceback, the client learns that it was not his."""
    return failure(VdxError("vdx failed on this request; its log says how"))
