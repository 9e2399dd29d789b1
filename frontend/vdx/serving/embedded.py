"""Runs the tritonserver of the nvidia-pytriton wheel as a child process.

    async with EmbeddedTriton(options) as triton:
        ...                      # triton.grpc_url is ready
        await triton.died()      # returns when the process ends by itself
        await triton.restart()   # same address

Whoever reaches a Triton with explicit model control can run code in it, so the server listens on
a Unix socket that its user alone can reach, or on the network with mutual TLS. It starts with
no model loaded. When it ends, also by a crash, its model processes end and their shared memory is
removed.
"""

import asyncio
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from vdx.core.config import TlsConfig, TritonConfig
from vdx.core.errors import TritonUnavailable
from vdx.core.threads import in_thread
from vdx.serving.address import (
    PORT,
    network_url,
    socket_argument,
    socket_url,
    split_address,
)
from vdx.serving.backend_dir import TritonPython, assemble_backend_directory
from vdx.serving.channel import FAST_RECONNECT_OPTIONS, tls_files
from vdx.serving.environment import server_environment
from vdx.serving.ports import check_free, choose_port, when_free
from vdx.serving.private_memory import UMASK
from vdx.serving.scratch import Scratch, clear_dead
from vdx.serving.socket_folder import SocketFolder, lock_socket_folder
from vdx.serving.subprocesses import end_group, exited, guarded_command, tail
from vdx.serving.triton import TritonClient


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """What an embedded server is started with.

    `home` is the VDX_HOME whose socket it listens on; None, or another Triton there, gives it a
    socket of its own. `grpc_address` (HOST:PORT) replaces the socket by a port with mutual TLS.
    `metrics_port` opens the metrics on loopback: 0 is a free port, None opens none. A port that is
    named is used or refused with PortTaken. `pulled_models` is a second model repository, made if
    it is not there, so that what is added to it later can be loaded.
    """

    triton_python: Path
    model_repository: Path
    families: Path
    home: Path | None = None
    grpc_address: str = ""
    tls: TlsConfig = field(default_factory=TlsConfig)
    metrics_port: int | None = None
    pulled_models: Path | None = None
    log_file: Path | None = None
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 1.5
    load_threads: int = 4
    environment: Mapping[str, str] = field(default_factory=dict)


