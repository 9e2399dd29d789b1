"""A language model on this machine, and what is the same for every chat endpoint, scripted."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.speech.test_chat import (
    TALK,
    WELL,
    Behaviour,
    Endpoint,
    event,
    hangs,
    hangs_up,
    refuses,
    refuses_with,
    streams,
)
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.config import ChatConfig, LocalConfig, ResponderConfig
from vdx.core.errors import ConfigError, ContextExceeded, LanguageModelFailed, ResponderError
from vdx.core.events import Message
from vdx.speech.text.responder import Responder, make_responder
from vdx.speech.text.responder.chat import ChatResponder

TOO_LONG = "the request exceeds the available context size"


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vdx.speech.text.responder.chat.BACKOFF_S", 0.001)
    monkeypatch.setenv("OPENAI_API_KEY", "the key of somebody else")


@pytest.fixture
def socket(tmp_path: Path) -> str:
    return str(tmp_path / "m.sock")


def local(socket: str, **settings: Any) -> Responder:
    config = LocalConfig.model_validate({"socket": socket, **settings})
    return make_responder(ResponderConfig(kind="local", local=config))


async def said(responder: Responder, messages: list[Message] | None = None) -> str:
    return "".join([piece async for piece in responder.reply(messages or TALK)])


async def test_it_answers_on_its_socket_with_a_length_cap_and_without_a_key(socket: str) -> None:
    async with Endpoint(WELL, socket=socket) as endpoint:
        responder = local(socket, max_tokens=7, path="/models/other.gguf")
        assert await said(responder) == "Hello there."
        await responder.aclose()
    headers, body = endpoint.requests[0]
    assert (body["max_tokens"], body["model"]) == (7, "other")
    assert headers["authorization"] == "bearer none"


async def test_a_proxy_of_the_environment_is_not_asked(
    socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with Endpoint(WELL, socket=socket):
        assert await said(local(socket)) == "Hello there."


async def test_a_process_that_dies_in_a_reply_is_named_and_can_be_asked_again(socket: str) -> None:
    async with Endpoint(streams(event("Well"), then="break"), socket=socket):
        with pytest.raises(LanguageModelFailed) as told:
            await said(local(socket, model="tiny"))
    assert told.value.retryable
    assert told.value.fields["service"] == "language_model"
    assert "tiny: the connection failed" in str(told.value)
    assert socket not in str(told.value)


async def test_a_reply_waits_while_the_process_is_restarted(socket: str) -> None:
    asked = asyncio.create_task(said(local(socket)))
    await asyncio.sleep(0.05)  # nobody listens
    assert not asked.done()
    loading = refuses(503, "Loading model")
    async with Endpoint(hangs_up, loading, WELL, socket=socket), asyncio.timeout(WAIT_LIMIT_S):
        assert await asked == "Hello there."


@pytest.mark.parametrize(
    ("answer", "setting", "words"),
    [
        (hangs, "first_token_timeout_ms", "no first word within 100 ms"),
        (
            streams(event("Well"), then="hang"),
            "next_token_timeout_ms",
            "no further word within 100",
        ),
    ],
)
async def test_how_long_a_slow_model_may_take_can_be_set(
    socket: str, answer: Behaviour, setting: str, words: str
) -> None:
    async with Endpoint(answer, socket=socket):
        with pytest.raises(LanguageModelFailed, match=words):
            await said(local(socket, **{setting: 100}))


async def test_a_model_that_says_nothing_is_not_asked_again(socket: str) -> None:
    async with Endpoint(streams(event(None)), WELL, socket=socket) as endpoint:
        with pytest.raises(LanguageModelFailed, match="answered without a word") as told:
            await said(local(socket))
    assert not told.value.retryable
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("settings", "tokens"),
    [
        ({"model": "SmolLM2-135M-Instruct"}, 64),
        ({"model": "qwen"}, 256),
        ({"path": "/models/qwen.gguf"}, 256),
        ({"path": "/models/qwen.gguf", "max_tokens": 30}, 30),
        ({}, 256),
    ],
)
async def test_only_the_starter_is_held_to_a_very_short_answer(
    socket: str, settings: dict[str, Any], tokens: int
) -> None:
    async with Endpoint(WELL, socket=socket) as endpoint:
        await said(local(socket, **settings))
    assert endpoint.requests[0][1]["max_tokens"] == tokens


async def test_a_socket_in_the_home_folder_of_nobody_is_told() -> None:
    with pytest.raises(ConfigError, match=r"responder\.local\.socket: ~nobody-has-this/s: "):
        local("~nobody-has-this/s")


async def test_what_was_not_started_is_refused() -> None:
    with pytest.raises(ConfigError, match="no language model has been started"):
        make_responder(ResponderConfig(kind="local"))


def conversation(turns: int) -> list[Message]:
    told = [Message(("user", "assistant")[n % 2], f"{n} " + "x" * 50) for n in range(turns)]
    return [Message("system", "Be brief."), *told]


@pytest.mark.parametrize("kind", ["exceed_context_size_error", "context_length_exceeded"])
async def test_a_prompt_that_is_too_long_is_shortened(kind: str) -> None:
    too_long = refuses(400, TOO_LONG, kind)
    messages = conversation(9)
    async with Endpoint(too_long, too_long, WELL) as endpoint:
        chat = ChatResponder(ChatConfig(base_url=endpoint.url, model="tiny"))
        assert await said(chat, messages) == "Hello there."
    sizes = [len(body["messages"]) for _, body in endpoint.requests]
    assert sizes[0] == 10 > sizes[1] > sizes[2]
    sent = endpoint.requests[-1][1]["messages"]
    assert (sent[0]["role"], sent[1]["role"]) == ("system", "user")
    assert sent[-1]["content"] == messages[-1].text


async def test_one_conversation_that_is_too_long_shortens_no_other() -> None:
    too_long = refuses(400, TOO_LONG, "exceed_context_size_error")
    async with Endpoint(too_long, too_long, WELL) as endpoint:
        chat = ChatResponder(ChatConfig(base_url=endpoint.url, model="tiny"))
        await said(chat, conversation(9))
        await said(chat, conversation(9))
    assert len(endpoint.requests[-1][1]["messages"]) == 10


async def test_the_turns_of_a_long_conversation_mostly_keep_the_beginning_of_the_prompt() -> None:
    taken: list[str] = []

    async def has_room_for_1000_bytes(endpoint: Endpoint, writer: asyncio.StreamWriter) -> None:
        messages = endpoint.requests[-1][1]["messages"]
        fits = sum(len(each["content"]) for each in messages) <= 1000
        if fits:
            taken.append(messages[1]["content"])
        behave = WELL if fits else refuses(400, TOO_LONG, "exceed_context_size_error")
        await behave(endpoint, writer)

    async with Endpoint(has_room_for_1000_bytes) as endpoint:
        chat = ChatResponder(ChatConfig(base_url=endpoint.url, model="tiny"))
        for turns in range(21, 61, 2):
            assert await said(chat, conversation(turns)) == "Hello there."
    assert len(taken) == 20
    assert len(set(taken)) <= len(taken) // 2, taken


VLLM = (
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the "
    "messages, Please reduce the length of the messages."
)
VLLM_ERROR = {"message": VLLM, "type": "BadRequestError", "param": None, "code": 400}
LLAMA_CPP_ERROR = {
    "code": 400,
    "message": "the request exceeds the available context size, try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 5000,
    "n_ctx": 4096,
}
OPENAI_ERROR = {
    "message": "This model's maximum context length is 8192 tokens. However, your messages "
    "resulted in 8227 tokens. Please reduce the length of the messages.",
    "type": "invalid_request_error",
    "param": "messages",
    "code": "context_length_exceeded",
}


@pytest.mark.parametrize(
    "body",
    [
        {"object": "error", **VLLM_ERROR},
        {"error": VLLM_ERROR},
        {"error": LLAMA_CPP_ERROR},
        {"error": OPENAI_ERROR},
    ],
    ids=["vLLM, flat", "vLLM, nested", "llama.cpp", "OpenAI"],
)
async def test_every_server_that_says_the_prompt_is_too_long_is_understood(body: object) -> None:
    async with Endpoint(refuses_with(400, body)) as endpoint:
        chat = ChatResponder(ChatConfig(base_url=endpoint.url, model="tiny"))
        with pytest.raises(ContextExceeded, match="too long for the model"):
            await said(chat)


async def test_another_refusal_is_not_taken_for_a_prompt_that_is_too_long() -> None:
    body = {"error": {"message": "temperature must be positive", "type": "BadRequestError"}}
    async with Endpoint(refuses_with(400, body)) as endpoint:
        chat = ChatResponder(ChatConfig(base_url=endpoint.url, model="tiny"))
        with pytest.raises(ResponderError) as told:
            await said(chat)
    assert not isinstance(told.value, ContextExceeded)


async def test_a_single_message_that_is_too_long_is_told(socket: str) -> None:
    async with Endpoint(refuses(400, TOO_LONG, "exceed_context_size_error"), socket=socket):
        with pytest.raises(ContextExceeded, match="too long for the model") as told:
            await said(local(socket))
    assert not told.value.retryable
    assert TOO_LONG not in told.value.for_log


async def test_the_end_of_a_reply_ends_the_connection(socket: str) -> None:
    async with Endpoint(streams(event("Well"), then="hang"), socket=socket) as endpoint:
        async with aclosing(local(socket).reply(TALK)) as pieces:
            assert await anext(pieces) == "Well"
        async with asyncio.timeout(WAIT_LIMIT_S):
            await endpoint.gone.wait()
