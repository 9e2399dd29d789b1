"""The loop of one reply: the responder's text, the calls it makes, and its text after them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from vdx.core.config import ToolsConfig
from vdx.core.errors import McpFailed, VdxError
from vdx.core.events import Message
from vdx.core.logs import logger
from vdx.core.tools import CallPiece, ToolCall, ToolOffer
from vdx.dialog.ids import ReplyIds
from vdx.dialog.memory import Memory
from vdx.dialog.tools.assembly import CallAssembly, OpenCall
from vdx.dialog.tools.calls import ToolCalls
from vdx.dialog.tools.mcp_calls import ApprovedCall
from vdx.dialog.tools.prompt_messages import joined, without_calls
from vdx.dialog.tools.toolbox import Perform, Tool, Toolbox, ToolOutcome
from vdx.speech.text.responder import Piece, Responder, ToolResponder
from vdx.speech.text.responder.prompt import PromptReport

log = logger(__name__)

Running = dict[asyncio.Task[ToolOutcome], ToolCall]
"""Calls that the server performs now."""
Before = Callable[[asyncio.Event], Awaitable[list[ApprovedCall]]]
"""Waits for what a reply waits for; takes what the client has approved once the event is set."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one request to the responder is made with; a tool may change it for the next."""

    responder: Responder
    toolbox: Toolbox
    instructions: str
    config: ToolsConfig
    memory: Memory


