"""A deployment of the bench's own: Redis, Tritons, their managers, a frontend, LiveKit for rooms.

What a service manager does on a machine the bench does here: a process that ends is started again
a second later. Tritons have `vdx triton` for that.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vdx.bench.processes import Part, redis_part
from vdx.bench.procfs import PROC, tree
from vdx.bench.target import profile
from vdx.core.errors import SetupError, VdxError
from vdx.serving.livekit import DevelopmentLiveKit
from vdx.serving.ports import choose_ports

MODELS = ("espeak-en", "pocketsphinx-en")
RESTART_S = 1.0
VDX = (sys.executable, "-m", "vdx.cli")


@dataclass(slots=True)
class Deployment:
    """What runs; `url` is the frontend's. Made by `deployment`."""

    folder: Path
    parts: dict[str, Part] = field(default_factory=dict)
    url: str = ""
    livekit: DevelopmentLiveKit | None = None

    def pid(self, name: str) -> int:
        """The process of a name; of several Tritons and managers, the first one's.

        Raises:
            VdxError: it does not run.
        """
        if name == "livekit" and self.livekit is not None and self.livekit.pid:
            return self.livekit.pid
        if name in ("triton", "stub"):
            below = [pid for pid in tree(self._pid_of("supervisor0")) if _is(pid, name)]
            if below:
                return below[0]
            raise VdxError(f"no process of {name} runs", service="bench")
        return self._pid_of({"manager": "manager0"}.get(name, name))

    def _pid_of(self, name: str) -> int:
        process = self.parts[name].process
        if process is None or process.returncode is not None:
            raise VdxError(f"{name} does not run", service="bench")
        return process.pid

    def processes(self) -> int:
        """How many run, children included; those that ended and were not waited for do not."""
        roots = [part.process.pid for part in self.parts.values() if part.process is not None]
        return sum(len(tree(pid)) for pid in roots if (PROC / str(pid)).exists())

    async def keep(self) -> None:
        """Starts what ended again, until cancelled."""
        while True:
            await asyncio.sleep(RESTART_S)
            for part in self.parts.values():
                if part.process is not None and part.process.returncode is not None:
                    with contextlib.suppress(SetupError):  # it is tried again
                        await part.start()
            if self.livekit is not None and not self.livekit.running:
                with contextlib.suppress(SetupError):  # likewise
                    await self.livekit.restart()


@asynccontextmanager
async def deployment(folder: Path, tritons: int, livekit: Path | None) -> AsyncIterator[Deployment]:
    """A deployment with so many Tritons, and rooms where the program of LiveKit is given."""
    made = Deployment(folder)
    async with contextlib.AsyncExitStack() as exits:
        config: dict[str, Any] = profile(*MODELS)
        if livekit is not None:
            made.livekit = await exits.enter_async_context(DevelopmentLiveKit(livekit, 0))
            config["livekit"] = {
                "url": made.livekit.url,
                "api_key": made.livekit.api_key,
                "api_secret": made.livekit.api_secret,
                "rejoin_grace_seconds": 5,
            }
        exits.push_async_callback(_stop_all, made)
        await _start_all(made, tritons, config)
        keeping = asyncio.create_task(made.keep(), name="service-manager")
        try:
            yield made
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def _start_all(made: Deployment, tritons: int, config: Mapping[str, Any]) -> None:
    redis, http, *managers = choose_ports("the bench's processes", 2 + tritons)
    file = made.folder / "vdx.yaml"
    file.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    made.folder.chmod(0o700)
    made.parts["redis"] = redis_part(made.folder, redis)
    await made.parts["redis"].start()
    common = ["--config", str(file), "--set", f"registry.url=redis://127.0.0.1:{redis}"]
    addresses = []
    for number, port in enumerate(managers):
        where = await _add(made, f"supervisor{number}", [*VDX, "triton", "--config", str(file)])
        addresses.append(where)
        name = f"registry.name=triton{number}"
        given = ["--triton-url", where, "--port", str(port), "--set", name]
        await _add(made, f"manager{number}", [*VDX, "manager", *given, *common])
    given = ["--triton-url", addresses[0], "--manager", f"http://127.0.0.1:{managers[0]}"]
    rooms = ["--livekit"] if made.livekit is not None else []
    front = [*VDX, "frontend", "--port", str(http), *given, *rooms, *common]
    made.url = await _add(made, "frontend", front)


async def _add(made: Deployment, name: str, command: list[str]) -> str:
    made.parts[name] = part = Part(command, made.folder / f"{name}.log")
    return await part.start()


async def _stop_all(made: Deployment) -> None:
    for part in reversed(made.parts.values()):
        await part.stop()


def _is(pid: int, name: str) -> bool:
    """Whether a process is a tritonserver, or the voice's process of it."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    if name == "triton":
        return words[0].endswith("tritonserver")
    return words[0].endswith("stub") and any("/espeak" in word for word in words[1:])
