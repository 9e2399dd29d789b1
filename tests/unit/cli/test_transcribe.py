"""`vdx transcribe --speakers`: who says what, against models in memory."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from vdx.batch import files
from vdx.batch.cutting import Stretch
from vdx.batch.files import Segment, TranscriptionOptions
from vdx.cli import transcribe
from vdx.core.audio import LISTEN_RATE
from vdx.core.errors import InvalidInput
from vdx.core.events import Word
from vdx.serving.model_status import ModelStatus
from vdx.serving.models import ModelInfo

RECORDING = Path(__file__).parents[2] / "data" / "audio" / "ps_librivox_0870.wav"
HEARS = ModelInfo("listener", "asr", "whisper", ("en",), LISTEN_RATE)
TELLS = ModelInfo("voices", "speaker", "speaker_embedding", ("*",), LISTEN_RATE)
LOUD, SOFT = 8_000, 2_000
"""How the two people here are told apart."""


class Client:
    """A speaker model whose vector says whether a piece is loud."""

    async def embed(self, model: str, pcm: bytes, wait_ms: int) -> NDArray[np.float32]:
        assert (model, wait_ms > 0) == (TELLS.name, True)
        loud = np.abs(np.frombuffer(pcm, np.int16)).max() > (LOUD + SOFT) / 2
        return np.array([loud, not loud], np.float32)


class Manager:
    """A recogniser, and a speaker model where one is here."""

    def __init__(self, *infos: ModelInfo) -> None:
        self._infos = {info.name: info for info in infos}

    async def names(self) -> list[str]:
        return list(self._infos)

    async def statuses(self) -> list[ModelStatus]:
        return [ModelStatus(name, "READY", "", info) for name, info in self._infos.items()]

    async def resolve(self, name: str, *_: Any) -> str:
        return name

    async def ensure(self, name: str, *_: Any) -> ModelInfo:
        return self._infos[name]


async def said(*_: Any, options: TranscriptionOptions, **__: Any) -> AsyncGenerator[Segment, None]:
    """One person answers another, each in a stretch of two seconds."""
    for number, (level, text) in enumerate([(LOUD, "who is there"), (SOFT, "nobody")]):
        start = number * 3 * LISTEN_RATE
        noise = np.random.default_rng(number).uniform(-level, level, 2 * LISTEN_RATE)
        if options.listen is not None:
            await options.listen(Stretch(start, noise.astype(np.int16)))
        first = number * 3_000
        words = (Word(text, first, first + 1_900, 0, len(text)),)
        yield Segment(first, first + 2_000, text, 0.9, words)


@pytest.fixture
def transcribed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command, with the models named."""

    def run(*arguments: str, models: tuple[ModelInfo, ...] = (HEARS, TELLS)) -> Result:
        @asynccontextmanager
        async def running(*_: Any) -> AsyncIterator[Any]:
            yield Client(), Manager(*models)

        monkeypatch.setattr(transcribe, "running_triton", running)
        monkeypatch.setattr(files, "transcribe", said)
        given = [str(RECORDING), "--model", HEARS.name, *arguments]
        return CliRunner().invoke(transcribe.app, given)

    return run


def test_each_line_says_who_speaks(transcribed: Callable[..., Result]) -> None:
    lines = transcribed("--speakers").stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["A: who is there", "B: nobody"]


def test_diarized_json_asks_for_speakers_by_itself(transcribed: Callable[..., Result]) -> None:
    told = json.loads(transcribed("--format", "diarized_json").stdout)
    assert [(each["speaker"], each["text"]) for each in told["segments"]] == [
        ("A", "who is there"),
        ("B", "nobody"),
    ]


def test_without_speakers_nobody_is_named(transcribed: Callable[..., Result]) -> None:
    told = transcribed("--json", models=(HEARS,)).stdout.splitlines()
    assert [json.loads(line)["speaker"] for line in told] == ["", ""]


def test_without_a_speaker_model_it_says_what_to_add(transcribed: Callable[..., Result]) -> None:
    refused = transcribed("--speakers", models=(HEARS,))
    assert isinstance(refused.exception, InvalidInput), refused.output
    assert "vdx voices add" in str(refused.exception)
