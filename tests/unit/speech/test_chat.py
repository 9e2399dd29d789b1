"""The chat responder against a real HTTP server on loopback that behaves in every bad way."""

import asyncio
import gc
import inspect
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

import httpx2
import openai
import pytest

from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.config import ChatConfig, ResponderConfig
from vdx.core.errors import ConfigError, ResponderError
from vdx.core.events import Message
from vdx.core.tools import NO_TOOLS
from vdx.speech.text.responder import make_responder
from vdx.speech.text.responder.chat import ChatResponder
from vdx.speech.text.responder.prompt import PromptReport, prompt_size

TALK = [Message("system", "Be brief."), Message("user", "Hi."), Message("assistant", "Yes?")]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

Behaviour = Callable[["Endpoint", asyncio.StreamWriter], Awaitable[None]]


class Endpoint:
    """Answers the n-th request with the n-th behaviour, the last one again and again."""

    def __init__(self, *behaviours: Behaviour, socket: str = "") -> None:
        self._behaviours = behaviours
        self._socket = socket
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.asked = asyncio.Event()
        self.gone = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        if self._socket:
            self._server = await asyncio.start_unix_server(self._serve, self._socket)
            self.url = f"unix:{self._socket}"
            return self
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            size = int(headers.get("content-length", 0))
            body = json.loads(await reader.readexactly(size) or b"{}")
            self.requests.append((headers, body))
            self.asked.set()
            turn = min(len(self.requests), len(self._behaviours)) - 1
            answer = asyncio.create_task(self._behaviours[turn](self, writer))
            # The client says nothing more: the next thing read is its end of the connection.
            hung_up = asyncio.create_task(reader.read())
            await asyncio.wait({answer, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if hung_up.done():
                self.gone.set()
            answer.cancel()
            hung_up.cancel()
        except asyncio.IncompleteReadError:  # it hung up before it had asked
            self.gone.set()
        finally:
            writer.close()


def event(content: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, **more}
    return sse(json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [choice]}))


def sse(data: str) -> bytes:
    return chunk(f"data: {data}\n\n".encode())


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def streams(*parts: bytes, then: str = "end") -> Behaviour:
    async def behave(_: Endpoint, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"".join(parts))
        await writer.drain()
        if then == "hang":
            await asyncio.Event().wait()
        elif then == "end":
            writer.write(sse("[DONE]") + b"0\r\n\r\n")
            await writer.drain()

    return behave


def refuses(status: int, message: str = "nope", kind: str = "") -> Behaviour:
    return refuses_with(status, {"error": {"message": message, "type": kind}})


def refuses_with(status: int, answer: object) -> Behaviour:
    async def behave(_: Endpoint, writer: asyncio.StreamWriter) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return behave


async def hangs(_: Endpoint, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hangs_up(_: Endpoint, writer: asyncio.StreamWriter) -> None:
    writer.close()


WELL = streams(event(""), event("Hello"), event(" there."), event(finish_reason="stop"))


def responder(url: str, **settings: Any) -> ChatResponder:
    return ChatResponder(ChatConfig(base_url=url, model="tiny", **settings))


async def replied(chat: ChatResponder, into: list[str] | None = None) -> list[str]:
    """The pieces of a reply, also put into `into`, where they outlive an error."""
    pieces = [] if into is None else into
    async for piece in chat.reply(TALK):
        pieces.append(piece)
    return pieces


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vdx.speech.text.responder.chat.BACKOFF_S", 0.001)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


async def test_streams_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret-7")
    async with Endpoint(WELL) as endpoint:
        config = ChatConfig(
            base_url=endpoint.url, model="tiny", api_key_env="MY_KEY", max_tokens=50, temperature=0
        )
        chat = make_responder(ResponderConfig(kind="chat", chat=config))
        assert [piece async for piece in chat.reply(TALK)] == ["Hello", " there."]
        await chat.aclose()
    headers, body = endpoint.requests[0]
    assert headers["authorization"] == "bearer secret-7"
    assert (body["model"], body["stream"]) == ("tiny", True)
    assert (body["max_tokens"], body["temperature"]) == (50, 0)
    assert body["messages"] == [{"role": m.role, "content": m.text} for m in TALK]


async def test_needs_no_key_and_sends_no_defaults() -> None:
    async with Endpoint(WELL) as endpoint:
        assert await replied(responder(endpoint.url)) == ["Hello", " there."]
    headers, body = endpoint.requests[0]
    assert headers["authorization"] == "bearer none"
    assert not {"max_tokens", "temperature"} & set(body)


@pytest.mark.parametrize(
    "bad", [refuses(500), refuses(503), refuses(429), hangs_up, streams(event(None))]
)
async def test_retries_before_the_first_word(bad: Behaviour) -> None:
    async with Endpoint(bad, bad, WELL) as endpoint:
        assert await replied(responder(endpoint.url, retries=2)) == ["Hello", " there."]
    assert len(endpoint.requests) == 3


async def test_gives_up_after_the_retries() -> None:
    async with Endpoint(refuses(503, "overloaded")) as endpoint:
        with pytest.raises(ResponderError, match=r"503.*overloaded") as caught:
            await replied(responder(endpoint.url, retries=1))
    assert caught.value.retryable
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("status", "hint"), [(400, "400"), (401, "OPENAI_API_KEY"), (404, "404"), (422, "422")]
)
async def test_does_not_retry_what_cannot_help(status: int, hint: str) -> None:
    async with Endpoint(refuses(status)) as endpoint:
        with pytest.raises(ResponderError, match=hint) as caught:
            await replied(responder(endpoint.url, retries=5))
    assert not caught.value.retryable
    assert len(endpoint.requests) == 1


