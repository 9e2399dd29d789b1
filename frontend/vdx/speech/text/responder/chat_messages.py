"""Messages, tools and answers in the shapes of a chat endpoint; no I/O and no state."""

import json

from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageParam,
    ChatCompletionToolChoiceOptionParam,
)
from openai.types.shared_params import FunctionDefinition

from vdx.core.errors import InvalidInput
from vdx.core.events import Message
from vdx.core.json_input import parse_json
from vdx.core.tools import CallPiece, ToolCall, ToolOffer, ToolSpec


def pieces_of(chunk: object) -> list[str | CallPiece]:
    """The text and calls in a chunk; none in one of another shape: servers differ widely."""
    choices = getattr(chunk, "choices", None)
    if not isinstance(choices, list) or not choices:
        return []
    delta = getattr(choices[0], "delta", None)
    pieces: list[str | CallPiece] = []
    text = getattr(delta, "content", None)
    if isinstance(text, str) and text:
        pieces.append(text)
    calls = getattr(delta, "tool_calls", None)
    for place, call in enumerate(calls if isinstance(calls, list) else ()):
        index = getattr(call, "index", None)
        function = getattr(call, "function", None)
        pieces.append(
            CallPiece(
                index if isinstance(index, int) else place,
                _text(function, "arguments"),
                _text(call, "id"),
                _text(function, "name"),
            )
        )
    return pieces


def prompt_tokens_of(chunk: object) -> int | None:
    """The tokens of the prompt, where a chunk has the usage figures."""
    tokens = getattr(getattr(chunk, "usage", None), "prompt_tokens", None)
    return tokens if isinstance(tokens, int) and tokens > 0 else None


def _text(holder: object, name: str) -> str:
    value = getattr(holder, name, None)
    return value if isinstance(value, str) else ""


def tool_param(tool: ToolSpec) -> ChatCompletionFunctionToolParam:
    """A tool as a request names it."""
    function: FunctionDefinition = {"name": tool.name, "parameters": dict(tool.parameters)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def choice_param(offer: ToolOffer) -> ChatCompletionToolChoiceOptionParam:
    """Which tool has to be called, as a request says it."""
    if offer.named:
        return {"type": "function", "function": {"name": offer.named}}
    return offer.choice


def message_param(message: Message) -> ChatCompletionMessageParam:
    """A message as a request holds it."""
    match message.role:
        case "system":
            return {"role": "system", "content": message.text}
        case "user":
            return {"role": "user", "content": message.text}
        case "tool":
            return {"role": "tool", "content": message.text, "tool_call_id": message.answers}
        case "assistant":
            return _assistant_param(message)


def _assistant_param(message: Message) -> ChatCompletionAssistantMessageParam:
    if not message.calls:
        return {"role": "assistant", "content": message.text}
    return {
        "role": "assistant",
        "content": message.text or None,
        "tool_calls": [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call)},
            }
            for call in message.calls
        ],
    }


def _arguments(call: ToolCall) -> str:
    """What a model wrote as arguments, which endpoints take back as a JSON object alone."""
    try:
        readable = isinstance(parse_json(call.arguments, "the arguments"), dict)
    except InvalidInput:
        readable = False
    return call.arguments if readable else json.dumps({"unreadable": call.arguments})
