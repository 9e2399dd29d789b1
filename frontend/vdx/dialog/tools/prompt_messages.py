"""The order of messages that chat endpoints want: one speaker once, results right after calls."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from vdx.core.events import Message
from vdx.core.tools import AnsweredCall


def called(calls: Sequence[AnsweredCall]) -> list[Message]:
    """The calls of one answer and then their results; nothing where there are none."""
    if not calls:
        return []
    asked = Message("assistant", "", tuple(each.call for each in calls))
    return [asked, *(Message("tool", each.output, (), each.call.call_id) for each in calls)]


def joined(messages: Iterable[Message]) -> list[Message]:
    """Consecutive messages of one speaker as one, and an answer's calls with the words before.

    Messages without words or calls are left out, but not a result, which may be empty.
    """
    made: list[Message] = []
    for message in messages:
        if message.role != "tool" and not (message.text or message.calls):
            continue
        last = made[-1] if made else None
        if last is None or last.role != message.role or last.role == "tool" or last.calls:
            made.append(message)
            continue
        text = " ".join(each.text for each in (last, message) if each.text)
        made[-1] = replace(last, text=text, calls=message.calls)
    return made


def without_calls(messages: Iterable[Message], call_ids: Iterable[str]) -> list[Message]:
    """The messages without these calls and what was said of their results."""
    ids = set(call_ids)
    return [
        replace(each, calls=tuple(call for call in each.calls if call.call_id not in ids))
        for each in messages
        if each.answers not in ids
    ]
