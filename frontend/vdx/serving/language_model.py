"""Runs llama.cpp with one language model as a child process, on a Unix socket.

    async with language_model_server(options) as server:
        ...                      # server.socket answers
        await server.died()      # returns when the process ends by itself
        await server.restart()   # same socket

The socket is in a folder that its user alone can enter, so there is no key. The options are in a
file and not on the command line, which every user of the machine can read. What the process does
is in `llama_process.py`.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from vdx.core.capacity import usable_cores
from vdx.core.config import MOST_LOCAL_THREADS, LocalConfig
from vdx.core.errors import LanguageModelFailed
from vdx.core.threads import in_thread
from vdx.serving import llama_process
from vdx.serving.child_server import ChildServer, IsReady, ServerKind
from vdx.serving.environment import child_environment
from vdx.serving.scratch import Scratch
from vdx.serving.socket_folder import SocketFolder, lock_socket_folder
from vdx.serving.subprocesses import answers_http

SOCKET = "m.sock"
"""llama.cpp takes an address for a socket's path where it ends in .sock."""
OPTIONS = "options.json"
"""The file with LlamaOptions in the process's working folder."""
START_S = 120.0
"""A model of several gigabytes is read from the disk first."""
STOP_S = 1.5
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """What the process is started with; the names are those of `LocalConfig`."""

    name: str
    model: str
    threads: int
    parallel: int
    context_tokens: int
    max_tokens: int
    prompt_cache_mib: int
    temperature: float
    top_p: float
    repeat_penalty: float
    penalty_tokens: int
    batch_tokens: int


def llama_options(local: LocalConfig, file: Path) -> LlamaOptions:
    """How a language model of the configuration is served, whose GGUF file is here."""
    return LlamaOptions(
        name=local.name,
        model=str(file.absolute()),
        threads=local.threads or max(1, min(MOST_LOCAL_THREADS, int(usable_cores()) // 2)),
        parallel=local.parallel,
        context_tokens=local.context_tokens,
        max_tokens=local.reply_tokens,
        prompt_cache_mib=local.prompt_cache_mib,
        temperature=local.temperature,
        top_p=local.top_p,
        repeat_penalty=local.repeat_penalty,
        penalty_tokens=local.penalty_tokens,
        batch_tokens=local.batch_tokens,
    )


class LanguageModelServer(ChildServer):
    """One process of llama.cpp, whose socket is in `folder`; see the module's docstring."""

    def __init__(self, options: LlamaOptions, packages: Path, folder: SocketFolder) -> None:
        kind = ServerKind(
            title=f"the language model {options.name}",
            program="llama.cpp",
            folder="llama",
            error=LanguageModelFailed,
            start_timeout_s=START_S,
            stop_timeout_s=STOP_S,
        )
        super().__init__(kind)
        self.options = options
        self._packages = packages
        self._folder = folder

    @property
    def socket(self) -> Path:
        """Where it answers HTTP; kept over a restart."""
        return self._folder.folder / SOCKET

    async def is_live(self, within_s: float) -> bool:
        """Whether it answers within a time, in seconds."""
        try:
            async with asyncio.timeout(within_s):
                while not await answers_http(self.socket, "/health"):  # noqa: ASYNC110  (it asks)
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return False
        return True

    async def _start(self) -> None:
        # One that was killed leaves it, and then it cannot be bound.
        self.socket.unlink(missing_ok=True)
        self._scratch = scratch = Scratch.create("llama")
        told = json.dumps(asdict(self.options) | {"socket": str(self.socket)})
        (scratch.folder / OPTIONS).write_text(told, encoding="utf-8")
        program = str(Path(llama_process.__file__))
        command = [sys.executable, "-I", "-S", program, str(self._packages), OPTIONS]
        self._spawn(command, scratch, child_environment(), descriptors=[self._folder.descriptor])

    @asynccontextmanager
    async def _readiness(self) -> AsyncIterator[IsReady]:
        yield partial(answers_http, self.socket, "/health")


@asynccontextmanager
async def language_model_server(
    options: LlamaOptions, packages: Path
) -> AsyncIterator[LanguageModelServer]:
    """A server for the length of a block; `packages` is the folder that has xllamacpp.

    Raises:
        SetupError: no folder for its socket can be made.
        LanguageModelFailed: it ended or was not ready in time; the message has the end of its log.
    """
    folder = await lock_socket_folder(None)
    try:
        async with LanguageModelServer(options, packages, folder) as server:
            yield server
    finally:
        await in_thread(folder.release)
