"""What sessions ask of models: the endpointer's limits, and words to expect."""

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vdx.app.model_requests import JUDGE_MS, MOST_QUESTIONS, ModelRequests
from vdx.core.config import Config, ProfileConfig
from vdx.core.errors import ModelFailed, ModelTimeout, ModelUnavailable, TritonError
from vdx.core.events import SpeechChunk
from vdx.dialog.profiles import SessionOptions, resolve
from vdx.serving.default_models import DefaultModels
from vdx.serving.triton import SynthesisRequest
from vdx.speech.output.tts import HeardTurn, Voice

NAMES = DefaultModels(frozenset({"espeak", "whisper-tiny.en", "smart-turn-v3.2"}))


def options(**changes: Any) -> SessionOptions:
    profile = ProfileConfig(hot_words=("latte", "dark roast"))
    return resolve(Config(profiles={"vdx": profile}), "", NAMES).updated(**changes)


class FakeClient:
    """An endpointer that answers, fails, or waits until it is let go."""

    def __init__(self, error: TritonError | None = None) -> None:
        self.error = error
        self.asked: list[tuple[str, int]] = []
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.prompts: list[str] = []
        self.speakers: list[str] = []
        self.heard: list[tuple[int, str]] = []

    async def judge(self, model: str, pcm: bytes, wait_ms: int) -> float:
        self.asked.append((model, wait_ms))
        await self.let_go.wait()
        if self.error:
            raise self.error
        return 0.75

    def recognise(self, model: str, *, language: str, session: str, prompt: str) -> None:
        self.prompts.append(prompt)

    async def synthesize(
        self, _model: str, request: SynthesisRequest
    ) -> AsyncGenerator[SpeechChunk, None]:
        self.speakers.append(request.speaker)
        self.heard.append((len(request.heard) // 2, request.heard_text))
        yield SpeechChunk(np.zeros((1, 960), np.int16))


def requests(
    client: FakeClient, *, loaded: bool = True, alive: bool = True, can: str = "prompts"
) -> tuple[ModelRequests, list[str]]:
    suspected: list[str] = []
    recovery = SimpleNamespace(alive=lambda _: alive, suspect=suspected.append)
    manager = SimpleNamespace(
        info=lambda name: object() if loaded else None,
        can=lambda name, capability: capability == can,
        recovery=recovery,
    )
    readiness = SimpleNamespace(suspect=lambda: None)
    return ModelRequests(client, manager, readiness), suspected  # type: ignore[arg-type]  # fakes


async def test_the_endpointer_of_the_session_is_asked() -> None:
    client = FakeClient()
    found, _ = requests(client)
    assert await found.judge(options(), b"") == 0.75
    assert await found.judge(options(endpointer="mine"), b"") == 0.75
    assert client.asked == [("smart-turn-v3.2", JUDGE_MS), ("mine", JUDGE_MS)]


@pytest.mark.parametrize(
    ("state", "wanted"),
    [({"loaded": False}, "smart-turn-v3.2"), ({"alive": False}, "smart-turn-v3.2"), ({}, "")],
)
async def test_one_that_cannot_answer_is_not_asked(state: dict[str, bool], wanted: str) -> None:
    """Unloaded, dead, or none at all."""
    client = FakeClient()
    found, _ = requests(client, **state)
    assert await found.judge(options(endpointer=wanted), b"") is None
    assert client.asked == []


@pytest.mark.parametrize(
    "error",
    [
        ModelTimeout("slow", model="smart-turn-v3.2"),
        ModelUnavailable("gone", model="smart-turn-v3.2"),
        ModelFailed("PROBABILITY is nan", model="smart-turn-v3.2"),
    ],
)
async def test_a_failure_is_no_answer_and_is_looked_into(error: TritonError) -> None:
    client = FakeClient(error)
    found, suspected = requests(client)
    assert await found.judge(options(), b"") is None
    assert suspected == (["smart-turn-v3.2"] if error.retryable else [])
    client.error = None
    assert await found.judge(options(), b"") == 0.75


async def test_no_more_is_asked_than_can_be_answered_in_time() -> None:
    client = FakeClient()
    client.let_go.clear()
    found, _ = requests(client)
    waiting = [asyncio.create_task(found.judge(options(), b"")) for _ in range(MOST_QUESTIONS)]
    await asyncio.sleep(0)
    assert await found.judge(options(), b"") is None
    assert len(client.asked) == MOST_QUESTIONS
    client.let_go.set()
    assert await asyncio.gather(*waiting) == [0.75] * MOST_QUESTIONS
    assert await found.judge(options(), b"") == 0.75


async def test_words_to_expect_go_to_a_recogniser_that_takes_them() -> None:
    client = FakeClient()
    requests(client)[0].recognise(options(), "s")
    requests(client, can="")[0].recognise(options(), "s")
    requests(client)[0].recognise(options(prompt="espresso"), "s")
    assert client.prompts == ["latte, dark roast", "", "espresso"]


async def test_how_to_speak_is_told_to_a_voice_that_takes_words_on_it() -> None:
    client = FakeClient()
    for can, speaker in (
        ("emotive_zero_prompt", "jo"),
        ("emotive_zero_prompt", "jo:gladly"),
        ("", "jo"),
    ):
        voice = Voice("cosy", speaker=speaker, style="sadly")
        assert [chunk async for chunk in requests(client, can=can)[0].synthesize(voice, "Hello.")]
    assert client.speakers == ["jo:sadly", "jo:gladly", "jo"]


async def test_what_the_user_said_goes_to_a_voice_that_hears_it_at_24_khz() -> None:
    client = FakeClient()
    voice = Voice("v", heard=HeardTurn(bytes(2 * 16_000), "Hello."))
    for can in ("hears_user", ""):
        found, _ = requests(client, can=can)
        assert [chunk async for chunk in found.synthesize(voice, "Hi.")]
    assert client.heard == [(24_000, "Hello."), (0, "")]
