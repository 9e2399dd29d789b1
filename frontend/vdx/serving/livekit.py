"""Runs a livekit-server on loopback as a child process, for development and tests.

    async with DevelopmentLiveKit(program) as livekit:
        ...                       # livekit.url, livekit.api_key and livekit.api_secret
        await livekit.died()      # returns when the process ends by itself
        await livekit.restart()   # same ports and keys

Its signalling listens on 127.0.0.1 alone; it offers participants its loopback address only, and
ends with its parent.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import yaml

from vdx.core.errors import RoomError
from vdx.serving.child_server import ChildServer, IsReady, ServerKind
from vdx.serving.environment import child_environment
from vdx.serving.ports import choose_livekit_ports, when_free
from vdx.serving.scratch import Scratch
from vdx.serving.subprocesses import answers_http

START_S = 30.0
STOP_S = 5.0


class DevelopmentLiveKit(ChildServer):
    """One livekit-server; `port` None prefers 7880 and takes a free one, 0 takes a free one.

    `start` raises PortTaken where the port was given explicitly and is in use, RoomError where it
    ended or was not ready in time.
    """

    def __init__(self, program: Path, port: int | None = None) -> None:
        kind = ServerKind(
            title="the development LiveKit server",
            program="livekit-server",
            folder="livekit",
            error=RoomError,
            start_timeout_s=START_S,
            # It waits for rooms to empty, which development need not.
            stop_timeout_s=STOP_S,
        )
        super().__init__(kind)
        self._program = program
        self._port = port
        self._ports: tuple[int, int] | None = None
        self.api_key = "vdx-development"
        self.api_secret = secrets.token_hex(32)

    @property
    def url(self) -> str:
        """The address of its signalling; raises RoomError before it was started."""
        return f"ws://127.0.0.1:{self._chosen_ports[0]}"

    @property
    def _chosen_ports(self) -> tuple[int, int]:
        """Signalling (TCP) and media (UDP); kept over a restart."""
        if self._ports is None:
            raise RoomError("the development LiveKit server has not been started")
        return self._ports

    async def _start(self) -> None:
        if self._ports is None:
            self._ports = await when_free(lambda: choose_livekit_ports(self._port))
        self._scratch = scratch = Scratch.create("livekit")
        config = scratch.folder / "livekit.yaml"
        config.write_text(yaml.safe_dump(self._config()), encoding="utf-8")
        config.chmod(0o600)
        command = [str(self._program), "--config", str(config)]
        self._spawn(command, scratch, child_environment())

    @asynccontextmanager
    async def _readiness(self) -> AsyncIterator[IsReady]:
        yield partial(answers_http, self._chosen_ports[0])

    def _config(self) -> dict[str, object]:
        port, udp = self._chosen_ports
        return {
            "port": port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {self.api_key: self.api_secret},
            "rtc": {
                # A port for media over TCP would be open on every interface. That of UDP is, too:
                # clients send from the machine's address, which reaches no socket of loopback.
                "tcp_port": 0,
                "udp_port": udp,
                "use_external_ip": False,
                "node_ip": "127.0.0.1",
                "enable_loopback_candidate": True,
                # Else participants are sent to STUN servers on the internet.
                "stun_servers": [f"127.0.0.1:{udp}"],
            },
            "logging": {"level": "warn", "json": False},
        }
