"""Runs a livekit-server on loopback as a child process, for development and tests.

    async with DevelopmentLiveKit(program) as livekit:
        ...                       # livekit.url, livekit.api_key and livekit.api_secret
        await livekit.died()      # returns when the process ends by itself
        await livekit.restart()   # same ports and keys

Its signalling listens on 127.0.0.1 alone; it offers participants its loopback address only, and
ends with its parent.
"""

import asyncio
import secrets
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from vdx.core.errors import RoomError
from vdx.core.threads import in_thread
from vdx.serving.environment import child_environment
from vdx.serving.ports import choose_livekit_ports, when_free
from vdx.serving.private_memory import UMASK
from vdx.serving.scratch import Scratch, clear_dead
from vdx.serving.subprocesses import answers_http, end_group, exited, guarded_command, tail

START_S = 30.0
STOP_S = 5.0
LOG_TAIL = 15


class DevelopmentLiveKit:
    """One livekit-server; `port` None prefers 7880 and takes a free one, 0 takes a free one."""

    def __init__(self, program: Path, port: int | None = None) -> None:
        self._program = program
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: Scratch | None = None
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
            RoomError: it ended, or was not ready in time; the end of its log is in the message.
        """
        if self.pid is not None:
            return
        if self._ports is None:
            self._ports = await when_free(lambda: choose_livekit_ports(self._port))
        await asyncio.to_thread(clear_dead)
        try:
            self._scratch = self._scratch or Scratch.create("livekit")
            self._process = self._spawn(self._scratch)
            await self._wait_ready(self._process)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ends it; asks first. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            await in_thread(self._remove_files)
        else:  # it waits for rooms to empty, which development need not
            await end_group(process, STOP_S, self._remove_files)

    async def died(self) -> int:
        """Waits until the process ends and returns its exit status."""
        if self._process is None:
            raise RoomError("the development LiveKit server does not run")
        return await exited(self._process)

    async def restart(self) -> None:
        """Stops what is left and starts again on the same ports with the same keys."""
        await self.stop()
        await self.start()

    def log_tail(self, lines: int = LOG_TAIL) -> str:
        """The last lines of its log, for an error message."""
        return tail(self._scratch.folder / "livekit.log", lines) if self._scratch else ""

    def _remove_files(self) -> None:
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.remove()

    def _spawn(self, scratch: Scratch) -> subprocess.Popen[bytes]:
        folder = scratch.folder
        config, log = folder / "livekit.yaml", folder / "livekit.log"
        config.write_text(yaml.safe_dump(self._config()), encoding="utf-8")
        config.chmod(0o600)
        command = [str(self._program), "--config", str(config)]
        with log.open("ab") as output:
            return subprocess.Popen(
                guarded_command(command, scratch.lock),
                pass_fds=[scratch.lock],
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
                # Else participants are sent to STUN servers on the internet.
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
                        raise RoomError(f"livekit-server ended ({status}):\n{self.log_tail()}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise RoomError(
                f"livekit-server was not ready within {START_S:g} s:\n{self.log_tail()}"
            ) from None
