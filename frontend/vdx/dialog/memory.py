"""What the responder is sent of a long conversation: its newest turns, the older ones in short.

The model's window (`responder.chat.context_tokens`) is kept in two ways:

- A prompt that has no room for all turns leaves the oldest out at once (`fit`), many at a time, so
  that its beginning stays the same over many turns and a server uses again what it computed of it.
- Beside the conversation the same endpoint is asked for a summary of the oldest turns, once the
  prompt fills FOLD_AT of its room (`look`). When it comes it takes their place, and KEPT of the
  room is filled. Nothing waits for it.

Sizes are bytes. How many a token has is what the endpoint's usage figures say, and until there are
any an estimate (`window.py`).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

from vdx.core.config import LocalConfig, ResponderConfig
from vdx.core.errors import ContextTooSmall, SummaryFailed, VdxError
from vdx.core.events import Message, StageFailed
from vdx.core.json_input import utf8_size
from vdx.core.logs import logger
from vdx.core.metrics import SUMMARIES
from vdx.core.tools import ToolOffer
from vdx.dialog.folding import oldest_turns, summary_prompt, within
from vdx.dialog.history import History, Item
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.tasks import SessionTasks
from vdx.speech.text.responder import Responder
from vdx.speech.text.responder.prompt import (
    PromptReport,
    cut_prompt,
    head_and_rest,
    may_be_first,
    prompt_size,
    tools_size,
)
from vdx.speech.text.responder.window import MOST_BYTES_PER_TOKEN, Window, window_of

log = logger(__name__)

FOLD_AT: Final = 0.8
"""Part of a prompt's room that is filled when a summary is asked for."""
KEPT: Final = 0.4
"""Part of it that the turns fill which are not summarised."""
SUMMARY: Final = 0.125
"""Part of it that a summary may fill."""
RETRY_S: Final = 30.0
"""Until the next summary is asked for after one that failed; it doubles up to LONGEST_RETRY_S."""
LONGEST_RETRY_S: Final = 600.0
SUMMARY_S: Final = 60.0
"""A summary that takes longer is given up."""


_SUMMARISING: Final[dict[LocalConfig, set["Memory"]]] = {}
"""Who has a summary made now, by the machine's own model that makes it: it serves all sessions."""


