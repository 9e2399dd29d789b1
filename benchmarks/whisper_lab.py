"""Starts a Triton with Whisper models of the released architectures and random weights."""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.served_models import make, serving, write_entry
from vdx.core.threads import in_thread
from vdx.serving.embedded import EmbeddedTriton
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
    with tempfile.TemporaryDirectory(prefix="vdx-whisper-bench-") as folder:
        home = Path(folder)
        for each in wanted:
            await _add(each, home)
        patient = {"final_transcript_timeout_ms": PLENTY_MS}
        async with serving(home / "models", **patient) as (triton, client):
            yield Lab(client, triton, home / "weights")


async def _add(wanted: Wanted, home: Path) -> None:
    """Writes the weights and the entry of the repository."""
    weights = home / "weights" / wanted.name
    if wanted.folder is not None:
        await in_thread(shutil.copytree, wanted.folder, weights)
    else:
        await made(wanted.size, weights, wanted.tokens)
    await in_thread(write_entry, home / "models", "whisper", weights, wanted.parameters)


async def made(size: str, folder: Path, tokens: int) -> None:
    """Writes a model of a released size that says `tokens` made-up words."""
    await make(f"a {size} model", MAKER, size, folder, "--tokens", str(tokens))