async def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://user:hidden@127.0.0.1:{probe.getsockname()[1]}/v1"
        with pytest.raises(ResponderError, match="connection failed") as caught:
            await replied(responder(url, retries=1))
    assert caught.value.retryable
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("hang", [hangs, streams(event(""), then="hang")])
async def test_first_word_has_a_time_limit(hang: Behaviour) -> None:
    async with Endpoint(hang) as endpoint:
        with pytest.raises(ResponderError, match="no first word within 100 ms") as caught:
            await replied(responder(endpoint.url, first_token_timeout_ms=100))
        assert caught.value.retryable
        await asyncio.wait_for(endpoint.gone.wait(), WAIT_LIMIT_S)
    assert len(endpoint.requests) <= 1  # none where connecting took all of the time


async def test_later_words_have_a_time_limit() -> None:
    async with Endpoint(streams(event("Well"), then="hang")) as endpoint:
        got: list[str] = []
        with pytest.raises(ResponderError, match="no further word within 100 ms"):
            await replied(responder(endpoint.url, next_token_timeout_ms=100), got)
        await asyncio.wait_for(endpoint.gone.wait(), WAIT_LIMIT_S)
    assert got == ["Well"]


@pytest.mark.parametrize(
    ("broken", "retryable"),
    [
        (streams(event("Well"), then="hang up"), True),
        (streams(event("Well"), sse("{not json"), then="hang up"), False),
        (streams(event("Well"), sse('{"error": {"message": "lost"}}'), then="hang up"), False),
    ],
)
async def test_breaking_off_in_mid_stream_is_not_retried(
    broken: Behaviour, retryable: bool
) -> None:
    async with Endpoint(broken) as endpoint:
        got: list[str] = []
        with pytest.raises(ResponderError) as caught:
            await replied(responder(endpoint.url), got)
    assert got == ["Well"]
    assert caught.value.retryable is retryable
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("garbage", ["[]", "7", '{"choices": 5}', '{"choices": [{"delta": null}]}'])
async def test_chunks_of_another_shape_are_passed_over(garbage: str) -> None:
    async with Endpoint(streams(sse(garbage), event("Fine."))) as endpoint:
        assert await replied(responder(endpoint.url)) == ["Fine."]


@pytest.mark.parametrize(
    "more", [b"", sse("{not json"), sse('{"error": "lost"}')], ids=["waits", "garbage", "error"]
)
async def test_closing_the_reply_hangs_up(more: bytes) -> None:
    async with Endpoint(streams(event("Well"), more, then="hang")) as endpoint:
        async with aclosing(responder(endpoint.url).reply(TALK)) as pieces:
            assert await anext(pieces) == "Well"
        await asyncio.wait_for(endpoint.gone.wait(), WAIT_LIMIT_S)
        assert endpoint.gone.is_set()


def unfinished_generators() -> set[str]:
    """Async generators of the HTTP client that wait in the middle of a stream."""
    return {
        each.__qualname__
        for each in gc.get_objects()
        if inspect.isasyncgen(each)
        and each.ag_frame is not None
        and ("httpx" in each.ag_code.co_filename or "httpcore" in each.ag_code.co_filename)
    }


