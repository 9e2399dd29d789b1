"""A chat endpoint for benches: it answers at once, and calls a tool where its model's name says so.

HTTP by hand, because a web framework would take longer to answer than what is measured.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

PLAIN: Final = "plain"
CALLS: Final = "calls"
KEEPS_CALLING: Final = "keeps-calling"
"""Models: one that says ANSWER, one that calls `lookup` first, one whose call takes LONG_MS."""
TOOL_MS: Final = 50
LONG_MS: Final = 60_000
ANSWER: Final = "The answer to that question is forty-two, and it has always been forty-two. "
PREAMBLE: Final = (
    "Let me look that up for you in the big book of answers, which is a long book with many pages. "
    "I begin with the first page and read one line after the other, until I find what you want. "
    "Please stay with me for a while, because there are a lot of pages in this book of mine. "
)
"""Said before a call that takes long: what a person interrupts."""


@asynccontextmanager
async def scripted_endpoint() -> AsyncIterator[str]:
    """Serves while entered; yields the `base_url`."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().casefold()
            size = int(head.split("content-length:")[1].split("\r\n")[0])
            asked = json.loads(await reader.readexactly(size))
            writer.write(_answer(asked))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has closed the connection
    finally:
        writer.close()


def _answer(asked: dict[str, Any]) -> bytes:
    model, last = asked["model"], asked["messages"][-1]
    deltas: list[dict[str, Any]] = [{"content": ANSWER}]
    if last["role"] != "tool" and asked.get("tools") and model != PLAIN:
        long = model == KEEPS_CALLING
        deltas = [_call(LONG_MS if long else TOOL_MS)]
        if long:
            deltas.insert(0, {"content": PREAMBLE})
    events = [f"data: {json.dumps(_chunk(delta))}\n\n" for delta in deltas]
    body = "".join([*events, "data: [DONE]\n\n"]).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _call(ms: int) -> dict[str, Any]:
    function = {"name": "lookup", "arguments": json.dumps({"ms": ms})}
    return {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}


def _chunk(delta: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {"id": "1", "object": "chat.completion.chunk", "created": 0, "choices": [choice]}
