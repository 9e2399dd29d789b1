"""A chat endpoint for benches: it answers at once, or calls a tool, as its model's name says."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from vdx.bench.small_server import small_server

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
    async with small_server(_answer) as url:
        yield f"{url}/v1"


def _answer(body: bytes) -> bytes:
    asked = json.loads(body)
    model, last = asked["model"], asked["messages"][-1]
    deltas: list[dict[str, Any]] = [{"content": ANSWER}]
    if last["role"] != "tool" and asked.get("tools") and model != PLAIN:
        long = model == KEEPS_CALLING
        deltas = [_call(LONG_MS if long else TOOL_MS)]
        if long:
            deltas.insert(0, {"content": PREAMBLE})
    events = [f"data: {json.dumps(_chunk(delta))}\n\n" for delta in deltas]
    return "".join([*events, "data: [DONE]\n\n"]).encode()


def _call(ms: int) -> dict[str, Any]:
    function = {"name": "lookup", "arguments": json.dumps({"ms": ms})}
    return {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}


def _chunk(delta: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return {"id": "1", "object": "chat.completion.chunk", "created": 0, "choices": [choice]}
