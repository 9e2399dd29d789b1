"""Runs perf_analyzer, which the environment of the models holds, and reads what it exports."""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdx.core.config import TritonConfig
from vdx.core.errors import SetupError, VdxError
from vdx.core.logs import logger
from vdx.core.paths import Paths
from vdx.serving.channel import tls_files

log = logger(__name__)

LIMIT_S = 300.0
ATTEMPTS = 3
"""On a busy machine perf_analyzer 2.51 now and then ends well with half of its export written."""
LIBRARIES = {"libb64.so.0d": "libb64-*.so.0d", "libcudart.so.12": "libcudart-*.so.12*"}
"""What perf_analyzer's wheel lacks, and what that of the server calls it."""
FINAL = 2
FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class Answered:
    """One request: ms from sending to each response; `audio_s` of a voice, `final` transcript.

    `sent` and the end are seconds on one clock; `heard_ms` is how much audio a final covers.
    """

    sent: float
    responses_ms: tuple[float, ...]
    audio_s: float = 0.0
    final: bool = False
    heard_ms: int = 0

    @property
    def ended(self) -> float:
        return self.sent + self.responses_ms[-1] / 1000


class PerfAnalyzer:
    """One installation of perf_analyzer; `folder` is for what it reads and writes."""

    def __init__(self, paths: Paths, folder: Path) -> None:
        environment = paths.triton_python.parent.parent
        self._program = paths.triton_python.parent / "perf_analyzer"
        self._folder = folder
        libraries = list(environment.glob("lib/python3*/site-packages/nvidia_pytriton.libs"))
        if not self._program.exists() or not libraries:
            raise SetupError(f"{self._program} is not there; run `vdx setup`")
        for name, pattern in LIBRARIES.items():
            found = sorted(libraries[0].glob(pattern))
            if found and not (folder / name).exists():
                (folder / name).symlink_to(found[0])
        self._libraries = f"{folder}:{libraries[0]}"

    async def run(
        self, config: TritonConfig, model: str, data: Path, *, concurrency: int, requests: int
    ) -> list[Answered]:
        """Sends `requests` requests, `concurrency` of them (or sequences) at once.

        Raises:
            VdxError: it failed, took too long, or wrote no whole export; with what it said.
        """
        export = self._folder / f"{model}-{concurrency}.json"
        command = [
            str(self._program), "-m", model, "-i", "grpc", *connection(config),
            "--streaming", "--async", "--serial-sequences", "--input-data", str(data),
            "--request-count", str(requests), "--concurrency-range", str(concurrency),
            "--profile-export-file", str(export),
        ]  # fmt: skip
        cut_off: ValueError | None = None
        for _ in range(ATTEMPTS):
            try:
                return await self._measure(command, model, export)
            except ValueError as error:
                cut_off = error
                log.warning("perf_analyzer's export is cut off", model=model, error=str(error))
        raise VdxError(f"perf_analyzer's export is cut off: {cut_off}", service=model)

    async def _measure(self, command: list[str], model: str, export: Path) -> list[Answered]:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.defpath, "LD_LIBRARY_PATH": self._libraries},
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                said, _ = await process.communicate()
        except TimeoutError:
            raise VdxError(
                f"perf_analyzer took longer than {LIMIT_S:.0f} s", service=model
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0 or not await asyncio.to_thread(export.exists):
            tail = said.decode(errors="replace").strip()[-800:]
            raise VdxError(f"perf_analyzer failed: {tail}", service=model)
        try:
            return await asyncio.to_thread(read_export, export)
        finally:
            # It holds every sample of every response.
            await asyncio.to_thread(export.unlink)


def connection(config: TritonConfig) -> list[str]:
    """The options that tell perf_analyzer where Triton is; raises ConfigError."""
    if config.url.startswith("unix:") or not config.tls.given:
        return ["-u", config.url]
    ca, certificate, key = (str(file) for file in tls_files(config.tls))
    return [
        *("-u", config.url, "--ssl-grpc-use-ssl", "--ssl-grpc-root-certifications-file", ca),
        *("--ssl-grpc-certificate-chain-file", certificate, "--ssl-grpc-private-key-file", key),
    ]


def read_export(file: Path) -> list[Answered]:
    """The requests of a profile export that were answered."""
    with file.open(encoding="utf-8") as stream:
        # Audio is millions of numbers: each list becomes its length as soon as it is read.
        whole = json.load(stream, object_hook=_without_samples)
    return [
        _answered(request)
        for experiment in whole["experiments"]
        for request in experiment["requests"]
        if request["response_timestamps"]
    ]


def _without_samples(found: dict[str, Any]) -> dict[str, Any]:
    audio = found.get("AUDIO")
    return {**found, "AUDIO": len(audio)} if isinstance(audio, list) else found


def _answered(request: dict[str, Any]) -> Answered:
    sent, outputs = request["timestamp"], request["response_outputs"]
    last = outputs[-1] if outputs else {}
    # Of a response without outputs perf_analyzer writes down what lay in memory.
    final = last.get("STATE") == FINAL and 0 <= last.get("CONFIDENCE", -1) <= 1
    samples = sum(output.get("AUDIO", 0) for output in outputs)
    return Answered(
        sent=sent / 1e9,
        responses_ms=tuple((at - sent) / 1e6 for at in request["response_timestamps"]),
        audio_s=samples / 48_000,
        final=final,
        heard_ms=last["AUDIO_MS"] if final else 0,
    )
