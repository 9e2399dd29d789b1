"""Puts the streamed pieces of an answer's tool calls together; pure state."""

from collections.abc import Callable
from dataclasses import dataclass

from vdx.core.tools import CallPiece, ToolCall


@dataclass(slots=True)
class OpenCall:
    """A call whose arguments are still being streamed; `begun`: the client was told of it."""

    call_id: str
    name: str
    given_id: str
    arguments: str = ""
    begun: bool = False

    @property
    def complete(self) -> ToolCall:
        """The call with what has come of its arguments; none at all are an empty object."""
        return ToolCall(self.call_id, self.name, self.arguments.strip() or "{}")


class CallAssembly:
    """The calls of one answer, in the order they began.

    Servers differ: some give every call the index 0, some give calls no id or all the same one, and
    some number them anew in each answer, so `unused_id` makes an id of the given one that no call
    of an earlier answer has.
    """

    def __init__(self, unused_id: Callable[[str], str]) -> None:
        self._unused_id = unused_id
        self.calls: list[OpenCall] = []
        self._by_index: dict[int, OpenCall] = {}

    def take(self, piece: CallPiece) -> OpenCall | None:
        """The call that a piece belongs to; None for a piece of a call without a name."""
        call = self._by_index.get(piece.index)
        other = call is not None and piece.call_id not in ("", call.given_id)
        if call is None or other:
            if not piece.name:
                return None
            taken = any(each.call_id == piece.call_id for each in self.calls)
            call_id = self._unused_id("" if taken else piece.call_id)
            call = OpenCall(call_id, piece.name, piece.call_id)
            self._by_index[piece.index] = call
            self.calls.append(call)
        call.arguments += piece.arguments
        return call
