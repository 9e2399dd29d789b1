"""The tool calls of one session: into the history, and told to its transport."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from vdx.core.errors import InvalidInput
from vdx.core.json_input import shown
from vdx.core.tools import AnsweredCall, CallStatus, ToolCall, ToolOffer
from vdx.dialog.history import History, Item
from vdx.dialog.ids import ReplyIds
from vdx.dialog.session_events import (
    CallArguments,
    CallBegun,
    CallComplete,
    SessionEvent,
    ToolAnswered,
    ToolStarted,
)
from vdx.dialog.tools.mcp_calls import McpCalls
from vdx.dialog.tools.toolbox import Tool, Toolbox, ToolOutcome

CANCELLED = "Cancelled: the person interrupted."
MAX_OPEN = 256
"""Calls of a client that wait for its answer; the oldest is forgotten beyond."""


@dataclass(slots=True)
class _Streamed:
    """A client's call whose arguments are being streamed."""

    reply: ReplyIds
    item: Item
    call: ToolCall


@dataclass(slots=True)
class _Running:
    """A call that the server performs, or that a client was given at `since`, in seconds.

    One of an MCP server that the client named is an `item` of its own.
    """

    reply: ReplyIds
    call: ToolCall
    since: float
    answer: int = 0
    item: Item | None = None


