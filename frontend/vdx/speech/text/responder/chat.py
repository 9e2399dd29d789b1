"""Any OpenAI-compatible chat endpoint, streamed."""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from vdx.core.config import ChatConfig
from vdx.core.errors import ConfigError, ResponderError
from vdx.core.events import Message

BACKOFF_S: Final = 0.2
"""Wait before the first retry; it doubles with each and varies by half."""

_NO_KEY: Final = "none"
"""Local servers want no key, but the client insists on sending one."""

_RETRYABLE_STATUS: Final = frozenset({408, 409, 425, 429})

Stream = openai.AsyncStream[ChatCompletionChunk]


class ChatResponder:
    """Streams replies from `base_url`; one HTTP pool for all sessions that share it.

    Connecting and waiting for the first word are retried with backoff inside the time that
    `first_token_timeout_ms` allows. After the first word nothing is retried: it was spoken.
    """

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        if not config.base_url.startswith(("http://", "https://")):
            raise ConfigError(f"responder.chat.base_url: {config.base_url!r} is no HTTP address")
        # Without user name and password, which an address may hold.
        self._where = urlsplit(config.base_url).netloc.rpartition("@")[2]
        connect = config.connect_timeout_ms / 1000
        self._client = openai.AsyncOpenAI(
            base_url=config.base_url,
            api_key=os.environ.get(config.api_key_env) or _NO_KEY,
            max_retries=0,
            timeout=openai.Timeout(None, connect=connect, pool=connect),
        )

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The deltas of the answer; closing the generator closes the HTTP stream."""
        stream, first = await self._start(messages)
        try:
            yield first
            while piece := await self._next(stream):
                yield piece
        finally:
            await _close(stream)

    async def aclose(self) -> None:
        await self._client.close()

    async def _start(self, messages: Sequence[Message]) -> tuple[Stream, str]:
        """The stream and its first piece, with retries while nothing was said."""
        budget = self._config.first_token_timeout_ms
        attempt = 0
        try:
            async with asyncio.timeout(budget / 1000):
                while True:
                    try:
                        return await self._attempt(messages)
                    except ResponderError as error:
                        if not error.retryable or attempt >= self._config.retries:
                            raise
                    wait = BACKOFF_S * 2**attempt
                    attempt += 1
                    # Jitter, not cryptography.
                    await asyncio.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311  # nosec B311
        except TimeoutError as error:
            raise self._error(f"no first word within {budget} ms", retryable=True) from error

    async def _attempt(self, messages: Sequence[Message]) -> tuple[Stream, str]:
        config = self._config
        prompt: list[ChatCompletionMessageParam] = [_param(message) for message in messages]
        try:
            stream = await self._client.chat.completions.create(
                model=config.model,
                messages=prompt,
                stream=True,
                temperature=openai.omit if config.temperature is None else config.temperature,
                max_tokens=openai.omit if config.max_tokens is None else config.max_tokens,
            )
        except openai.OpenAIError as error:
            raise self._translated(error) from error
        try:
            first = await self._first(stream)
        except BaseException:
            # Whatever ended the attempt, cancellation included, the connection must not stay.
            await _close(stream)
            raise
        return stream, first

    async def _first(self, stream: Stream) -> str:
        if first := await self._piece(stream):
            return first
        raise self._error("answered without a word", retryable=True)

    async def _next(self, stream: Stream) -> str:
        limit = self._config.next_token_timeout_ms
        try:
            async with asyncio.timeout(limit / 1000):
                return await self._piece(stream)
        except TimeoutError as error:
            raise self._error(f"no further word within {limit} ms", retryable=True) from error

    async def _piece(self, stream: Stream) -> str:
        """The next text of the stream; chunks without text are passed over. "" at its end."""
        try:
            async for chunk in stream:
                if text := _text_of(chunk):
                    return text
        except (openai.OpenAIError, ValueError) as error:
            # ValueError: the endpoint sent something that is no JSON.
            raise self._translated(error) from error
        return ""

    def _translated(self, error: Exception) -> ResponderError:
        if isinstance(error, openai.APITimeoutError):
            return self._error("no connection in time", retryable=True)
        if isinstance(error, openai.APIConnectionError):
            cause = error.__cause__ or error
            return self._error(f"the connection failed: {cause}", retryable=True)
        if isinstance(error, openai.APIStatusError):
            status = error.status_code
            retryable = status >= 500 or status in _RETRYABLE_STATUS
            hint = f"; is {self._config.api_key_env} set?" if status == 401 else ""
            told = f"{error.message}{hint}"
            return self._error(f"status {status}", retryable=retryable, told=told)
        return self._error("an answer that cannot be read", retryable=False, told=str(error))

    def _error(self, message: str, *, retryable: bool, told: str = "") -> ResponderError:
        where = f"{self._where} ({self._config.model})"
        return ResponderError(f"chat endpoint {where}: {message}", retryable=retryable, told=told)


def _text_of(chunk: object) -> str:
    """The text of a chunk; "" for one without or of another shape: servers differ widely."""
    choices = getattr(chunk, "choices", None)
    if not isinstance(choices, list) or not choices:
        return ""
    text = getattr(getattr(choices[0], "delta", None), "content", None)
    return text if isinstance(text, str) else ""


async def _close(stream: Stream) -> None:
    # A connection that failed before has nothing left to close.
    with suppress(openai.OpenAIError, OSError):
        await stream.close()


def _param(message: Message) -> ChatCompletionMessageParam:
    match message.role:
        case "system":
            return {"role": "system", "content": message.text}
        case "user":
            return {"role": "user", "content": message.text}
        case "assistant":
            return {"role": "assistant", "content": message.text}
