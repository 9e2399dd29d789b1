"""The released small model in a real llama.cpp: cancellation, prompts, memory, deaths."""

import asyncio
import os
import signal
import stat
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx
import psutil
import pytest
import pytest_asyncio

from tests.released_llm import NAME, serving_released
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.config import LocalConfig
from vdx.core.errors import LanguageModelFailed
from vdx.core.events import Message
from vdx.serving.language_model import LanguageModelServer
from vdx.serving.supervision import Supervisor
from vdx.speech.text.responder.local import LocalResponder

SYSTEM = Message("system", "You are a helpful AI assistant. Answer in one short sentence.")
STORY = "Write a very long story about a dog, with many chapters and all details."
LONG_REPLY = 1000
"""Tokens: a reply that would go on for many seconds."""
FREE_TOKENS = 100
"""The slot is free within the time of so many, a tenth of the reply; a quiet machine takes one."""


pytestmark = pytest.mark.asyncio(loop_scope="module")  # of `model`


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[LanguageModelServer]:
    async with serving_released(max_tokens=LONG_REPLY) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(model: LanguageModelServer) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(uds=str(model.socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://vdx", timeout=60) as client:
        yield client


def responder(model: LanguageModelServer, **settings: Any) -> LocalResponder:
    config = LocalConfig.model_validate({"socket": model.socket, "model": NAME, **settings})
    return LocalResponder(config)


async def slot(http: httpx.AsyncClient) -> dict[str, Any]:
    (only,) = (await http.get("/slots")).json()
    return dict(only)


async def test_the_slot_is_free_soon_after_a_barge_in(
    model: LanguageModelServer, http: httpx.AsyncClient
) -> None:
    chat = responder(model, max_tokens=LONG_REPLY)
    told = []
    for number in range(3):
        prompt = [
            SYSTEM,
            Message("user", f"Count from {number} to five hundred, number by number."),
        ]
        async with aclosing(chat.reply(prompt)) as pieces:
            await anext(pieces)
            began = time.monotonic()
            for _ in range(5):
                await anext(pieces)
            token_s = (time.monotonic() - began) / 5
            assert (await slot(http))["is_processing"]
            began = time.monotonic()
        while (await slot(http))["is_processing"]:
            assert time.monotonic() - began < WAIT_LIMIT_S
        told.append((time.monotonic() - began, FREE_TOKENS * token_s))
    took, allowed = sorted(told)[len(told) // 2]
    assert took <= allowed, told
    await chat.aclose()


async def test_a_prompt_that_is_evaluated_is_given_up_too(
    model: LanguageModelServer, http: httpx.AsyncClient
) -> None:
    chat = responder(model)
    words = " ".join(f"word{number}" for number in range(300))
    asked = asyncio.create_task(anext(chat.reply([SYSTEM, Message("user", words)])))
    while not (state := await slot(http)).get("n_prompt_tokens_processed"):
        assert not asked.done(), asked
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    while (now := await slot(http))["is_processing"]:
        state = now
    # It was given up long before its end.
    assert state["n_prompt_tokens"] < 600, state
    await chat.aclose()


async def test_a_turn_evaluates_only_what_is_new(http: httpx.AsyncClient) -> None:
    await ask(http, [SYSTEM, Message("user", "Hello.")])  # as at the start
    messages, new = [SYSTEM], []
    for question in ("What is the capital of France?", "And of Spain?", "What is a cat?"):
        messages = (
            [*messages, Message("user", question)]
            if len(messages) > 2
            else [
                SYSTEM,
                Message("user", question),
            ]
        )
        answer = await ask(http, messages)
        new.append(answer["timings"]["prompt_n"])
        text = answer["choices"][0]["message"]["content"].strip()
        messages = [*messages, Message("assistant", text)]
    # The first turn too: a question and the marks of its template, never the conversation before.
    assert max(new) <= 30, new


async def ask(http: httpx.AsyncClient, messages: list[Message]) -> dict[str, Any]:
    body = {
        "messages": [{"role": message.role, "content": message.text} for message in messages],
        "max_tokens": 4,
    }
    answer = await http.post("/v1/chat/completions", json=body)
    answer.raise_for_status()
    return dict(answer.json())


@pytest.mark.long  # the option: tests/unit/serving/test_llama_process.py
async def test_prompts_of_many_conversations_stay_within_the_bound() -> None:
    bound_mib = 16
    async with serving_released(prompt_cache_mib=bound_mib, batch_tokens=256) as model:
        assert model.pid is not None
        process = psutil.Process(model.pid)
        transport = httpx.AsyncHTTPTransport(uds=str(model.socket))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://vdx", timeout=60
        ) as http:

            async def others(first: int, count: int) -> int:
                for number in range(first, first + count):
                    words = " ".join(f"{number}{word}" for word in "abcdefghijklmnopqrstuvwxyz")
                    await ask(http, [Message("user", words)])
                return process.memory_info().rss

            # A conversation of 100 tokens takes 2.3 MB: the bound is reached within the first ten.
            before = await others(0, 10)
            after = await others(10, 20)
    grown_mib = (after - before) / 2**20
    assert grown_mib < bound_mib, (before, after)


async def test_only_its_user_reaches_it(model: LanguageModelServer) -> None:
    folder = model.socket.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert model.pid is not None
    process = psutil.Process(model.pid)
    assert process.net_connections("inet") == []
    own = set(process.environ())
    assert not {name for name in own if "KEY" in name or "TOKEN" in name}
    assert model.options.model not in " ".join(process.cmdline()), "all users can read that"


async def test_one_that_is_killed_is_restarted_and_goes_on(model: LanguageModelServer) -> None:
    told: list[str] = []
    supervisor = Supervisor(NAME, model, told.append, is_live=model.is_live)
    watch = asyncio.create_task(supervisor.run())
    chat = responder(model, max_tokens=LONG_REPLY)
    prompt = [Message("user", STORY)]
    try:
        before = model.pid
        assert before is not None
        with pytest.raises(LanguageModelFailed) as failed:
            await killed_in_a_reply(chat, prompt, before)
        assert failed.value.retryable
        assert failed.value.service == "language_model"
        assert NAME in failed.value.message
        async with aclosing(chat.reply(prompt)) as pieces:  # it waits for the new process
            assert await anext(pieces)
        assert model.pid not in (None, before)
        assert told == [f"{NAME} ended with code -9; restarting it"]
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await chat.aclose()


async def killed_in_a_reply(chat: LocalResponder, prompt: list[Message], pid: int) -> None:
    async for _ in chat.reply(prompt):
        os.kill(pid, signal.SIGKILL)
