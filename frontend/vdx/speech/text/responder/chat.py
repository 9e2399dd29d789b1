"""Any OpenAI-compatible chat endpoint, streamed."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import openai

from vdx.core.config import ChatConfig
from vdx.core.errors import ContextExceeded, ResponderError
from vdx.core.events import Message
from vdx.core.tools import NO_TOOLS, ToolOffer
from vdx.speech.text.responder import Piece, text_of
from vdx.speech.text.responder.chat_client import (
    Failure,
    Stream,
    close_stream,
    failure_of,
    make_client,
    place_of,
    refuses_to_count,
    was_dropped,
)
from vdx.speech.text.responder.chat_messages import (
    choice_param,
    message_param,
    pieces_of,
    prompt_tokens_of,
    tool_param,
)
from vdx.speech.text.responder.prompt import (
    PromptReport,
    cut_prompt,
    lower_limit,
    prompt_size,
)

BACKOFF_S: Final = 0.2
"""Wait before the first retry; it doubles with each up to LONGEST_BACKOFF_S and varies by half."""
LONGEST_BACKOFF_S: Final = 1.0


@dataclass(slots=True)
class _Answer:
    """An answer that is being streamed, to a prompt of `size` bytes.

    `refused`: a longer prompt was; `tokens` is what the endpoint counted, None until it says so.
    """

    stream: Stream
    size: int
    refused: bool = False
    tokens: int | None = None

    @property
    def report(self) -> PromptReport | None:
        """What there is to tell of the prompt; None: it was sent whole, and was not counted."""
        if self.tokens is None and not self.refused:
            return None
        return PromptReport(self.size, self.tokens, self.refused)


class ChatResponder:
    """Streams replies from `base_url`; one HTTP pool for all sessions that share it.

    Connecting and waiting for the first word are retried with backoff inside the time that
    `first_token_timeout_ms` allows. After the first word nothing is retried: it was spoken.
    """

    error: ClassVar[type[ResponderError]] = ResponderError
    extra_body: ClassVar[Mapping[str, object] | None] = None
    """Keys of a request that only some servers know."""
    retries_silence: ClassVar[bool] = True
    """Whether an answer without a word is worth a retry: a hosted endpoint may be overloaded."""

    def __init__(self, config: ChatConfig, setting: str = "responder.chat.base_url") -> None:
        """`setting` is the name of the one that the address comes from, for errors."""
        self._config = config
        self._client = make_client(config, setting)
        # Not every endpoint knows it, so it is asked for where the figure is of use.
        self._counts = config.context_tokens is not None
        self._keeps = False
        """A connection is kept of an earlier answer, which the endpoint may end as it is used."""

    def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The deltas of the answer; closing the generator closes the HTTP stream.

        At that the server ends the generation.
        """
        return text_of(self.reply_with_tools(messages, NO_TOOLS))

    async def reply_with_tools(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> AsyncGenerator[Piece, None]:
        """The deltas of the answer and of its tool calls; closing it ends the generation.

        The last piece is a PromptReport where there is something to tell of the prompt.
        """
        answer, pieces = await self._start(messages, offer)
        try:
            while pieces:
                for piece in pieces:
                    yield piece
                pieces = await self._next(answer)
        finally:
            await close_stream(answer.stream)
        if (report := answer.report) is not None:
            yield report

    async def aclose(self) -> None:
        await self._client.close()

    async def _start(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> tuple[_Answer, list[Piece]]:
        """The answer and its first pieces, with retries while nothing was said."""
        budget = self._config.first_token_timeout_ms
        attempt, refused = 0, False
        prompt = cut_prompt(messages, self._config.max_prompt_bytes)
        try:
            async with asyncio.timeout(budget / 1000):
                while True:
                    try:
                        answer, first = await self._attempt(prompt, offer)
                        answer.refused = refused
                        return answer, first
                    except ContextExceeded:
                        # For this reply alone: the texts of another conversation may take fewer
                        # tokens for as many bytes.
                        shorter = cut_prompt(messages, lower_limit(prompt_size(prompt)))
                        if len(shorter) == len(prompt):
                            raise
                        prompt, refused = shorter, True
                        continue
                    except ResponderError as error:
                        if not error.retryable or attempt >= self._config.retries:
                            raise
                    wait = min(BACKOFF_S * 2**attempt, LONGEST_BACKOFF_S)
                    attempt += 1
                    # Jitter, not cryptography.
                    await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311  # nosec B311
        except TimeoutError as error:
            raise self._error(Failure(f"no first word within {budget} ms")) from error

    async def _attempt(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> tuple[_Answer, list[Piece]]:
        answer = _Answer(await self._ask(messages, offer), prompt_size(messages))
        try:
            first = await self._first(answer)
        except BaseException:
            # Whatever ended the attempt, cancellation included, the connection must not stay.
            await close_stream(answer.stream)
            raise
        return answer, first

    async def _ask(self, messages: Sequence[Message], offer: ToolOffer) -> Stream:
        config, tools = self._config, [tool_param(tool) for tool in offer.tools]
        parallel = offer.parallel if tools else None
        try:
            return await self._client.chat.completions.create(
                model=config.model,
                messages=[message_param(message) for message in messages],
                stream=True,
                tools=tools or openai.omit,
                tool_choice=choice_param(offer) if tools else openai.omit,
                parallel_tool_calls=openai.omit if parallel is None else parallel,
                extra_body=self.extra_body,
                temperature=openai.omit if config.temperature is None else config.temperature,
                max_tokens=openai.omit if config.max_tokens is None else config.max_tokens,
                stream_options={"include_usage": True} if self._counts else openai.omit,
            )
        except openai.OpenAIError as error:
            if self._counts and refuses_to_count(error):
                self._counts = False
                return await self._ask(messages, offer)
            if self._keeps and was_dropped(error):
                self._keeps = False
                return await self._ask(messages, offer)
            raise self._translated(error) from error

    async def _first(self, answer: _Answer) -> list[Piece]:
        if first := await self._pieces(answer):
            self._keeps = True
            return first
        raise self._error(Failure("answered without a word", retryable=self.retries_silence))

    async def _next(self, answer: _Answer) -> list[Piece]:
        limit = self._config.next_token_timeout_ms
        try:
            async with asyncio.timeout(limit / 1000):
                return await self._pieces(answer)
        except TimeoutError as error:
            raise self._error(Failure(f"no further word within {limit} ms")) from error

    async def _pieces(self, answer: _Answer) -> list[Piece]:
        """The next text and calls of the stream; chunks without any are passed over. [] at its
        end."""
        try:
            # Not `async for`: leaving it at each chunk would leave a generator behind for each.
            while (chunk := await anext(answer.stream, None)) is not None:
                answer.tokens = prompt_tokens_of(chunk) or answer.tokens
                if pieces := pieces_of(chunk):
                    return list[Piece](pieces)
        except (openai.OpenAIError, ValueError) as error:
            # ValueError: the endpoint sent something that is no JSON.
            raise self._translated(error) from error
        return []

    def _translated(self, error: Exception) -> ResponderError:
        return self._error(failure_of(error, self._config.api_key_env))

    def _error(self, failure: Failure) -> ResponderError:
        kind = failure.kind or self.error
        message = f"{self._named()}: {failure.message}"
        return kind(
            message,
            retryable=failure.retryable,
            told=failure.told,
            elsewhere=failure.elsewhere,
        )

    @property
    def context_tokens(self) -> int | None:
        """The window of its model, where the configuration names one."""
        return self._config.context_tokens

    @property
    def place(self) -> str:
        """The endpoint for messages and the log: its host and model, without key or password."""
        return f"{place_of(self._config)} ({self._config.model})"

    def _named(self) -> str:
        return f"chat endpoint {self.place}"
