"""Starts a Triton with Whisper models of the released architectures and random weights."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vdx.core.config import TritonConfig
from vdx.core.errors import SetupError
from vdx.core.paths import locate
from vdx.core.threads import in_thread
from vdx.serving.embedded import EmbeddedOptions, EmbeddedTriton
from vdx.serving.triton import TritonClient

MAKER = Path(__file__).parent / "whisper_model.py"
PLENTY_MS = 600_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model to serve: made of `size` with `tokens` to say, or of the files in `folder`."""

    name: str
    size: str = ""
    tokens: int = 15
    folder: Path | None = None
    parameters: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Lab:
    """The running server; `weights` holds the made models by name."""

    client: TritonClient
    triton: EmbeddedTriton
    weights: Path


@contextlib.asynccontextmanager
async def lab(wanted: list[Wanted]) -> AsyncIterator[Lab]:
    """Makes the models and starts the server; nothing is loaded yet.

    Raises SetupError where the environment of the models is not built.
    """
    paths = locate()
    with tempfile.TemporaryDirectory(prefix="vdx-whisper-bench-") as folder:
        home = Path(folder)
        for each in wanted:
            await _serve(each, home, paths.triton_python)
        options = EmbeddedOptions(
            triton_python=paths.triton_python,
            model_repository=home / "models",
            families=paths.triton_backends,
            metrics_port=0,
        )
        async with EmbeddedTriton(options) as triton:
            config = TritonConfig(url=triton.grpc_url, final_transcript_timeout_ms=PLENTY_MS)
            async with TritonClient(config) as client:
                yield Lab(client, triton, home / "weights")


async def _serve(wanted: Wanted, home: Path, python: Path) -> None:
    """Writes the weights and the entry of the repository."""
    weights = home / "weights" / wanted.name
    if wanted.folder is not None:
        await in_thread(shutil.copytree, wanted.folder, weights)
    else:
        await make(python, wanted.size, weights, wanted.tokens)
    entry = home / "models" / wanted.name
    (entry / "1").mkdir(parents=True)
    text = _entry(weights, wanted.parameters or {})
    (entry / "config.pbtxt").write_text(text, encoding="utf-8")


async def make(python: Path, size: str, folder: Path, tokens: int) -> None:
    """Writes a model of a released size that says `tokens` made-up words."""
    process = await asyncio.create_subprocess_exec(
        *(python, MAKER, size, folder, "--tokens", str(tokens)), stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode:
        raise SetupError(f"cannot make a {size} model: {said.decode(errors='replace')[-500:]}")


def _entry(weights: Path, parameters: Mapping[str, str]) -> str:
    """The config.pbtxt that `vdx voices add` would write, with other parameters."""
    from vdx.serving.model_config import entry_text
    from vdx.serving.voicepacks.metadata import Voicepack

    pack = Voicepack(
        id=weights.name,
        family="whisper",
        languages=["*"],
        sample_rate=16_000,
        cpu_ok=True,
        expressive=False,
        cloning=False,
        lora=False,
        licence="none",
        source="made for a bench",
        files={},
    )
    return entry_text(pack, str(weights), parameters)
