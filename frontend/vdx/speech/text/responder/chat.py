"""Any OpenAI-compatible chat endpoint, streamed."""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import ClassVar, Final

import openai
from openai.types.chat import ChatCompletionMessageParam

from vdx.core.config import ChatConfig
from vdx.core.errors import ContextExceeded, ResponderError
from vdx.core.events import Message
from vdx.speech.text.responder.chat_client import (
    Failure,
    Stream,
    close_stream,
    failure_of,
    make_client,
    place_of,
    text_of,
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
        stream, first = await self._start(messages)
        try:
            yield first
            while piece := await self._next(stream):
                yield piece
        finally:
            await close_stream(stream)

    async def aclose(self) -> None:
        await self._client.close()

    async def _start(self, messages: Sequence[Message]) -> tuple[Stream, str]:
        """The stream and its first piece, with retries while nothing was said."""
        budget = self._config.first_token_timeout_ms
        attempt = 0
        prompt = cut_prompt(messages, self._config.max_prompt_bytes)
        try:
            async with asyncio.timeout(budget / 1000):
                while True:
                    try:
                        return await self._attempt(prompt)
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

    async def _attempt(self, messages: Sequence[Message]) -> tuple[Stream, str]:
        config = self._config
        prompt: list[ChatCompletionMessageParam] = [_param(message) for message in messages]
        try:
            stream = await self._client.chat.completions.create(
                model=config.model,
                messages=prompt,
                stream=True,
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

    async def _first(self, stream: Stream) -> str:
        if first := await self._piece(stream):
            return first
        raise self._error(Failure("answered without a word", retryable=self.retries_silence))

    async def _next(self, stream: Stream) -> str:
        limit = self._config.next_token_timeout_ms
        try:
            async with asyncio.timeout(limit / 1000):
                return await self._piece(stream)
        except TimeoutError as error:
            raise self._error(Failure(f"no further word within {limit} ms")) from error

    async def _piece(self, stream: Stream) -> str:
        """The next text of the stream; chunks without text are passed over. "" at its end."""
        try:
            async for chunk in stream:
                if text := text_of(chunk):
                    return text
        except (openai.OpenAIError, ValueError) as error:
            # ValueError: the endpoint sent something that is no JSON.
            raise self._translated(error) from error
        return ""

    def _translated(self, error: Exception) -> ResponderError:
        return self._error(failure_of(error, self._config.api_key_env))

    def _error(self, failure: Failure) -> ResponderError:
        kind = failure.kind or self.error
        message = f"{self._named()}: {failure.message}"
        return kind(message, retryable=failure.retryable, told=failure.told)

    def _named(self) -> str:
        return f"chat endpoint {place_of(self._config)} ({self._config.model})"


def _param(message: Message) -> ChatCompletionMessageParam:
    match message.role:
        case "system":
            return {"role": "system", "content": message.text}
        case "user":
            return {"role": "user", "content": message.text}
        case "assistant":
            return {"role": "assistant", "content": message.text}
