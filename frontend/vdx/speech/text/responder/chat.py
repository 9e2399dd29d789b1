"""Any OpenAI-compatible chat endpoint, streamed."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import ClassVar, Final

import openai

from vdx.core.config import ChatConfig
from vdx.core.errors import ContextExceeded, ResponderError
from vdx.core.events import Message
from vdx.core.tools import NO_TOOLS, ToolOffer
from vdx.speech.text.responder import Piece
from vdx.speech.text.responder.chat_client import (
    Failure,
    Stream,
    close_stream,
    failure_of,
    make_client,
    place_of,
)
from vdx.speech.text.responder.chat_messages import (
    choice_param,
    message_param,
    pieces_of,
    tool_param,
)
from vdx.speech.text.responder.prompt import cut_prompt, lower_limit, prompt_size

BACKOFF_S: Final = 0.2
"""Wait before the first retry; it doubles with each up to LONGEST_BACKOFF_S and varies by half."""
LONGEST_BACKOFF_S: Final = 1.0


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

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        self._client = make_client(config)

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The deltas of the answer; closing the generator closes the HTTP stream.

        At that the server ends the generation.
        """
        async with aclosing(self.reply_with_tools(messages, NO_TOOLS)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    yield piece

    async def reply_with_tools(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> AsyncGenerator[Piece, None]:
        """The deltas of the answer and of its tool calls; closing it ends the generation."""
        stream, pieces = await self._start(messages, offer)
        try:
            while pieces:
                for piece in pieces:
                    yield piece
                pieces = await self._next(stream)
        finally:
            await close_stream(stream)

    async def aclose(self) -> None:
        await self._client.close()

    async def _start(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> tuple[Stream, list[Piece]]:
        """The stream and its first pieces, with retries while nothing was said."""
        budget = self._config.first_token_timeout_ms
        attempt = 0
        prompt = cut_prompt(messages, self._config.max_prompt_bytes)
        try:
            async with asyncio.timeout(budget / 1000):
                while True:
                    try:
                        return await self._attempt(prompt, offer)
                    except ContextExceeded:
                        # For this reply alone: the texts of another conversation may take fewer
                        # tokens for as many bytes.
                        shorter = cut_prompt(messages, lower_limit(prompt_size(prompt)))
                        if len(shorter) == len(prompt):
                            raise
                        prompt = shorter
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
    ) -> tuple[Stream, list[Piece]]:
        config, tools = self._config, [tool_param(tool) for tool in offer.tools]
        parallel = offer.parallel if tools else None
        try:
            stream = await self._client.chat.completions.create(
                model=config.model,
                messages=[message_param(message) for message in messages],
                stream=True,
                tools=tools or openai.omit,
                tool_choice=choice_param(offer) if tools else openai.omit,
                parallel_tool_calls=openai.omit if parallel is None else parallel,
                extra_body=self.extra_body,
                temperature=openai.omit if config.temperature is None else config.temperature,
                max_tokens=openai.omit if config.max_tokens is None else config.max_tokens,
            )
        except openai.OpenAIError as error:
            raise self._translated(error) from error
        try:
            first = await self._first(stream)
        except BaseException:
            # Whatever ended the attempt, cancellation included, the connection must not stay.
            await close_stream(stream)
            raise
        return stream, first

    async def _first(self, stream: Stream) -> list[Piece]:
        if first := await self._pieces(stream):
            return first
        raise self._error(Failure("answered without a word", retryable=self.retries_silence))

    async def _next(self, stream: Stream) -> list[Piece]:
        limit = self._config.next_token_timeout_ms
        try:
            async with asyncio.timeout(limit / 1000):
                return await self._pieces(stream)
        except TimeoutError as error:
            raise self._error(Failure(f"no further word within {limit} ms")) from error

    async def _pieces(self, stream: Stream) -> list[Piece]:
        """The next text and calls of the stream; chunks without any are passed over. [] at its
        end."""
        try:
            async for chunk in stream:
                if pieces := pieces_of(chunk):
                    return pieces
        except (openai.OpenAIError, ValueError) as error:
            # ValueError: the endpoint sent something that is no JSON.
            raise self._translated(error) from error
        return []

    def _translated(self, error: Exception) -> ResponderError:
        return self._error(failure_of(error, self._config.api_key_env))

    def _error(self, failure: Failure) -> ResponderError:
        kind = failure.kind or self.error
        message = f"{self._named()}: {failure.message}"
        return kind(message, retryable=failure.retryable, told=failure.told)

    def _named(self) -> str:
        return f"chat endpoint {place_of(self._config)} ({self._config.model})"
