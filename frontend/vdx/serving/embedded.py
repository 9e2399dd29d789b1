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
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

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
from vdx.serving.child_server import ChildServer, IsReady, ServerKind
from vdx.serving.environment import server_environment
from vdx.serving.ports import check_free, choose_port, when_free
from vdx.serving.scratch import Scratch
from vdx.serving.socket_folder import SocketFolder, lock_socket_folder
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


class EmbeddedTriton(ChildServer):
    """One tritonserver process and everything it starts; see the module's docstring."""

    def __init__(self, options: EmbeddedOptions) -> None:
        kind = ServerKind(
            title="the embedded Triton",
            program="tritonserver",
            folder="triton",
            error=TritonUnavailable,
            start_timeout_s=options.start_timeout_s,
            stop_timeout_s=options.stop_timeout_s,
        )
        super().__init__(kind)
        self.options = options
        self._socket_folder: SocketFolder | None = None
        self._metrics_port: int | None = None
        self._region_prefix = ""

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
        """Where tritonserver and the model processes write; removed by `stop` if not named."""
        return self.options.log_file or super().log_file

    async def start(self) -> None:
        """Starts it and waits until it answers; no model is loaded then.

        Raises:
            SetupError: there is no usable environment or folder.
            ConfigError: there are no files for TLS.
            PortTaken: a port that the options name is in use.
            TritonUnavailable: it ended or was not ready in time; the message has the end of its
                log.
        """
        first = self._socket_folder is None
        try:
            await super().start()
        except BaseException:  # cancelled or failed: frees the socket, then raises it again
            if first:
                await self._release()
            raise

    async def stop(self) -> int | None:
        status = await super().stop()
        await self._release()
        return status

    async def _start(self) -> None:
        options = self.options
        python = await asyncio.to_thread(TritonPython.inspect, options.triton_python)
        await self._choose_address()
        self._scratch = scratch = Scratch.create("triton")
        self._region_prefix = scratch.region_prefix
        if options.pulled_models is not None:
            options.pulled_models.mkdir(parents=True, exist_ok=True)
        assemble = partial(
            assemble_backend_directory,
            scratch.folder,
            options.families,
            triton_python=python,
        )
        backends = await in_thread(assemble)
        socket_folder = self._socket_folder
        self._spawn(
            [str(python.server / "bin" / "tritonserver"), *self._arguments(backends)],
            scratch,
            # What model processes write is removed with this server's own files.
            server_environment(python, options.environment) | {"TMPDIR": str(scratch.folder)},
            descriptors=[] if socket_folder is None else [socket_folder.descriptor],
            private_memory=True,
        )

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

    async def _release(self) -> None:
        """Releases the folder of the socket for another Triton."""
        claim, self._socket_folder = self._socket_folder, None
        if claim is not None:
            await in_thread(claim.release)

    @asynccontextmanager
    async def _readiness(self) -> AsyncIterator[IsReady]:
        config = TritonConfig(url=self.grpc_url, tls=self.options.tls)
        async with TritonClient(config, FAST_RECONNECT_OPTIONS) as client:
            yield client.is_ready

    def _timeout_hint(self) -> str:
        address = self.options.grpc_address
        return f" (do its certificates hold for {self.grpc_url}?)" if address else ""

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
