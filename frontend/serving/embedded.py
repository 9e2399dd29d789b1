"""Runs the tritonserver of the nvidia-pytriton wheel as a child process.

    async with EmbeddedTriton(options) as triton:
        ...                      # triton.grpc_url is ready
        await triton.died()      # returns when the process ends by itself
        await triton.restart()   # same ports

The server is bound to loopback, starts with explicit model control and nothing loaded, and takes
its model processes and their shared memory with it, however it ends.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from frontend.core.errors import TritonUnavailable
from frontend.core.threads import in_thread
from frontend.serving.backend_dir import TritonPython, assemble_backend_directory
from frontend.serving.children import TETHER, answers_ready, exited, signal_group
from frontend.serving.ports import Ports, choose_ports

# Where Linux keeps POSIX shared memory; nothing is created in it here.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # nosec B108


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """What an embedded server is started with.

    A port of None prefers Triton's own number and takes a free one if that is taken; 0 takes a
    free one; any other number is used or refused with PortTaken. `pulled_models` is a second model
    repository, made if it is not there, so that what is added to it later can be loaded.
    """

    triton_python: Path
    model_repository: Path
    families: Path
    grpc_port: int | None = None
    http_port: int | None = None
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
        self._ports: Ports | None = None
        self._home = Path()
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
    def ports(self) -> Ports:
        """The ports in use; kept over a restart."""
        if self._ports is None:
            raise TritonUnavailable("the embedded Triton has not been started")
        return self._ports

    @property
    def grpc_url(self) -> str:
        return f"127.0.0.1:{self.ports.grpc}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.metrics}/metrics"

    @property
    def log_file(self) -> Path:
        """Where tritonserver and the model processes write; gone after stop() if not named."""
        return self.options.log_file or self._home / "triton.log"

    @property
    def pid(self) -> int | None:
        """Process id, also that of its process group; None when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start and wait until the server answers.

        Raises SetupError (no usable environment), PortTaken, TritonUnavailable (it ended, or was
        not ready in time; the end of its log is in the message).
        """
        if self.running:
            return
        python = await asyncio.to_thread(TritonPython.inspect, self.options.triton_python)
        if self._ports is None:
            options = self.options
            self._ports = choose_ports(options.grpc_port, options.http_port, options.metrics_port)
        self._home = Path(tempfile.mkdtemp(prefix="vdx-triton-"))
        self._region_prefix = f"vdx_{secrets.token_hex(6)}_"
        if self.options.pulled_models is not None:
            self.options.pulled_models.mkdir(parents=True, exist_ok=True)
        assemble = partial(
            assemble_backend_directory, self._home, self.options.families, triton_python=python
        )
        try:
            backends = await in_thread(assemble)
            self._process = self._spawn(python, backends)
            await self._wait_ready(self._process)
        except BaseException:  # cancelled or failed: no server stays behind, and it goes on
            await self.stop()
            raise

    async def stop(self) -> int | None:
        """End the server and its model processes; returns the exit status, None if not started.

        Asks first, ends by force after `stop_timeout_s`. Safe to call twice.
        """
        process, self._process = self._process, None
        if process is None:
            self._remove_files()
            return None
        signal_group(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(self.options.stop_timeout_s):
                await exited(process)
        except TimeoutError:
            pass
        finally:
            # Also after a clean exit: a model process may outlive its server for a moment.
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
            self._remove_files()
        return process.returncode

    async def died(self) -> int:
        """Wait until the process ends and return its exit status; does not clean up after it."""
        if self._process is None:
            raise TritonUnavailable("the embedded Triton does not run")
        return await exited(self._process)

    async def restart(self) -> None:
        """Stop what is left and start again on the same ports; no model is loaded then."""
        await self.stop()
        await self.start()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log, for an error message."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _spawn(self, python: TritonPython, backends: Path) -> subprocess.Popen[bytes]:
        server = python.server / "bin" / "tritonserver"
        command = [sys.executable, "-I", "-S", "-c", TETHER, str(os.getpid()), str(server)]
        command += self._arguments(backends)
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                command,
                # What model processes write is removed with this server's own files.
                env=server_environment(python, self.options.environment)
                | {"TMPDIR": str(self._home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C in the terminal must not reach it before its clients.
                start_new_session=True,
                cwd=self._home,
            )

    def _arguments(self, backends: Path) -> list[str]:
        flags = {
            "model-repository": self.options.model_repository,
            "backend-directory": backends,
            "model-control-mode": "explicit",
            "model-load-thread-count": self.options.load_threads,
            "grpc-address": "127.0.0.1",
            "grpc-port": self.ports.grpc,
            "http-address": "127.0.0.1",
            "http-port": self.ports.http,
            "http-thread-count": 2,
            "metrics-address": "127.0.0.1",
            "metrics-port": self.ports.metrics,
            "allow-gpu-metrics": "false",
            "allow-cpu-metrics": "false",
            "exit-timeout-secs": 10,
            "log-info": "false",
            # Otherwise one model that fails to load makes the whole server count as not ready.
            "strict-readiness": "false",
        }
        arguments = [f"--{name}={value}" for name, value in flags.items()]
        if self.options.pulled_models is not None:
            arguments.append(f"--model-repository={self.options.pulled_models}")
        # Completing a configuration would start every model process twice, for 1.2 s more.
        arguments.append("--disable-auto-complete-config")
        arguments.append(f"--backend-config=python,shm-region-prefix-name={self._region_prefix}")
        return arguments

    async def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        try:
            async with asyncio.timeout(self.options.start_timeout_s):
                while not await answers_ready(self.ports.http):
                    if process.poll() is not None:
                        raise TritonUnavailable(
                            f"tritonserver ended with status {process.returncode}:\n"
                            f"{self.log_tail()}"
                        )
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise TritonUnavailable(
                f"tritonserver was not ready within {self.options.start_timeout_s:g} s:\n"
                f"{self.log_tail()}"
            ) from None

    def _remove_files(self) -> None:
        if self._region_prefix:
            # A server that was killed leaves its regions behind.
            for region in SHARED_MEMORY.glob(f"{self._region_prefix}*"):
                region.unlink(missing_ok=True)
        if self._home != Path():
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = Path()


def server_environment(python: TritonPython, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of the server and, inherited, of its model processes."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    libraries = f"{python.library_dir}:{python.wheel_libraries}"
    # The stub embeds Python and finds its environment through the first python3 on PATH.
    path = f"{python.executable.parent}:{environment.get('PATH', '/usr/bin:/bin')}"
    environment |= {
        "LD_LIBRARY_PATH": libraries,
        "PATH": path,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        # With an arena for every thread, each load of a model would leave some more behind.
        "MALLOC_ARENA_MAX": "2",
    }
    return environment | dict(extra)
