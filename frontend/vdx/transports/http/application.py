"""The HTTP side: the page, health, metrics, the admin API, and the door to `/v1/realtime`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from vdx.app import Application
from vdx.core.config import ServerConfig
from vdx.core.errors import VdxError
from vdx.core.paths import locate
from vdx.serving.manager import ModelStatus
from vdx.serving.readiness import STARTING
from vdx.transports.http import models as openai_models
from vdx.transports.http.capacity import Capacity
from vdx.transports.http.error_responses import failure, unforeseen, unrouted
from vdx.transports.http.headers import AnswerHeaders
from vdx.transports.http.page import Page
from vdx.transports.http.request_log import CODE, RequestLog
from vdx.transports.http.speech import speech
from vdx.transports.http.transcriptions import transcriptions
from vdx.transports.realtime.endpoint import realtime
from vdx.transports.security import Guard

STRETCHES = 4
"""Pieces of recordings that recognisers work on at once: live speech must always find a place."""

PREFLIGHT_S = 600
"""How long a browser may remember what another page is allowed."""

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(host: Application) -> Starlette:
    """The ASGI application of one process.

    Raises:
        ConfigError: the address is open to others and no key is set.
    """
    livekit = host.config.livekit
    page = Page(locate().page, livekit.public_url or livekit.url)
    app = Starlette(
        routes=[
            Route("/", _open(page.index)),
            Route("/assets/{name}", _open(page.asset)),
            Route("/vdx/page", _open(page_config)),
            Route("/healthz", _open(healthz)),
            Route("/readyz", _open(readyz)),
            Route("/metrics", _keyed(metrics)),
            Route("/token", _keyed(token), methods=["POST"]),
            Route("/vdx/status", _keyed(status)),
            Route("/vdx/models", _keyed(models)),
            Route("/vdx/models/{name:path}/load", _keyed(load), methods=["POST"]),
            Route("/vdx/models/{name:path}/unload", _keyed(unload), methods=["POST"]),
            Route("/vdx/models/{name:path}/use", _keyed(use), methods=["POST"]),
            Route("/vdx/sessions", _keyed(sessions)),
            Route("/openapi.json", _open(openapi)),
            Route("/docs", _open(docs)),
            Route("/v1/models", _keyed(openai_models.models)),
            Route("/v1/models/{name:path}", _keyed(openai_models.model)),
            Route("/v1/audio/speech", _keyed(speech), methods=["POST"]),
            Route("/v1/audio/transcriptions", _keyed(transcriptions), methods=["POST"]),
            WebSocketRoute("/v1/realtime", realtime),
        ],
        middleware=[Middleware(RequestLog), *_middleware(host.config.server)],
        exception_handlers={HTTPException: unrouted, Exception: unforeseen},
    )
    app.state.stretches = asyncio.Semaphore(STRETCHES)
    app.state.recordings = Capacity(host.config.server.max_recordings, "recordings")
    app.state.host = host
    app.state.guard = Guard(host.config.server)
    return app


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


def _open(endpoint: Endpoint) -> Endpoint:
    return _guarded(endpoint, needs_key=False)


def _keyed(endpoint: Endpoint) -> Endpoint:
    return _guarded(endpoint, needs_key=True)


def _guarded(endpoint: Endpoint, *, needs_key: bool) -> Endpoint:
    async def serve(request: Request) -> Response:
        try:
            request.app.state.guard.admit(request, needs_key=needs_key)
            return await endpoint(request)
        except VdxError as error:
            request.scope[CODE] = error.code
            return failure(error)

    return serve


async def openapi(request: Request) -> Response:
    """The OpenAPI document; made when it is asked for, few servers ever are."""
    from vdx.transports.http import document

    return await document.openapi(request)


async def docs(request: Request) -> Response:
    """The document for people."""
    from vdx.transports.http import document

    return await document.docs(request)


async def page_config(request: Request) -> Response:
    """What the page must know before it asks for anything: whether rooms are served."""
    return JSONResponse({"livekit": bool(_host(request).config.livekit.url)})


async def healthz(_request: Request) -> Response:
    """The process is alive."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """Triton answers and the models are loaded: the first turn is as fast as the tenth."""
    host = _host(request)
    if host.drain.active:
        return PlainTextResponse("draining", status_code=503)
    if host.ready:
        return PlainTextResponse("ready")
    return PlainTextResponse(host.readiness.problem or STARTING, status_code=503)


async def token(request: Request) -> Response:
    """Lets one person into one room; see `transports/tokens.py`."""
    from vdx.transports.room.tokens import mint, read_request

    wanted = await read_request(request)
    answer = mint(_host(request).config.livekit, wanted)
    return JSONResponse(answer.model_dump(), headers={"Cache-Control": "no-store"})


async def metrics(_request: Request) -> Response:
    """Prometheus text."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def status(request: Request) -> Response:
    """Process ids, sessions, and what new sessions use."""
    return JSONResponse(_host(request).status())


async def models(request: Request) -> Response:
    """Every model of the repository, its state and what it can do."""
    found = await _host(request).manager.statuses()
    return JSONResponse({"models": [_model(entry) for entry in found]})


async def load(request: Request) -> Response:
    """Loads a model and warms it up."""
    info = await _host(request).models.load(request.path_params["name"])
    return JSONResponse({"loaded": info.name, "kind": info.kind})


async def unload(request: Request) -> Response:
    """Unloads a model; a clause or utterance in flight is finished."""
    host, name = _host(request), request.path_params["name"]
    moved, left = await host.switching.unload(name)
    return JSONResponse(
        {"unloaded": name, "sessions_moved": moved, "sessions_still_using_it": left}
    )


async def use(request: Request) -> Response:
    """Switches live sessions (or `?session=ID`) and the default to a model or VOICE/SPEAKER."""
    host, name = _host(request), request.path_params["name"]
    wanted = request.query_params.get("session")
    session = host.session(wanted) if wanted else None
    return JSONResponse({"model": name, "sessions": await host.switching.use(name, session)})


async def sessions(request: Request) -> Response:
    """Open sessions and how each stands."""
    listed = [
        {
            "id": session.id,
            "state": session.state.value,
            "voice": session.options.voice,
            "recogniser": session.options.recogniser,
            "messages": len(session.history),
            "vad": asdict(session.hearing.statistics),
        }
        for session in _host(request).sessions.values()
    ]
    return JSONResponse({"sessions": listed})


def _host(request: Request) -> Application:
    host: Application = request.app.state.host
    return host


def _model(entry: ModelStatus) -> dict[str, Any]:
    line = {"name": entry.name, "state": entry.state, "reason": entry.reason}
    if (info := entry.info) is None:
        return line
    return line | {
        "kind": info.kind,
        "family": info.family,
        "languages": list(info.languages),
        "sample_rate": info.sample_rate,
        "capabilities": sorted(info.capabilities),
    }
