"""A path operation of the HTTP API: FastAPI's, with vdx's checks before anything is read.

FastAPI reads a body before it runs a route's dependencies, without limits of size and time. So
who asks, and the body, are checked here, in front of it.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from vdx.app import Application
from vdx.core import api_keys
from vdx.core.errors import VdxError
from vdx.core.validation import Problem, invalid_input
from vdx.transports.http.bodies import read_json
from vdx.transports.http.error_responses import Failure
from vdx.transports.http.streams import EVENTS

KEY: Final = HTTPBearer(
    scheme_name="key",
    description="one of `server.api_keys` or `server.api_keys_file`; where neither is set, as on "
    "loopback, none is needed",
    auto_error=False,
)
MODEL_REFUSALS: Final = (400, 404, 429, 502, 503, 504)
"""Of every operation that makes a model work."""

Responses = dict[int | str, dict[str, Any]]


def refusals(*statuses: int) -> Responses:
    """The statuses that an operation may refuse with, for its `responses`."""
    return {
        status: {"model": Failure, "description": HTTPStatus(status).phrase} for status in statuses
    }


def content(*media_types: str, status: int = 200) -> Responses:
    """An answer that is no JSON, for an operation's `responses`."""
    # An event of a stream is an object too, with its content as text in `data`.
    shapes = {
        media_type: {"schema": {"type": "object" if media_type == EVENTS else "string"}}
        for media_type in media_types
    }
    return {status: {"description": HTTPStatus(status).phrase, "content": shapes}}


class Operation(APIRoute):
    """One path and method that needs a key where keys are set; its docstring is the document's."""

    needs_key = True
    scope: api_keys.Scope | None = "admin"
    """What the key must be for; None: any."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if self.needs_key:
            options["dependencies"] = [Security(KEY), *(options.get("dependencies") or ())]
            # A server on loopback may have no key: then none, or any, will do.
            options["openapi_extra"] = {"security": [{}]} | (options.get("openapi_extra") or {})
        options["operation_id"] = endpoint.__name__
        everywhere = refusals(401, 403, 429) if self.needs_key else refusals(403)
        options["responses"] = everywhere | (options.get("responses") or {})
        options["response_description"] = HTTPStatus.OK.phrase
        super().__init__(path, endpoint, **options)
        summary, _, self.description = self.description.partition("\n\n")
        self.summary = " ".join(summary.split())
        # As Starlette's own routes do, and FastAPI's do not.
        methods = self.methods or set()
        self.served = methods | {"HEAD"} if "GET" in methods else methods

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether path and method are this operation's."""
        match, found = super().matches(scope)
        if match is Match.PARTIAL and scope["method"] in self.served:
            return Match.FULL, found
        return match, found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request whose path is this operation's."""
        if scope["method"] not in self.served:
            others = (each for each in scope["app"].routes if isinstance(each, Operation))
            served = set[str]().union(*(each.served for each in others if each.path == self.path))
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(served))})
        await self.app(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request, whose errors the application's handlers turn into answers."""
        handle = super().get_route_handler()

        body = self.body_field.field_info if self.body_field is not None else None

        async def answer(request: Request) -> Response:
            request.app.state.guard.admit(request, self.scope, needs_key=self.needs_key)
            shape: Any = BaseModel
            if body is not None:
                shape = body.annotation
                request = await read_json(request, shape, is_required=body.is_required())
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise _refusal(error, request, shape) from None

        return answer


def _refusal(error: RequestValidationError, request: Request, shape: type[BaseModel]) -> VdxError:
    """What FastAPI found wrong with a request whose body should be a `shape`."""
    data = {
        "body": error.body,
        "query": dict(request.query_params),
        "path": request.path_params,
    }
    problem = Problem.first_of(error.errors(), data)
    return invalid_input(replace(problem, path=problem.path[1:]), shape)


class OpenOperation(Operation):
    """An operation that needs no key."""

    needs_key = False


class TalkOperation(Operation):
    """An operation for keys that may talk."""

    scope = "talk"


class SpeakOperation(Operation):
    """An operation for keys that may speak."""

    scope = "speak"


class TranscribeOperation(Operation):
    """An operation for keys that may transcribe."""

    scope = "transcribe"


class AnyKeyOperation(Operation):
    """An operation for every key."""

    scope = None


def operations(*, tag: str = "vdx", kind: type[Operation] = Operation) -> APIRouter:
    """A router of operations that need a key; `kind` says what it must be for."""
    return APIRouter(route_class=kind, tags=[tag])


def open_operations(*, listed: bool = True) -> APIRouter:
    """A router of operations that need none; not `listed`, they are no part of the document."""
    return APIRouter(route_class=OpenOperation, tags=["vdx"], include_in_schema=listed)


async def _host(request: Request) -> Application:
    host: Application = request.app.state.host
    return host


Host = Annotated[Application, Depends(_host)]
"""What an operation's function asks for to get the application."""
