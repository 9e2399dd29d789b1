"""Models that a study makes, and a Triton of its own that serves them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from vdx.core.config import TritonConfig
from vdx.core.errors import SetupError
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedOptions, EmbeddedTriton
from vdx.serving.model_config import CONFIG, VERSION, entry_text
from vdx.serving.triton import TritonClient
from vdx.serving.voicepacks.metadata import Voicepack


async def make(what: str, *arguments: str | Path, cwd: Path | None = None) -> None:
    """Runs a program in the environment of the models that makes one.

    Raises:
        SetupError: it could not; what it said is on standard error.
    """
    command = (locate().triton_python, *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd)
    if await process.wait():
        raise SetupError(f"{what} could not be made; see the lines above")


def write_entry(
    models: Path, family: str, weights: Path, parameters: Mapping[str, str] | None = None
) -> None:
    """The entry of a model repository that `vdx voices add` would write, named as the weights are,
    with other parameters."""
    speaks = family == "piper"
    pack = Voicepack(
        id=weights.name,
        family=family,
        languages=["en"] if speaks else ["*"],
        sample_rate=22_050 if speaks else 16_000,
        cpu_ok=True,
        expressive=False,
        cloning=False,
        lora=False,
        licence="none",
        source="made for a bench",
        files={},
    )
    (models / weights.name / VERSION).mkdir(parents=True)
    text = entry_text(pack, str(weights), parameters or {})
    (models / weights.name / CONFIG).write_text(text, encoding="utf-8")


@contextlib.asynccontextmanager
async def serving(
    models: Path, **config: Any
) -> AsyncIterator[tuple[EmbeddedTriton, TritonClient]]:
    """A Triton over a model repository, with metrics; `config` is of the client's TritonConfig.

    Raises:
        SetupError: the environment of the models is not built.
    """
    paths = locate()
    options = EmbeddedOptions(
        triton_python=paths.triton_python,
        model_repository=models,
        families=paths.triton_backends,
        metrics_port=0,
    )
    async with (
        EmbeddedTriton(options) as triton,
        TritonClient(TritonConfig(url=triton.grpc_url, **config)) as client,
    ):
        yield triton, client
