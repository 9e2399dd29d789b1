"""A language model with a window, a cache of the last prompt and usage figures, all simulated."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import takewhile

from tests.unit.dialog.fakes import FakeResponder
from vdx.core.errors import ContextExceeded
from vdx.core.events import Message
from vdx.core.json_input import utf8_size
from vdx.core.tools import NO_TOOLS, ToolOffer
from vdx.dialog.folding import ASKED
from vdx.speech.text.responder import Piece
from vdx.speech.text.responder.prompt import PromptReport, cut_prompt, lower_limit, prompt_size

ASKED_FOR_SUMMARY = ASKED[:40]
BYTES_PER_TOKEN = 4
EVALUATED_PER_S = 1000.0
"""Tokens of a prompt that the model has not in its cache."""


def tokens(messages: Sequence[Message]) -> int:
    return sum(3 + utf8_size(message.text) // BYTES_PER_TOKEN for message in messages)


@dataclass
class Model(FakeResponder):
    """Keeps what it was asked: `prompts` of turns and `notes` for summaries.

    `counts`: it gives usage figures, `counts_only_new`: of what it had not in its cache.
    `summary` is what it answers to a request for one.
    """

    context: int = 10**9
    counts: bool = True
    counts_only_new: bool = False
    summary: str | Exception = "The user told of many things."
    summary_s: float = 0.5
    prompts: list[list[Message]] = field(default_factory=list)
    notes: list[list[Message]] = field(default_factory=list)
    evaluated: list[int] = field(default_factory=list)
    refused: int = 0

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        if not messages[0].text.startswith(ASKED_FOR_SUMMARY):
            async with aclosing(self.reply_with_tools(messages, NO_TOOLS)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, str):
                        yield piece
            return
        self.open += 1
        try:
            self.notes.append(list(messages))
            assert tokens(messages) <= self.context
            await asyncio.sleep(self.summary_s)
            if isinstance(self.summary, Exception):
                raise self.summary
            yield self.summary
        finally:
            self.open -= 1

    async def reply_with_tools(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> AsyncGenerator[Piece, None]:
        del offer
        prompt, refused = list(messages), False
        while tokens(prompt) > self.context:  # as the chat responder does with such a refusal
            self.refused += 1
            shorter = cut_prompt(prompt, lower_limit(prompt_size(prompt)))
            if len(shorter) == len(prompt):
                raise ContextExceeded("too long", retryable=False)
            prompt, refused = list(shorter), True
        before = self.prompts[-1] if self.prompts else []
        pairs = zip(before, prompt, strict=False)
        cached = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        self.prompts.append(prompt)
        self.evaluated.append(tokens(prompt[cached:]))
        await asyncio.sleep(self.evaluated[-1] / EVALUATED_PER_S)
        async with aclosing(super().reply(prompt)) as answer:
            async for piece in answer:
                yield piece
        if self.counts or refused:
            told = prompt[cached:] if self.counts_only_new else prompt
            counted = max(1, tokens(told)) if self.counts else None
            yield PromptReport(prompt_size(prompt), counted, refused)
