"""Runs a livekit-server on loopback as a child process, for development and tests.

    async with DevelopmentLiveKit(program) as livekit:
        ...                       # livekit.url, livekit.api_key and livekit.api_secret
        await livekit.died()      # returns when the process ends by itself
        await livekit.restart()   # same ports and keys

Its signalling listens on 127.0.0.1 alone; it offers people its loopback address only, and dies with
its parent.
"""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from frontend.core.errors import RoomError
from frontend.serving.children import TETHER, answers_http, exited, signal_group
from frontend.serving.environment import child_environment
from frontend.serving.ports import choose_livekit_ports
from frontend.serving.private_memory import UMASK

START_S = 30.0
STOP_S = 5.0
LOG_TAIL = 15


class DevelopmentLiveKit:
    """One livekit-server; `port` None prefers 7880 and takes a free one, 0 takes a free one."""

    def __init__(self, program: Path, port: int | None = None) -> None:
        self._program = program
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._ports: tuple[int, int] | None = None
        self.api_key = "vdx-development"
        self.api_secret = secrets.token_hex(32)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """The address of its signalling; raises RoomError before it was started."""
        if self._ports is None:
            raise RoomError("the development LiveKit server has not been started")
        return f"ws://127.0.0.1:{self._ports[0]}"

    @property
    def pid(self) -> int | None:
        """Process id; None when it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    async def start(self) -> None:
        """Starts it and waits until it answers.

        Raises:
            PortTaken: the port was given explicitly and is in use.
            RoomError: it ended, or was not ready in time; its last words are in the message.
        """
        if self.pid is not None:
            return
        if self._ports is None:
            self._ports = choose_livekit_ports(self._port)
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="vdx-livekit-")
        self._process = self._spawn(Path(self._folder.name))
        try:
            await self._wait_ready(self._process)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ends it; asks first. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            signal_group(process.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(STOP_S):
                    await exited(process)
            except TimeoutError:
                pass  # it waits for rooms to empty; they are not worth it
            finally:
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    async def died(self) -> int:
        """Waits until the process ends and returns its exit status."""
        if self._process is None:
            raise RoomError("the development LiveKit server does not run")
        return await exited(self._process)

    async def restart(self) -> None:
        """Stops what is left and starts again on the same ports with the same keys."""
        await self.stop()
        await self.start()

    def _spawn(self, folder: Path) -> subprocess.Popen[bytes]:
        config, log = folder / "livekit.yaml", folder / "livekit.log"
        config.write_text(yaml.safe_dump(self._config()), encoding="utf-8")
        config.chmod(0o600)
        command = [sys.executable, "-I", "-S", "-c", TETHER, str(os.getpid())]
        command += [str(self._program), "--config", str(config)]
        with log.open("ab") as output:
            return subprocess.Popen(
                command,
                env=child_environment(),
                umask=UMASK,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=folder,
            )

    def _config(self) -> dict[str, object]:
        if self._ports is None:
            raise RoomError("the development LiveKit server has no ports yet")
        port, udp = self._ports
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
                # Else people are sent to STUN servers on the internet, which nobody needs here.
                "stun_servers": [f"127.0.0.1:{udp}"],
            },
            "logging": {"level": "warn", "json": False},
        }

    async def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        if self._ports is None:
            return
        try:
            async with asyncio.timeout(START_S):
                while not await answers_http(self._ports[0]):
                    if process.poll() is not None:
                        status = process.returncode
                        raise RoomError(f"livekit-server ended ({status}):\n{self._tail()}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise RoomError(
                f"livekit-server was not ready within {START_S:g} s:\n{self._tail()}"
            ) from None

    def _tail(self) -> str:
        if self._folder is None:
            return ""
        log = Path(self._folder.name) / "livekit.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL:])