@pytest.mark.parametrize("more", [b"", event(" then.") + event(" Go on.")], ids=["waits", "came"])
async def test_closing_the_reply_leaves_no_generator_to_be_collected(more: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        async with Endpoint(streams(event("Well"), more, then="hang")) as endpoint:
            before = unfinished_generators()
            async with aclosing(responder(endpoint.url).reply(TALK)) as pieces:
                assert await anext(pieces) == "Well"
                assert unfinished_generators() - before
            assert unfinished_generators() == before
    finally:
        gc.enable()


@pytest.mark.parametrize("hang", [hangs, streams(event("Well"), then="hang")])
async def test_cancelling_the_task_hangs_up(hang: Behaviour) -> None:
    async with Endpoint(hang) as endpoint:
        task = asyncio.create_task(replied(responder(endpoint.url)))
        await asyncio.wait_for(endpoint.asked.wait(), WAIT_LIMIT_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(endpoint.gone.wait(), WAIT_LIMIT_S)
        assert endpoint.gone.is_set()


async def test_a_reply_may_be_cancelled_while_its_words_come(tmp_path: Path) -> None:
    """A read that is cancelled in the very moment in which there is something to read."""
    loop, faults = asyncio.get_running_loop(), list[dict[str, Any]]()
    loop.set_exception_handler(lambda _, fault: faults.append(fault))
    more: asyncio.Future[asyncio.StreamWriter] = loop.create_future()

    async def behave(_: Endpoint, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + event("Hello. "))
        more.set_result(writer)
        await asyncio.Event().wait()

    async with Endpoint(behave, socket=str(tmp_path / "s")) as endpoint:
        chat, heard = responder(endpoint.url), asyncio.Event()

        async def reply() -> None:
            async for _ in chat.reply(TALK):
                heard.set()

        task = asyncio.create_task(reply())
        await asyncio.wait_for(heard.wait(), WAIT_LIMIT_S)
        (await more).write(event("There."))
        loop.call_soon(task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(endpoint.gone.wait(), WAIT_LIMIT_S)
        await chat.aclose()
    assert not faults


async def test_replies_run_side_by_side() -> None:
    async with Endpoint(WELL) as endpoint:
        chat = responder(endpoint.url)
        replies = await asyncio.gather(*(replied(chat) for _ in range(20)))
    assert replies == [["Hello", " there."]] * 20


@pytest.mark.parametrize("kind", ["http", "unix"])
async def test_no_more_connections_are_opened_than_the_client_usually_has(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai, "DEFAULT_CONNECTION_LIMITS", httpx2.Limits(max_connections=1))
    async with Endpoint(hangs, socket=str(tmp_path / "s") if kind == "unix" else "") as endpoint:
        chat = responder(endpoint.url, connect_timeout_ms=100, retries=0)
        first = asyncio.create_task(replied(chat))
        await asyncio.wait_for(endpoint.asked.wait(), WAIT_LIMIT_S)
        with pytest.raises(ResponderError, match="no connection in time"):
            await replied(chat)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await chat.aclose()
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("url", ["", "localhost:11434", "ftp://x", "unix:~nobody-has-this/s"])
def test_refuses_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError, match=r"responder\.chat\.base_url"):
        responder(url)


def usage(tokens: int) -> bytes:
    return sse(json.dumps({"id": "x", "choices": [], "usage": {"prompt_tokens": tokens}}))


async def test_the_tokens_of_a_prompt_are_asked_for_where_its_size_matters() -> None:
    counting = streams(event("Hello"), event(finish_reason="stop"), usage(17))
    async with Endpoint(counting) as endpoint:
        chat = responder(endpoint.url, context_tokens=1000)
        async with aclosing(chat.reply_with_tools(TALK, NO_TOOLS)) as pieces:
            found = [piece async for piece in pieces]
        plain = responder(endpoint.url)
        assert await replied(plain) == ["Hello"]
    assert found == ["Hello", PromptReport(prompt_size(TALK), 17)]
    options = [body.get("stream_options") for _, body in endpoint.requests]
    assert options == [{"include_usage": True}, None]


async def test_an_endpoint_that_counts_no_tokens_is_asked_without() -> None:
    refusal = refuses(400, "Unrecognized request argument supplied: stream_options")
    async with Endpoint(refusal, WELL) as endpoint:
        chat = responder(endpoint.url, context_tokens=1000)
        assert await replied(chat) == ["Hello", " there."]
        assert await replied(chat) == ["Hello", " there."]
    options = [body.get("stream_options") for _, body in endpoint.requests]
    assert options == [{"include_usage": True}, None, None]
