"""The server under test: one that runs already, or one of the bench's own."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vdx.bench.processes import vdx_command
from vdx.bench.scrape import Metrics, fetch, parse, status
from vdx.core import settings
from vdx.core.audio_formats import TELEPHONE_RATE
from vdx.core.config import TlsConfig, TritonConfig
from vdx.core.errors import VdxError
from vdx.serving.livekit import DevelopmentLiveKit
from vdx.serving.ports import choose_ports

DATA = Path(__file__).parent / "data"
BRIEF = "brief"
"""A profile with the same models, whose answers are over soon."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server's address and the process to measure; `pid` is None if unknown."""

    url: str
    pid: int | None = None
    triton_grpc: str = ""
    triton_metrics: str = ""
    tls: TlsConfig = field(default_factory=TlsConfig)
    """For a Triton on the network."""
    api_key: str = ""
    livekit: bool = False
    """Users connect through LiveKit rooms instead of the WebSocket."""
    telephone: bool = False
    """They send and hear G.711 at 8 kHz."""
    recordings: Path | None = None
    """Where the server writes the samples of each room's track."""
    profiles: tuple[str, ...] = ()
    """Of a server of the bench's own; of another one none is known."""

    def plan(self, **more: Any) -> dict[str, Any]:
        """The part of a plan that a client process needs to connect."""
        transport = "livekit" if self.livekit else "telephone" if self.telephone else "websocket"
        rate = {"rate": TELEPHONE_RATE} if self.telephone else {}
        server = {"url": self.url, "api_key": self.api_key}
        return {**server, "transport": transport, **rate, **more}

    async def metrics(self) -> Metrics:
        """The frontend's own metrics."""
        return parse(await asyncio.to_thread(fetch, f"{self.url}/metrics", self.api_key))

    async def triton(self) -> Metrics:
        """Triton's metrics; raises VdxError where it serves none."""
        if not self.triton_metrics:
            raise VdxError(
                "Triton's metrics are off; start it with --metrics-port", service="bench"
            )
        return parse(await asyncio.to_thread(fetch, self.triton_metrics))

    @property
    def triton_config(self) -> TritonConfig:
        """How to reach Triton itself."""
        return TritonConfig(url=self.triton_grpc, tls=self.tls)

    async def status(self) -> dict[str, Any]:
        return await asyncio.to_thread(status, self.url, self.api_key)


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """What to measure against; without `url` a server is started with `config`."""

    url: str = ""
    server_pid: int | None = None
    api_key: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    livekit: bool = False
    livekit_server: Path | None = None
    """The program for rooms of a server of the bench's own."""
    telephone: bool = False


def profile(voice: str, recogniser: str, answers: str = "", kind: str = "repeat") -> dict[str, Any]:
    """A configuration with one profile: a kind of responder, or the answers of a file in `data/`.

    An empty name is the default model of `vdx up` on this machine.
    """
    responder: dict[str, Any] = {"kind": kind}
    if answers:
        responder = {"kind": "script", "script": {"path": str(DATA / answers)}}
    named = {"voice": voice, "recogniser": recogniser}
    limits = {"max_messages_per_session": 0, "idle_timeout_seconds": 0}
    return {
        "profiles": {"vdx": {key: name for key, name in named.items() if name}},
        "responder": responder,
        "session": {**limits, "max_session_duration_seconds": 0},
    }


def with_brief(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration of `profile` with the profile BRIEF beside its own."""
    profiles = config["profiles"]
    script = {"path": str(DATA / "short.yaml")}
    brief = {**profiles["vdx"], "responder": {"kind": "script", "script": script}}
    return {**config, "profiles": {**profiles, BRIEF: brief}}


@contextlib.asynccontextmanager
async def target(options: TargetOptions) -> AsyncIterator[Target]:
    """The server to measure; its own is stopped at the end, a running one left alone.

    Raises:
        VdxError: nothing answers at the address given.
        SetupError: the bench's own server did not become ready.
    """
    if options.url:
        yield await _running(options)
        return
    with tempfile.TemporaryDirectory(prefix="vdx-bench-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            config, recordings = options.config, None
            if options.livekit and options.livekit_server is not None:
                rooms = await stack.enter_async_context(
                    DevelopmentLiveKit(options.livekit_server, 0)
                )
                recordings = Path(folder) / "fed"
                config = {**config, "livekit": _rooms(rooms, recordings)}
            found = await stack.enter_async_context(_own(Path(folder), config, options.api_key))
            yield replace(
                found,
                livekit=options.livekit,
                telephone=options.telephone,
                recordings=recordings,
                profiles=tuple(config.get("profiles", {})),
            )


def _rooms(server: DevelopmentLiveKit, recordings: Path) -> dict[str, Any]:
    return {
        "url": server.url,
        "api_key": server.api_key,
        "api_secret": server.api_secret,
        "max_rooms": 64,
        "rejoin_grace_seconds": 1,
        "record_output": str(recordings),
    }


async def _running(options: TargetOptions) -> Target:
    told = await asyncio.to_thread(status, options.url, options.api_key)
    return Target(
        url=options.url.rstrip("/"),
        pid=options.server_pid or told.get("pid"),
        triton_grpc=told.get("triton_grpc", ""),
        triton_metrics=told.get("triton_metrics", ""),
        tls=settings.load().config.triton.tls,
        api_key=options.api_key,
        livekit=options.livekit,
        telephone=options.telephone,
    )


@contextlib.asynccontextmanager
async def _own(folder: Path, config: Mapping[str, Any], api_key: str) -> AsyncIterator[Target]:
    (metrics,) = choose_ports("the bench's Triton", 1)
    whole = {**config, "embedded": {"metrics_port": metrics}}
    arguments = ["up", "--no-proof", *(["--livekit"] if "livekit" in config else [])]
    async with vdx_command(folder, "server", *arguments, config=whole) as (url, server):
        told = await asyncio.to_thread(status, url, api_key)
        grpc, scraped = told["triton_grpc"], told["triton_metrics"]
        yield Target(url, server.pid, grpc, scraped, api_key=api_key)