class Memory:
    """Of one session. `responder` gives that of the session as it is now, `tell` takes failures.

    `clock` is in seconds.
    """

    def __init__(
        self,
        history: History,
        options: Callable[[], SessionOptions],
        responder: Callable[[SessionOptions], Responder],
        tasks: SessionTasks,
        tell: Callable[[StageFailed], None],
        clock: Callable[[], float],
    ) -> None:
        self._history = history
        self._options = options
        self._responder = responder
        self._tasks = tasks
        self._tell = tell
        self._clock = clock
        self._config: ResponderConfig | None = None
        self._bytes_per_token: float | None = None
        self._refused: int | None = None
        self._left_out = 0
        self._tools = 0
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._not_before = 0.0

    def fit(self, messages: Sequence[Message], offer: ToolOffer) -> Sequence[Message]:
        """`messages` without the oldest ones where the window has no room for them.

        Raises:
            ContextTooSmall: it has none for the instructions and the tools alone.
        """
        window = self._window()
        self._tools = tools_size(offer)
        if window is not None and window.alone:
            # The model makes one answer at a time, and this one is waited for.
            for memory in list(_SUMMARISING.get(self._options().responder.local, ())):
                memory.close()
        if (room := self._room(window)) is None:
            return messages
        if window is not None:
            self._check(window, messages)
        return self._cut(messages, room)

    def answered(self, report: PromptReport) -> None:
        """The responder has answered; `report` says what became of the prompt."""
        if report.tokens:
            density = (report.size + self._tools) / report.tokens
            # Some endpoints count only what they had not kept of the prompt before: with such a
            # figure no prompt would ever be too long.
            if density <= MOST_BYTES_PER_TOKEN:
                self._bytes_per_token = density
        if report.refused:
            self._refused = min(report.size, self._refused or report.size)

    def look(self) -> None:
        """Asks for a summary where the prompt fills its room; called when an answer is made."""
        room = self._room(self._window())
        if room is None or self._task is not None or self._clock() < self._not_before:
            return
        messages = self._history.messages()
        size = prompt_size(messages)
        if size <= FOLD_AT * room:
            return
        head = prompt_size(head_and_rest(messages)[0])
        items = oldest_turns(self._history.unfolded, size - head - int(KEPT * max(0, room - head)))
        if items:
            log.debug(
                "prompt is filled",
                bytes=size,
                room=room,
                counted="estimate" if self._bytes_per_token is None else "usage",
            )
            self._task = self._tasks.spawn(lambda: self._fold(items, room), "summary", self._broke)
            if self._task is not None:
                model = self._options().responder.local
                _SUMMARISING.setdefault(model, set()).add(self)
                self._task.add_done_callback(lambda _: _done(model, self))

    def close(self) -> None:
        """Gives up the summary that is being made."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    # --- the room of a prompt ---------------------------------------------------------------

    def _window(self) -> Window | None:
        config = self._options().responder
        if config != self._config:  # another model counts and refuses otherwise
            self._config, self._bytes_per_token, self._refused = config, None, None
        return window_of(config)

    def _room(self, window: Window | None) -> int | None:
        """Bytes that the messages of a prompt may have; None: nothing says how many."""
        rooms = [self._refused]
        if window is not None:
            rooms.append(max(0, int(window.prompt * self._density(window)) - self._tools))
        config = self._options().responder
        if config.kind == "chat":
            rooms.append(config.chat.max_prompt_bytes)
        return min((room for room in rooms if room is not None), default=None)

    def _density(self, window: Window) -> float:
        return self._bytes_per_token or window.bytes_per_token

    def _check(self, window: Window, messages: Sequence[Message]) -> None:
        head = prompt_size(head_and_rest(messages)[0]) + self._tools
        tokens = round(head / self._density(window))
        if tokens > window.context:
            told = "are" if self._bytes_per_token else "are about (estimated)"
            raise ContextTooSmall(
                f"{window.key} is {window.context}, but the instructions and tools alone {told} "
                f"{tokens} tokens",
                retryable=False,
            )

    def _cut(self, messages: Sequence[Message], room: int) -> Sequence[Message]:
        """The same messages are left out as last time, for as long as that is enough."""
        head, rest = head_and_rest(messages)
        if 0 < self._left_out < len(rest) and may_be_first(rest[self._left_out]):
            kept = [*head, *rest[self._left_out :]]
            if prompt_size(kept) <= room < prompt_size(messages):
                return kept
        cut = cut_prompt(messages, room)
        self._left_out = len(messages) - len(cut)
        return cut

    # --- the summary ------------------------------------------------------------------------

    async def _fold(self, items: list[Item], room: int) -> None:
        """Puts a summary in the place of `items`, and of the one before it."""
        deletions = self._history.deletions
        try:
            async with asyncio.timeout(SUMMARY_S):
                summary = await self._summary(items, room)
        except (VdxError, TimeoutError) as error:
            self._failed(error if isinstance(error, VdxError) else None)
            return
        if self._history.deletions != deletions:
            SUMMARIES.labels("outdated").inc()  # it may tell of what the client has deleted
            self._task = None
            return
        self._history.fold([item.id for item in items], summary)
        self._left_out = self._failures = 0
        SUMMARIES.labels("made").inc()
        log.info("oldest turns summarised", items=len(items), bytes=utf8_size(summary))
        if self._options().responder.kind == "local":
            await self._evaluate()
        self._task = None

    async def _evaluate(self) -> None:
        """Has the machine's own model evaluate the new prompt now, and not in the next turn."""
        responder = self._responder(self._options())
        try:
            async with aclosing(responder.reply(self._history.messages())) as answer:
                await anext(answer, "")
        except VdxError as error:
            log.debug("the new prompt was not evaluated", error=error.for_log)

    async def _summary(self, items: list[Item], room: int) -> str:
        """Raises SummaryFailed where it is none, or longer than what it replaces."""
        before = self._history.summary
        told = self._history.messages(instructions="", items=items)
        most = max(1, int(SUMMARY * room))
        asked = summary_prompt(before, told, room - most, most)
        replaced = prompt_size(told) + utf8_size(before)
        limit, pieces, size = min(most, replaced), list[str](), 0
        options = self._options()
        async with aclosing(self._responder(options).reply(asked)) as answer:
            async for piece in answer:
                pieces.append(piece)
                size += utf8_size(piece)
                if size > limit:
                    break
        summary = within("".join(pieces).strip(), limit)
        if not summary or size > replaced:
            SUMMARIES.labels("too long" if summary else "failed").inc()
            raise SummaryFailed(
                f"the summary of {replaced} bytes of the conversation has "
                + (f"more than {limit}" if summary else "no words"),
                retryable=True,
            )
        return summary

    def _failed(self, error: VdxError | None) -> None:
        """The turns go on without a summary; that it is so is told once."""
        self._task = None
        self._failures += 1
        wait = min(RETRY_S * 2 ** (self._failures - 1), LONGEST_RETRY_S)
        self._not_before = self._clock() + wait
        if not isinstance(error, SummaryFailed):
            SUMMARIES.labels("failed").inc()
        why = "it took too long" if error is None else error.for_log
        log.debug("no summary", error=why, again_in_s=wait)
        if self._failures == 1:
            message = f"the oldest turns are left out without a summary: {why}"
            self._tell(StageFailed(SummaryFailed(message, retryable=True)))

    def _broke(self, error: VdxError) -> None:
        self._failed(error)


def _done(model: LocalConfig, memory: Memory) -> None:
    """A summary was made or given up."""
    if (others := _SUMMARISING.get(model)) is not None:
        others.discard(memory)
        if not others:
            del _SUMMARISING[model]
