"""The messages sent to a chat endpoint, cut to a size so that their beginning rarely changes.

Servers keep what they computed for a prompt and go on after the part that is the same. So the
oldest messages are not left out one by one, which would change the beginning with every turn, but
half of the allowed size at a time.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vdx.core.events import Message
from vdx.core.json_input import utf8_size
from vdx.core.tools import ToolOffer

SMALLEST_LIMIT: Final = 256
"""Bytes of a prompt; below it a limit that was refused is lowered by a quarter at a time."""

_NOT_FIRST: Final = ("assistant", "tool")


@dataclass(frozen=True, slots=True)
class PromptReport:
    """What became of a prompt: `size` bytes of messages were sent.

    `tokens` is the endpoint's own count of them and of the tools, None where it gives none;
    `refused`: a longer one was too long for the model.
    """

    size: int
    tokens: int | None = None
    refused: bool = False


def cut_prompt(messages: Sequence[Message], most_bytes: int | None) -> Sequence[Message]:
    """`messages` without the oldest ones after the instructions, where they exceed `most_bytes`.

    The size is that of the texts in UTF-8. The newest message stays whatever its size.
    """
    if most_bytes is None or prompt_size(messages) <= most_bytes:
        return messages
    head, rest = head_and_rest(messages)
    room = max(0, most_bytes - prompt_size(head))
    step = max(1, room // 2)
    excess = prompt_size(rest) - room
    # At least a byte: the instructions alone may be too long, and messages may be empty.
    wanted = max(1, -(-excess // step) * step)
    dropped = start = 0
    last = _last_turn(rest)
    # Never first: chat templates want the user's message there, and a result follows its call.
    while start < last and (dropped < wanted or rest[start].role in _NOT_FIRST):
        dropped += _size(rest[start])
        start += 1
    return [*head, *rest[start:]]


def head_and_rest(messages: Sequence[Message]) -> tuple[Sequence[Message], Sequence[Message]]:
    """The instructions in front, and what was said."""
    count = 0
    while count < len(messages) - 1 and messages[count].role == "system":
        count += 1
    return messages[:count], messages[count:]


def may_be_first(message: Message) -> bool:
    """Whether a prompt may begin with it, behind the instructions."""
    return message.role not in _NOT_FIRST


def _last_turn(rest: Sequence[Message]) -> int:
    """Where the newest message begins; results of calls begin with the words they answer."""
    last = len(rest) - 1
    if rest and rest[last].role == "tool":
        while last > 0 and rest[last].role != "user":
            last -= 1
    return last


def tools_size(offer: ToolOffer) -> int:
    """Bytes of the tools of a request, about."""
    return sum(
        utf8_size(tool.name + tool.description) + utf8_size(json.dumps(dict(tool.parameters)))
        for tool in offer.tools
    )


def prompt_size(messages: Sequence[Message]) -> int:
    """Bytes of all texts and arguments of calls in UTF-8."""
    return sum(_size(message) for message in messages)


def _size(message: Message) -> int:
    return utf8_size(message.text) + sum(utf8_size(call.arguments) for call in message.calls)


def lower_limit(refused_bytes: int) -> int:
    """The limit to try after a prompt of `refused_bytes`: the next of a fixed series, in bytes.

    Fixed, so that each turn of a conversation ends at the same one and keeps its beginning.
    """
    limit = SMALLEST_LIMIT
    if refused_bytes <= limit:
        return refused_bytes * 3 // 4
    while (higher := limit * 4 // 3) < refused_bytes:
        limit = higher
    return limit
