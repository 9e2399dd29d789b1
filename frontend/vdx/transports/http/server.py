"""Runs the HTTP and WebSocket server of one process until it is told to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI

from vdx.app import Application
from vdx.core.config import ServerConfig
from vdx.core.descriptors import raise_descriptor_limit
from vdx.core.errors import PortTaken, VdxError
from vdx.core.logs import logger
from vdx.core.loop_watchdog import watch_loop
from vdx.serving.manager_tls import server_options
from vdx.transports.http.application import create_app
from vdx.transports.http.connection_limits import (
    ACCEPTED_AT_ONCE,
    ConnectionLimits,
    tell_accept_errors_once,
)
from vdx.transports.http.protocol import LimitedHttp, LimitedWebSocket

log = logger(__name__)

BACKLOG = 1024
"""Connections that the system keeps until they are accepted."""
GOODBYE_S = 2
"""How long open sessions, and requests that are cut off, may take at the end."""


def bind(config: ServerConfig, *, explicit: bool) -> socket.socket:
    """A listening socket; a default port that is taken gives way to a free one.

    Raises:
        PortTaken: the port was given explicitly and is in use.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    for port in (config.port,) if explicit else (config.port, 0):
        # asyncio switches Nagle's algorithm off only where the protocol is named; with it on,
        # the second of two small events waits 20 to 40 ms for the client's acknowledgement.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((config.host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            failure = f"cannot listen on {config.host} port {port}: {error.strerror}"
            continue
        listener.setblocking(False)  # noqa: FBT003  (the standard library's signature)
        return listener
    message = f"{failure}; choose another with --port, 0 picks a free one"
    raise PortTaken(message, port=config.port)


def address_of(listener: socket.socket, *, secure: bool = False) -> str:
    """The server's URL; `secure` where it asks for certificates (`model_manager.tls`)."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{shown}:{port}"


def _is_alarming(record: logging.LogRecord) -> bool:
    """False for what uvicorn says of a WebSocket that was refused with a proper answer, and of an
    answer that was broken off because the speech in it was."""
    said = record.getMessage()
    return not any(quiet in said for quiet in ("without completing handshake", "completing resp"))


class _Server(uvicorn.Server):
    """Leaves signals to `serve`, which has more to stop than this server."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to accept; the event loop takes one number for two queues, and they differ."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Shutdown:
    """What signals ask for: SIGTERM to drain, SIGINT or a second SIGTERM to stop at once."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.stop = asyncio.Event()
        self.at_once = asyncio.Event()

    def terminate(self) -> None:
        if self.drain.is_set():
            self.interrupt()
        self.drain.set()

    def interrupt(self) -> None:
        self.at_once.set()
        self.stop.set()

    async def drained(self, host: Application, rooms: Callable[[], Awaitable[None]] | None) -> None:
        """Waits for SIGTERM, then for sessions and rooms to end, and asks to stop."""
        await self.drain.wait()
        host.drain.begin(host.sessions)
        log.info("draining", sessions=len(host.sessions), seconds=host.drain.seconds_left)
        try:
            async with asyncio.timeout(host.drain.seconds_left), asyncio.TaskGroup() as group:
                group.create_task(host.drain.wait(host.sessions), name="drain-sessions")
                if rooms is not None:
                    group.create_task(_run(rooms), name="drain-rooms")
        except TimeoutError:
            log.warning("drain time is up, sessions are cut off", sessions=len(host.sessions))
        self.stop.set()

    async def requests_done(
        self, server: uvicorn.Server, serving: asyncio.Task[None], seconds: float | None
    ) -> None:
        """Takes no more connections and waits for the requests in flight."""
        server.config.timeout_graceful_shutdown = None if seconds is None else round(seconds)
        server.should_exit = True
        at_once = asyncio.create_task(self.at_once.wait(), name="at-once")
        await asyncio.wait((serving, at_once), return_when=asyncio.FIRST_COMPLETED)
        at_once.cancel()
        if not serving.done():  # asked to stop at once after all
            for task in list(server.server_state.tasks):
                task.cancel()
            await asyncio.wait((serving,), timeout=GOODBYE_S)
            serving.cancel()


async def serve(
    host: Application,
    listener: socket.socket,
    background: list[Callable[[], Awaitable[None]]],
    ready: Callable[[], Awaitable[None]],
    drain: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serves until SIGINT, SIGTERM or SIGHUP; `ready` runs once connections are accepted.

    `background` runs beside it. A failure of either stops everything and is raised; a signal
    before it is ready stops it just the same. SIGTERM waits, within `server.drain_timeout_seconds`,
    for sessions, for `drain` (rooms) and for requests in flight; another signal ends that. SIGHUP,
    unless it was ignored from the start (nohup), is the same as SIGTERM.
    """
    app = create_app(host)
    server = _Server(_uvicorn_config(host, app))
    logging.getLogger("uvicorn.error").addFilter(_is_alarming)
    loop = asyncio.get_running_loop()
    tell_accept_errors_once(loop)
    shutdown = _Shutdown()
    loop.add_signal_handler(signal.SIGINT, shutdown.interrupt)
    loop.add_signal_handler(signal.SIGTERM, shutdown.terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, shutdown.terminate)
    try:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listener]), name="http")
            others = [group.create_task(_run(work), name="background") for work in background]
            others.append(group.create_task(_run(ready), name="ready"))
            others.append(group.create_task(watch_loop(), name="loop-watchdog"))
            others.append(group.create_task(app.state.guard.keys.watch(), name="api-keys"))
            others.append(group.create_task(shutdown.drained(host, drain), name="drain"))
            await shutdown.stop.wait()
            if not shutdown.at_once.is_set() and not host.sessions:
                await shutdown.requests_done(server, serving, host.drain.seconds_left)
            for session in list(host.sessions.values()):
                session.close("server_stopping")
            server.should_exit = True
            for task in others:
                task.cancel()
            await asyncio.wait((serving,))
    except* VdxError as errors:
        raise _first(errors) from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


def _uvicorn_config(host: Application, app: FastAPI) -> uvicorn.Config:
    server = host.config.server
    limits = ConnectionLimits(raise_descriptor_limit(), server.request_timeout_ms / 1000)
    # uvicorn calls it like the class that it is declared to be.
    protocol: Any = partial(LimitedHttp, limits=limits)
    return uvicorn.Config(
        app,
        http=protocol,
        ws=LimitedWebSocket,
        ws_max_size=server.max_message_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        lifespan="off",
        log_level="warning",
        access_log=False,
        backlog=ACCEPTED_AT_ONCE,
        proxy_headers=bool(server.trusted_proxies),
        forwarded_allow_ips=list(server.trusted_proxies),
        timeout_graceful_shutdown=GOODBYE_S,
        **(server_options(host.config.model_manager.tls) if host.manages_only else {}),
    )


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _first(group: BaseExceptionGroup[VdxError]) -> VdxError:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found if isinstance(found, VdxError) else VdxError(repr(found))