class ToolCalls:
    """A client's call is an item of the conversation, a server's is part of its reply's item."""

    def __init__(
        self,
        history: History,
        toolbox: Callable[[ToolOffer], Toolbox],
        emit: Callable[[SessionEvent], None],
        clock: Callable[[], float],
    ) -> None:
        self.history = history
        self.mcp = McpCalls(history, emit)
        self.toolbox = toolbox
        """The tools of a reply: the client's own in an offer, and the server's."""
        self._emit = emit
        self._clock = clock
        self._streamed: dict[str, _Streamed] = {}
        self._running: dict[str, _Running] = {}
        self._given: dict[str, _Running] = {}
        self._gave: ReplyIds | None = None  # the last reply with calls of the client's tools
        self._over = 0  # the number of the last reply that is over

    def unused_id(self, given: str) -> str:
        """`given`, or another id where it is empty or a call of the conversation has it."""
        return f"call_{secrets.token_hex(8)}" if not given or self._knows(given) else given

    def _knows(self, call_id: str) -> bool:
        if call_id in self._streamed or call_id in self._running:
            return True
        return any(call.call_id == call_id for item in self.history for call in item.made)

    # --- calls of the client's tools --------------------------------------------------------

    def begin(self, reply: ReplyIds, call_id: str, name: str) -> None:
        """A call of the client's tool began; its arguments follow.

        One of a reply that is over is none: the task of a cancelled one may run a step longer.
        """
        if self._is_over(reply):
            return
        item_id = reply.session.call_item(call_id)
        call = ToolCall(call_id, name, "")
        item = Item(item_id, "assistant", status="in_progress", call=call)
        self.history.put(item)
        self._gave = reply
        self._streamed[call_id] = _Streamed(reply, item, call)
        self._emit(CallBegun(reply, item_id, call))

    def stream(self, call_id: str, arguments: str) -> None:
        """More of its arguments."""
        if arguments and (call := self._streamed.get(call_id)) is not None:
            self._emit(CallArguments(call.reply, call.item.id, call_id, arguments))

    def give(self, call: ToolCall) -> None:
        """The call is complete: the client has it to answer."""
        streamed = self._streamed.pop(call.call_id, None)
        if streamed is None:
            return
        streamed.item.call, streamed.item.status = call, "completed"
        while len(self._given) >= MAX_OPEN:
            del self._given[next(iter(self._given))]
        self._given[call.call_id] = _Running(streamed.reply, call, self._clock())
        self._emit(CallComplete(streamed.reply, streamed.item.id, call, complete=True))
        self._emit(ToolStarted(streamed.reply, call, "client"))

    def made_in(self, reply: ReplyIds | None) -> bool:
        """Whether a reply has called the client's tools."""
        return reply is not None and reply == self._gave

    @property
    def awaited(self) -> bool:
        """Whether a call of the last reply waits for the client's answer, or its approval."""
        given = any(each.reply.number == self._over for each in self._given.values())
        return given or self.mcp.awaited(self._over)

    def restore(self, item: Item, after: str | None = None) -> str | None:
        """Takes a call of an earlier conversation into the history; returns its predecessor.

        Raises:
            InvalidInput: a call of this one has its id.
        """
        if item.call is not None and self._knows(item.call.call_id):
            raise InvalidInput(
                f"there is a call {shown(item.call.call_id)} already", param="item.call_id"
            )
        return self.history.add(item, after)

    def answer(self, item: Item, after: str | None = None) -> str | None:
        """Takes the client's result of a call into the history; returns its predecessor.

        Raises:
            InvalidInput: no call of the conversation has that id, it was answered before, or it
                was cut off: the responder is not told of it.
        """
        made = (each for each in self.history if each.call and each.mcp is None)
        calls = {each.call.call_id: each.status for each in made if each.call}
        if item.answers not in calls:
            raise InvalidInput(
                f"there is no call {shown(item.answers)} in the conversation", param="item.call_id"
            )
        if calls[item.answers] != "completed":
            raise InvalidInput(
                f"the call {shown(item.answers)} was cut off before its arguments were whole",
                param="item.call_id",
            )
        if any(each.answers == item.answers for each in self.history):
            raise InvalidInput(
                f"the call {shown(item.answers)} was answered before", param="item.call_id"
            )
        previous = self.history.add(item, after)
        if (given := self._given.pop(item.answers, None)) is not None:
            self._tell(given, item.text, "completed")
        return previous

    # --- calls that the server performs -----------------------------------------------------

    def run(
        self, reply: ReplyIds, call: ToolCall, tool: Tool | None, answer: int, request: str = ""
    ) -> None:
        """A call, made in the `answer`-th answer of the responder, is about to be performed.

        One of a reply that is over is none, as in `begin`. `request` names the item in which the
        client was asked to approve it.
        """
        if self._is_over(reply):
            return
        running = _Running(reply, call, self._clock(), answer)
        if tool is not None and tool.mcp is not None:
            running.item = self.mcp.begin(reply, call, tool.mcp, request)
        self._running[call.call_id] = running
        self._emit(ToolStarted(reply, call, tool.source if tool else ""))

    def finish(self, call: ToolCall, outcome: ToolOutcome) -> None:
        """It was performed, failed or was refused."""
        running = self._running.pop(call.call_id, None)
        if running is None:  # its reply was cancelled
            return
        item = self.history.find(running.reply.item_id)
        if running.item is not None:
            self.mcp.finish(running.reply, running.item, outcome)
        elif item is not None:
            item.calls.append(AnsweredCall(call, outcome.output, running.answer))
        self._tell(running, outcome.output, outcome.status)

    def end_reply(self, reply: ReplyIds) -> None:
        """A reply is over: what it still runs is cancelled, what it streams stays incomplete."""
        self._over = max(self._over, reply.number)
        for running in [each for each in self._running.values() if each.reply == reply]:
            self.finish(running.call, ToolOutcome(CANCELLED, "cancelled"))
        for call_id in [key for key, each in self._streamed.items() if each.reply == reply]:
            streamed = self._streamed.pop(call_id)
            streamed.item.status = "incomplete"
            self._emit(CallComplete(reply, streamed.item.id, streamed.call, complete=False))

    def _is_over(self, reply: ReplyIds) -> bool:
        """Replies that may call tools come one after the other."""
        return 0 < reply.number <= self._over

    def _tell(self, running: _Running, output: str, status: CallStatus) -> None:
        duration_ms = round((self._clock() - running.since) * 1000, 1)
        self._emit(ToolAnswered(running.reply, running.call, output, status, duration_ms))
