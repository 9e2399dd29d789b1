"""A tiny voice of each large neural family, added as `vdx voices add` does it, on one server."""

import asyncio
import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cosyvoice_voice import named_home
from tests.released_voice import NAME as PIPER
from tests.released_voice import released_voice
from tests.server.processes import embedded
from tests.triton import repository as repo
from tests.triton.piper_models import add_piper
from tests.triton.wire import Response, Wire
from vdx.core.config import TritonConfig
from vdx.core.paths import Paths
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import TRUSTED, Origin
from vdx.serving.voicepacks.store import VoicepackStore

MESSAGE_S = 120.0
"""The networks compute on a processor that others use too, the vocoder of XTTS in its full size."""
MAKE_S = 300.0
TEXT = "Hello there, my good friend."
LONG = "One sentence, and another one. " * 12
SECOND = 24_000

__all__ = ["LONG", "MESSAGE_S", "PIPER", "SECOND", "TEXT"]


@dataclass(frozen=True, slots=True)
class Tiny:
    """`make`: what the Python of the models is told before a folder; `parameters` to add it with.

    `speaker` and `language` are of a request that it takes.
    """

    family: str
    make: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    speaker: str = ""
    language: str = "en-US"

    @property
    def id(self) -> str:
        return f"{self.family}-tiny"


SEEDED = {"seed": "3", "threads": "2"}
TINY = {
    each.family: each
    for each in (
        Tiny(
            "cosyvoice2",
            ("-m", "tests.cosyvoice_voice"),
            SEEDED | {TRUSTED: "true", "most_tokens_for_each": "2"},
            "Bo:sadly",
            "en-GB",
        ),
        # Without levels, so that two requests of the same text are the same.
        Tiny("csm", ("-I", "benchmarks/csm_voice.py"), SEEDED | {"level": "false"}, "1"),
        Tiny("xtts", ("-I", "benchmarks/xtts_voice.py"), SEEDED, "Björn", "de-DE"),
    )
}


@dataclass(frozen=True, slots=True)
class TinyVoices:
    """What was added, and the server that has it, beside Piper and the models that come with vdx.

    `published`: the files that each voice was made of; `digests`: of those, from before.
    """

    paths: Paths
    store: VoicepackStore
    server: EmbeddedTriton
    published: dict[str, Path]
    digests: dict[str, dict[str, tuple[str, int]]]

    @property
    def patient(self) -> TritonConfig:
        """How a client waits for these voices."""
        limit_ms = int(MESSAGE_S * 1000)
        return TritonConfig(
            url=self.server.grpc_url,
            first_response_timeout_ms=limit_ms,
            next_response_timeout_ms=limit_ms,
        )


_SHARED = pytest.StashKey[TinyVoices]()


def shared_voices(
    config: pytest.Config, factory: pytest.TempPathFactory, paths: Paths
) -> TinyVoices:
    """Those of this process; `paths` has a home of their own where nobody has asked before."""
    if _SHARED not in config.stash:
        with named_home():  # what is started now has it for good
            voices = _started(paths, factory.mktemp("published"))
        config.add_cleanup(lambda: asyncio.run(voices.server.stop()))
        config.stash[_SHARED] = voices
    return config.stash[_SHARED]


def _started(paths: Paths, place: Path) -> TinyVoices:
    repo.copy_repository(paths.pulled_models)
    add_piper(paths.pulled_models, PIPER, released_voice())
    store = VoicepackStore(paths, load_once(paths))
    published, before = {}, {}
    for tiny in TINY.values():
        published[tiny.family] = folder = place / tiny.id
        command = [str(paths.triton_python), *tiny.make, str(folder)]
        subprocess.run(command, check=True, timeout=MAKE_S, cwd=repo.ROOT)
        before[tiny.family] = digests(folder)
        store.add(*identify(folder), Origin("here", parameters=dict(tiny.parameters)))
    server = embedded(paths.pulled_models, paths.home / "triton.log")
    asyncio.run(server.start())
    return TinyVoices(paths, store, server, published, before)


def digests(folder: Path) -> dict[str, tuple[str, int]]:
    """Of each file its name, content and time."""
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


def recording(pitch: float) -> NDArray[np.int16]:
    """Four seconds of a sound with many harmonics."""
    times = np.arange(4 * SECOND) / SECOND
    return (np.mod(times * pitch, 1.0) * 8000).astype(np.int16)


async def spoken(wire: Wire, voice: str, text: str, **inputs: object) -> list[Response]:
    """All that a voice answers to one request."""
    async with wire.stream(voice) as stream:
        await stream.send({"TEXT": text, **inputs})  # type: ignore[dict-item]
        responses = await stream.read_final(MESSAGE_S)
        await stream.finish()
    return responses
