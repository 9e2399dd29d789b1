"""A chat endpoint that calls the first tool that it is offered, for the tests of tools."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from tests.server.chat_endpoint import ChatEndpoint, answering

ARGUMENTS = {
    "weather": {"city": "Oslo"},
    "add": {"a": 2, "b": 3},
    "end_call": {"farewell": "Goodbye."},
    "current_time": {"timezone": "UTC"},
}
SPOKEN = 100
"""Characters of a result that are said."""
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@contextlib.contextmanager
def tool_endpoint() -> Iterator[dict[str, Any]]:
    """Runs it; the configuration of `responder.chat` that asks it."""
    with answering(_Endpoint) as endpoint:
        yield {"base_url": f"{endpoint}/v1"}


class _Endpoint(ChatEndpoint):
    """Calls the first tool that it is offered, and then says what the result is."""

    def answer(self, asked: dict[str, Any]) -> None:
        last = asked["messages"][-1]
        self.begin()
        if last["role"] == "tool":
            self.tell({"content": f"The answer is {last['content'][:SPOKEN]}."})
        elif tools := asked.get("tools"):
            self._call(tools[0]["function"]["name"])
        else:
            self.tell({"content": "There is no tool."})
        self.done()

    def _call(self, name: str) -> None:
        text = json.dumps(ARGUMENTS.get(name, {}))
        head = {"index": 0, "id": "call_1", "type": "function"}
        self.tell({"tool_calls": [head | {"function": {"name": name, "arguments": ""}}]})
        for piece in (text[:5], text[5:]):
            self.tell({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
