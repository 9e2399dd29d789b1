"""What the turns of a bench cost: processor time of each part of the server, and of a GPU."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean
from typing import Any, Final, Self

from vdx.bench.figures import Report
from vdx.bench.procfs import PROC, cpu_seconds, tree
from vdx.bench.target import Target
from vdx.core.errors import UnknownName
from vdx.core.voice_choice import VoiceChoice
from vdx.serving.model_processes import model_of

CLIENTS: Final = "clients"
PARTS: Final = ("frontend", "recogniser", "voice", "other models", "Triton", CLIENTS)
"""`CLIENTS` are the people of the bench, who share its machine."""
IDLE: Final = "cores taken without a call"
WALL: Final = "one turn to the next"
GPU: Final = "  GPU time per turn"
IDLE_S = 3.0
GPU_EVERY_S = 0.5
NVIDIA_SMI = ("--query-gpu=utilization.gpu", "--format=csv,noheader,nounits")


def cpu_name(part: str) -> str:
    """The name of the figure of a part's processor time."""
    return f"  CPU per turn, {part}"


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds of each part so far."""

    at: float
    seconds: Mapping[str, float]

    @classmethod
    def now(cls, roots: list[int], models: Mapping[str, str]) -> Self:
        """Of the processes below `roots`; `models` names the part of some models."""
        found = dict.fromkeys(PARTS, 0.0)
        for pid in {pid for root in roots for pid in _tree(root)}:
            found[_part(pid, models)] += cpu_seconds(pid)
        return cls(time.monotonic(), found)


@dataclass(slots=True)
class TurnCost:
    """Measures from `begin` to `add`; nothing where the server's processes are not known."""

    roots: list[int]
    models: Mapping[str, str]
    idle: Mapping[str, float] = field(default_factory=dict)
    """Cores that each part takes while nobody talks."""
    before: Spent | None = None
    gpus: list[float] = field(default_factory=list)
    """How many were busy at each look."""
    idle_gpus: list[float] = field(default_factory=list)
    _watching: asyncio.Task[None] | None = None

    @classmethod
    async def begin(cls, target: Target, status: Mapping[str, Any]) -> Self:
        """Looks for some seconds at what the server takes while nobody talks."""
        roots = [each["pid"] for each in status.get("tritons", ()) if each["pid"]]
        roots += [target.pid] if target.pid else []
        voice = VoiceChoice.parse(status["voice"]).model
        made = cls(roots, {voice: "voice", status["recogniser"]: "recogniser"})
        if not target.pid:
            return made
        if program := shutil.which("nvidia-smi"):
            made._watching = asyncio.create_task(made._watch(program), name="gpu")
        first = Spent.now(roots, made.models)
        await asyncio.sleep(IDLE_S)
        made.before = Spent.now(roots, made.models)
        made.idle = {
            part: (made.before.seconds[part] - first.seconds[part]) / (made.before.at - first.at)
            for part in PARTS
        }
        made.idle_gpus, made.gpus = made.gpus, []
        return made

    async def add(self, report: Report, turns: list[dict[str, Any]]) -> None:
        """Adds the figures of the turns since `begin`, what an idle server takes left out.

        A turn says itself how long it was and what its person took (`wall_s`, `client_cpu_s`).
        """
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self.before is None or not turns:
            return
        after = Spent.now(self.roots, self.models)
        wall = after.at - self.before.at
        spent = {
            part: max(0.0, after.seconds[part] - self.before.seconds[part] - self.idle[part] * wall)
            for part in PARTS
        }
        spent[CLIENTS] = sum(turn.get("client_cpu_s", 0.0) for turn in turns)
        report.add(WALL, "s", [turn["wall_s"] for turn in turns[:1] if "wall_s" in turn])
        report.add(IDLE, "core", [round(sum(self.idle.values()), 4)])
        for part in PARTS:
            report.add(cpu_name(part), "s", [round(spent[part] / len(turns), 4)])
        if self.gpus:
            busy = max(0.0, mean(self.gpus) - mean(self.idle_gpus or [0.0]))
            report.add(GPU, "s", [round(busy * wall / len(turns), 4)])

    async def _watch(self, program: str) -> None:
        while True:
            busy = await asyncio.to_thread(gpus_busy, program)
            self.gpus += [] if busy is None else [busy]
            await asyncio.sleep(GPU_EVERY_S)


def gpus_busy(program: str) -> float | None:
    """How many GPUs of this machine were busy just now, as `program` (nvidia-smi) tells it.

    None where it cannot be told of every one, as of those that are divided (MIG).
    """
    done = subprocess.run([program, *NVIDIA_SMI], capture_output=True, text=True, check=False)
    told = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if not told or not all(each.isdecimal() for each in told):
        return None
    return sum(map(float, told)) / 100


def _tree(root: int) -> list[int]:
    try:
        return tree(root)
    except UnknownName:  # it ended
        return []


def _part(pid: int, models: Mapping[str, str]) -> str:
    try:
        command = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return "frontend"
    if model := model_of(command):
        return models.get(model, "other models")
    return "Triton" if command.split(b"\0")[0].endswith(b"tritonserver") else "frontend"