class ToolLoop:
    """A responder of one reply, which performs the calls of the one that it asks.

    A prepared reply calls nothing: its calls wait until `released` is set. The reply ends where
    calls are left to the client, and goes on where the server has performed them all.
    """

    def __init__(
        self,
        ids: ReplyIds,
        setup: Callable[[], Round],
        calls: ToolCalls,
        released: asyncio.Event,
        before: Before | None = None,
    ) -> None:
        """`before` is done before the responder is asked; the calls in it are performed then."""
        self._before = before
        self._ids = ids
        self._setup = setup
        self._calls = calls
        self._released = released
        self._fill = True  # a reply says its filler once

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The text of the reply, that after its calls included."""
        asked, said_before, number = list(messages), False, 0
        instructions = self._setup().instructions
        if self._before is not None and (approved := await self._before(self._released)):
            async with aclosing(self._perform_approved(approved, asked)) as texts:
                async for text in texts:
                    yield text
                    said_before = True
            number = 1  # a call that had to be made was made
        while True:
            setup, said = self._setup(), ""
            assembly = CallAssembly(self._calls.unused_id)
            offer = _offer(setup, number)
            asked = _instructed(asked, instructions, setup.instructions)
            instructions = setup.instructions
            async with aclosing(_ask(setup, asked, offer)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, CallPiece):
                        await self._released.wait()
                        self._stream(assembly.take(piece), piece, setup.toolbox)
                        continue
                    # The words after a call do not follow those before it without a space.
                    yield f" {piece}" if said_before and not said else piece
                    said += piece
            said_before = said_before or bool(said)
            calls = [call.complete for call in assembly.calls]
            if not calls:
                return
            outcomes: dict[str, ToolOutcome] = {}
            async with aclosing(self._perform(calls, setup, number, outcomes)) as texts:
                async for text in texts:
                    yield text
                    said_before = True
            if len(outcomes) < len(calls) or any(each.ends_reply for each in outcomes.values()):
                return
            asked.append(Message("assistant", said, tuple(calls)))
            asked += [Message("tool", outcomes[c.call_id].output, (), c.call_id) for c in calls]
            number += 1

    async def aclose(self) -> None:
        """Nothing to free: the responder belongs to all sessions."""

    def _stream(self, call: OpenCall | None, piece: CallPiece, toolbox: Toolbox) -> None:
        """Hands the client what has come of a call of its own tool."""
        if call is None or not toolbox.streams(call.name):
            return
        if not call.begun:
            call.begun = True
            self._calls.begin(self._ids, call.call_id, call.name)
        self._calls.stream(call.call_id, piece.arguments)

    async def _perform_approved(
        self, approved: list[ApprovedCall], asked: list[Message]
    ) -> AsyncGenerator[str, None]:
        """Adds what the client has approved, and the results, to what the responder is asked."""
        setup, outcomes = self._setup(), dict[str, ToolOutcome]()
        tasks: Running = {}
        for each in approved:
            self._calls.run(self._ids, each.call, each.tool, 0, each.request)
            self._begin(each.call, each.tool, setup, tasks)
        async with aclosing(self._finish(tasks, setup, outcomes)) as texts:
            async for text in texts:
                yield text
        made = tuple(each.call for each in approved)
        results = [Message("tool", outcomes[c.call_id].output, (), c.call_id) for c in made]
        # A prepared reply was told that they wait for approval.
        before = without_calls(asked, outcomes)
        asked[:] = joined([*before, Message("assistant", "", made), *results])

    def _begin(self, call: ToolCall, tool: Tool, setup: Round, tasks: Running) -> None:
        if tool.perform is not None:
            work = self._run(tool.perform, call, setup.config)
            tasks[asyncio.create_task(work, name=f"tool-{call.name}")] = call

    async def _perform(
        self, calls: list[ToolCall], setup: Round, number: int, outcomes: dict[str, ToolOutcome]
    ) -> AsyncGenerator[str, None]:
        """Fills `outcomes` with the results of the server's calls; yields what is said meanwhile.

        Calls of the client's tools are handed over, and those that it has to approve are asked
        about: they have no outcome here.
        """
        tasks: Running = {}
        for call in calls:
            tool = setup.toolbox.tools.get(call.name)
            if refusal := setup.toolbox.refusal(call):
                self._calls.run(self._ids, call, tool, number)
                outcomes[call.call_id] = ToolOutcome(refusal, "refused")
                self._calls.finish(call, outcomes[call.call_id])
            elif tool is None or tool.perform is None:
                self._hand_over(call, setup.toolbox)
            elif tool.mcp is not None and tool.mcp.must_ask:
                self._calls.mcp.ask(self._ids, call, tool)
            else:
                self._calls.run(self._ids, call, tool, number)
                self._begin(call, tool, setup, tasks)
        async with aclosing(self._finish(tasks, setup, outcomes)) as texts:
            async for text in texts:
                yield text

    async def _finish(
        self, tasks: Running, setup: Round, outcomes: dict[str, ToolOutcome]
    ) -> AsyncGenerator[str, None]:
        """Waits for calls under way, and fills `outcomes`; yields what is said meanwhile."""
        try:
            if tasks and await self._takes_long(tasks, setup.config):
                yield f" {setup.config.filler} "
            for task, call in tasks.items():
                outcomes[call.call_id] = await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes.values():
            if outcome.say:
                yield f" {outcome.say}"

    def _hand_over(self, call: ToolCall, toolbox: Toolbox) -> None:
        if not toolbox.streams(call.name):
            self._calls.begin(self._ids, call.call_id, call.name)
            self._calls.stream(call.call_id, call.arguments)
        self._calls.give(call)

    async def _takes_long(self, tasks: Running, config: ToolsConfig) -> bool:
        """Whether the filler is to be said: some call ran for `tools.filler_after_ms`."""
        if not (self._fill and config.filler):
            return False
        _, pending = await asyncio.wait(tasks, timeout=config.filler_after_ms / 1000)
        self._fill = not pending
        return bool(pending)

    async def _run(self, perform: Perform, call: ToolCall, config: ToolsConfig) -> ToolOutcome:
        """One call; whatever goes wrong becomes words for the responder."""
        try:
            async with asyncio.timeout(config.timeout_ms / 1000):
                outcome = await perform(call)
        except TimeoutError:
            outcome = ToolOutcome(
                f"{call.name} did not answer within {config.timeout_ms} ms.", "timed_out"
            )
        except VdxError as error:
            log.warning("tool failed", tool=call.name, code=error.code, error=error.for_log)
            fault = error.fault if isinstance(error, McpFailed) else None
            words = f"{call.name} failed: {error.message}"
            outcome = ToolOutcome(words, "failed", fault=fault)
        except Exception as error:  # a task's root: a fault in a tool must not end the reply
            log.exception("tool failed", tool=call.name)
            outcome = ToolOutcome(f"{call.name} failed: {type(error).__name__}", "failed")
        outcome = replace(outcome, output=_shortened(outcome.output, config.max_result_chars))
        self._calls.finish(call, outcome)
        return outcome


async def _ask(
    setup: Round, messages: list[Message], offer: ToolOffer
) -> AsyncGenerator[str | CallPiece, None]:
    """The answer to as much of `messages` as the model's window takes."""
    prompt, responder = setup.memory.fit(messages, offer), setup.responder
    if isinstance(responder, ToolResponder):
        answer: AsyncGenerator[Piece, None] = responder.reply_with_tools(prompt, offer)
    else:
        answer = responder.reply(prompt)
    async with aclosing(answer) as pieces:
        async for piece in pieces:
            if isinstance(piece, PromptReport):
                setup.memory.answered(piece)
            else:
                yield piece
    setup.memory.look()


def _offer(setup: Round, number: int) -> ToolOffer:
    """A call that was asked for is made once; after `tools.max_rounds` there are only words."""
    offer = setup.toolbox.offer
    if number >= setup.config.max_rounds:
        return replace(offer, choice="none", named="")
    if number and offer.choice != "none":
        return replace(offer, choice="auto", named="")
    return offer


def _instructed(messages: list[Message], before: str, now: str) -> list[Message]:
    """The same with the instructions as they are now: a tool may have changed them."""
    if before == now:
        return messages
    if not messages or messages[0].role != "system" or not messages[0].text.startswith(before):
        return [Message("system", now), *messages] if now else messages
    summary = messages[0].text.removeprefix(before).strip()  # of what was said before
    first = "\n\n".join(filter(None, (now, summary)))
    return [Message("system", first), *messages[1:]] if first else messages[1:]


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … (cut: {len(text)} characters)"