class EmbeddedTriton:
    """One tritonserver process and everything it starts; see the module's docstring."""

    def __init__(self, options: EmbeddedOptions) -> None:
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: SocketFolder | None = None
        self._metrics_port: int | None = None
        self._scratch: Scratch | None = None
        self._region_prefix = ""

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
    def grpc_url(self) -> str:
        """Address for clients; kept over a restart."""
        if self.options.grpc_address:
            return network_url(self.options.grpc_address)
        if self._socket_folder is None:
            raise TritonUnavailable("the embedded Triton has not been started")
        return socket_url(self._socket_folder.folder)

    @property
    def metrics_url(self) -> str:
        """Address of its metrics; empty if they are off."""
        port = self._metrics_port
        return "" if port is None else f"http://127.0.0.1:{port}/metrics"

    @property
    def has_own_socket(self) -> bool:
        """Whether its socket is not the one of `home`, which another Triton holds."""
        return self._socket_folder is not None and not self._socket_folder.shared

    @property
    def log_file(self) -> Path:
        """Where tritonserver and the model processes write; gone after stop() if not named."""
        home = self._scratch.folder if self._scratch else Path()
        return self.options.log_file or home / "triton.log"

    @property
    def pid(self) -> int | None:
        """Process id, also that of its process group; None when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start and wait until the server answers.

        Raises SetupError (no usable environment or folder), ConfigError (no files for TLS),
        PortTaken, TritonUnavailable (it ended, or was not ready in time; the end of its log is in
        the message).
        """
        if self.running:
            return
        first = self._socket_folder is None
        try:
            await self._start()
        except BaseException:  # cancelled or failed: ends the server, then raises it again
            await self._end()
            if first:
                await self._release()
            raise

    async def _start(self) -> None:
        python = await asyncio.to_thread(TritonPython.inspect, self.options.triton_python)
        await self._choose_address()
        await asyncio.to_thread(clear_dead)
        self._scratch = scratch = Scratch.create("triton")
        self._region_prefix = scratch.region_prefix
        if self.options.pulled_models is not None:
            self.options.pulled_models.mkdir(parents=True, exist_ok=True)
        assemble = partial(
            assemble_backend_directory,
            scratch.folder,
            self.options.families,
            triton_python=python,
        )
        backends = await in_thread(assemble)
        self._process = self._spawn(python, backends, scratch)
        await self._wait_ready(self._process)

    async def _choose_address(self) -> None:
        """Chooses what is kept over a restart: the folder of the socket and the metrics port."""
        options = self.options
        if options.grpc_address:
            tls_files(options.tls)
            address = split_address(options.grpc_address)
            await when_free(partial(check_free, *address))
        elif self._socket_folder is None:
            self._socket_folder = await lock_socket_folder(options.home)
        if self._metrics_port is None and options.metrics_port is not None:
            choose = partial(choose_port, "metrics", options.metrics_port)
            self._metrics_port = await when_free(choose)

    async def stop(self) -> int | None:
        """End the server and its model processes; returns the exit status, None if not started.

        Sends SIGTERM, and SIGKILL after `stop_timeout_s`. Safe to call twice.
        """
        status = await self._end()
        await self._release()
        return status

    async def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            await in_thread(self._remove_files)
            return None
        return await end_group(process, self.options.stop_timeout_s, self._remove_files)

    async def _release(self) -> None:
        """Releases the folder of the socket for another Triton."""
        claim, self._socket_folder = self._socket_folder, None
        if claim is not None:
            await in_thread(claim.release)

    async def died(self) -> int:
        """Wait until the process ends and return its exit status; does not clean up after it."""
        if self._process is None:
            raise TritonUnavailable("the embedded Triton does not run")
        return await exited(self._process)

    async def restart(self) -> None:
        """Stop what is left and start again at the same address; no model is loaded then."""
        await self._end()
        await self.start()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log, for an error message."""
        return tail(self.log_file, lines)

    def _spawn(
        self, python: TritonPython, backends: Path, scratch: Scratch
    ) -> subprocess.Popen[bytes]:
        command = [str(python.server / "bin" / "tritonserver"), *self._arguments(backends)]
        inherited = [scratch.lock]
        if self._socket_folder is not None:
            inherited.append(self._socket_folder.descriptor)
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                guarded_command(command, scratch.lock, private_memory=True),
                pass_fds=inherited,
                # What model processes write is removed with this server's own files.
                env=server_environment(python, self.options.environment)
                | {"TMPDIR": str(scratch.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C in the terminal must not reach it before its clients.
                start_new_session=True,
                umask=UMASK,
                cwd=scratch.folder,
            )

    def _arguments(self, backends: Path) -> list[str]:
        flags: dict[str, object] = {
            "model-repository": self.options.model_repository,
            "backend-directory": backends,
            "model-control-mode": "explicit",
            "model-load-thread-count": self.options.load_threads,
            "allow-http": "false",
            "allow-gpu-metrics": "false",
            "allow-cpu-metrics": "false",
            "exit-timeout-secs": 10,
            "log-info": "false",
            # Otherwise one model that fails to load makes the whole server count as not ready.
            "strict-readiness": "false",
        }
        flags |= self._address_flags() | self._metrics_flags()
        arguments = [f"--{name}={value}" for name, value in flags.items()]
        if self.options.pulled_models is not None:
            arguments.append(f"--model-repository={self.options.pulled_models}")
        # Completing a configuration would start every model process twice, for 1.2 s more.
        arguments.append("--disable-auto-complete-config")
        arguments.append(f"--backend-config=python,shm-region-prefix-name={self._region_prefix}")
        return arguments

    def _address_flags(self) -> dict[str, object]:
        if self._socket_folder is not None:
            return {"grpc-address": socket_argument(self._socket_folder.folder), "grpc-port": PORT}
        host, port = split_address(self.options.grpc_address)
        ca, certificate, key = tls_files(self.options.tls)
        return {
            "grpc-address": host,
            "grpc-port": port,
            "grpc-use-ssl": "true",
            "grpc-use-ssl-mutual": "true",
            "grpc-root-cert": ca,
            "grpc-server-cert": certificate,
            "grpc-server-key": key,
        }

    def _metrics_flags(self) -> dict[str, object]:
        if self._metrics_port is None:
            return {"allow-metrics": "false"}
        return {"metrics-address": "127.0.0.1", "metrics-port": self._metrics_port}

    async def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        config = TritonConfig(url=self.grpc_url, tls=self.options.tls)
        client = TritonClient(config, FAST_RECONNECT_OPTIONS)
        try:
            async with client, asyncio.timeout(self.options.start_timeout_s):
                while not await client.is_ready():
                    if process.poll() is not None:
                        raise TritonUnavailable(
                            f"tritonserver ended with status {process.returncode}:\n"
                            f"{self.log_tail()}"
                        )
                    await asyncio.sleep(0.02)
        except TimeoutError:
            address = self.options.grpc_address
            hint = f" (do its certificates hold for {self.grpc_url}?)" if address else ""
            raise TritonUnavailable(
                f"tritonserver was not ready within {self.options.start_timeout_s:g} s{hint}:\n"
                f"{self.log_tail()}"
            ) from None

    def _remove_files(self) -> None:
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            # A server that was killed leaves its regions behind.
            scratch.remove()
