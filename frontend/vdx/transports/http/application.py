"""The HTTP application: the operations of every module here, the page, `/v1/realtime`."""

import asyncio
import platform
from typing import Any, Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, WebSocketRoute

from vdx import __version__
from vdx.app import Application
from vdx.core.config import ServerConfig
from vdx.core.errors import VdxError
from vdx.core.metrics import BUILD
from vdx.core.paths import locate
from vdx.transports.http import (
    admin,
    admission,
    client_secrets,
    health,
    leases,
    log_lines,
    models,
    page,
    profiles,
    reference,
    routes,
    speakers,
    speech,
    tokens,
    transcriptions,
    updates,
    voice_clones,
)
from vdx.transports.http.capacity import Capacity
from vdx.transports.http.error_responses import internal_error, refused, unrouted
from vdx.transports.http.headers import AnswerHeaders
from vdx.transports.http.operation import OpenOperation
from vdx.transports.http.request_log import RequestLog
from vdx.transports.realtime.endpoint import realtime, unknown
from vdx.transports.security import Guard

STRETCHES = 4
"""Pieces of recordings that recognisers work on at once: live speech must always find a place."""

PREFLIGHT_S = 600
"""How long a browser may remember what another page is allowed."""

ABOUT: Final = (
    "Speech and transcripts for clients of the OpenAI API, and vdx's own operations. "
    "Conversations are a WebSocket, /v1/realtime, in the protocol of the OpenAI Realtime API."
)
ROUTERS: Final = (
    speech.api,
    transcriptions.api,
    voice_clones.api,
    models.api,
    health.api,
    health.keyed,
    page.api,
    admin.status_api,
    profiles.api,
    speakers.api,
    admission.api,
    admin.api,
    leases.api,
    routes.api,
    updates.api,
    log_lines.api,
    tokens.api,
    client_secrets.api,
    reference.api,
)


MANAGER_ROUTERS: Final = (
    health.api,
    health.keyed,
    admin.status_api,
    admin.api,
    leases.api,
    routes.api,
    log_lines.api,
    reference.api,
)
"""What a process serves that only manages models."""


class Api(FastAPI):
    """FastAPI with a document that says what vdx answers to a body that is wrong."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; vdx answers 400 where FastAPI would answer 422."""
        document = super().openapi()
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        for name in ("ValidationError", "HTTPValidationError"):
            document["components"]["schemas"].pop(name, None)
        return document


def create_app(host: Application) -> FastAPI:
    """The ASGI application of one process.

    Raises:
        ConfigError: the address is open to others and no key is set.
    """
    app = Api(
        title="vdx",
        version=__version__,
        description=ABOUT,
        openapi_url=None,  # the routes of `reference`, which check who asks, serve it
        routes=_routes(host),
        middleware=[Middleware(RequestLog), *_middleware(host.config.server)],
        exception_handlers={
            VdxError: refused,
            HTTPException: unrouted,
            Exception: internal_error,
        },
        # vdx has its own; these would take requests to wherever livekit-agents sends its traces.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.stretches = asyncio.Semaphore(STRETCHES)
    app.state.recordings = Capacity(host.config.server.max_recordings, "recordings")
    app.state.host = host
    BUILD.info({"version": __version__, "python": platform.python_version()})
    guard = app.state.guard = Guard(host.config.server)
    host.key_sessions = guard.keys.session_of
    return app


def _routes(host: Application) -> list[BaseRoute]:
    if host.manages_only:
        return [route for router in MANAGER_ROUTERS for route in router.routes]
    livekit = host.config.livekit
    files = page.Page(locate().page, livekit.public_url or livekit.url)
    return [
        OpenOperation("/", files.index, include_in_schema=False),
        OpenOperation("/operate", files.operate, include_in_schema=False),
        OpenOperation("/manifest.webmanifest", files.manifest, include_in_schema=False),
        OpenOperation("/icon-{size}.png", files.icon, include_in_schema=False),
        OpenOperation("/assets/{name}", files.asset, include_in_schema=False),
        # Not include_router, whose wrapped routes answer HEAD by FastAPI's rules.
        *(route for router in ROUTERS for route in router.routes),
        WebSocketRoute("/v1/realtime", realtime),
        WebSocketRoute("/{path:path}", unknown),
    ]


def _middleware(config: ServerConfig) -> list[Middleware]:
    found = [Middleware(AnswerHeaders)]
    if config.allowed_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=config.allowed_origins,
            allow_methods=("GET", "POST"),
            # OpenAI's client in a browser sends many of its own; the key decides, no header does.
            allow_headers=("*",),
            max_age=PREFLIGHT_S,
        )
        found.append(cors)
    return found
