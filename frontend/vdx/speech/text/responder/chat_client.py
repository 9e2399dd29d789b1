"""The HTTP client of a chat endpoint, and its failures as vdx errors."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk

from vdx.core.config import ChatConfig, FallbackConfig
from vdx.core.error_words import error_words
from vdx.core.errors import ConfigError, ContextExceeded, ResponderError
from vdx.core.paths import expanded
from vdx.speech.text.responder.unix_transport import UnixTransport

UNIX: Final = "unix:"
KEEP_ALIVE_S: Final = 120.0
"""How long an idle connection is kept: between two turns more than the usual 5 s may pass."""

NO_KEY: Final = "none"
"""Local servers want no key, but the client insists on sending one."""

_RETRYABLE_STATUS: Final = frozenset({408, 409, 425, 429})
_ELSEWHERE_STATUS: Final = frozenset({401, 402, 403, 404})
"""Of this endpoint alone: its key, its account, its models."""
_TOO_LONG: Final = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_TOO_LONG_WORDS: Final = ("context length", "context size")
"""In the message of a status 400: vLLM gives the same type and code to every bad request."""

Stream = openai.AsyncStream[ChatCompletionChunk]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed; `told` is the endpoint's message, which may quote the conversation.

    `elsewhere`: another endpoint may answer the same, also where a retry here is no use.
    """

    message: str
    retryable: bool = True
    told: str = ""
    kind: type[ResponderError] | None = None
    """Where it is another error than that of the responder."""
    elsewhere: bool | None = None


def make_client(config: ChatConfig, setting: str = "responder.chat.base_url") -> openai.AsyncOpenAI:
    """A client with a pool of connections; raises ConfigError for an address of no known kind.

    `setting` is the name of the one that the address comes from.
    """
    url, connect = config.base_url, config.connect_timeout_ms / 1000
    usual = openai.DEFAULT_CONNECTION_LIMITS
    limits = httpx2.Limits(
        max_connections=usual.max_connections,
        max_keepalive_connections=usual.max_keepalive_connections,
        keepalive_expiry=KEEP_ALIVE_S,
    )
    key = os.environ.get(config.api_key_env) or NO_KEY
    if url.startswith(UNIX):
        socket = str(expanded(Path(url.removeprefix(UNIX)), setting))
        transport = UnixTransport(socket, limits)
        # No proxy of the environment stands before a socket, and no key of another service goes
        # to it.
        client = openai.DefaultAsyncHttpxClient(transport=transport, trust_env=False)
        url, key = "http://localhost/v1", NO_KEY
    elif url.startswith(("http://", "https://")):
        client = openai.DefaultAsyncHttpxClient(limits=limits)
    else:
        raise ConfigError(f"{setting}: {url!r} is neither an HTTP address nor unix:PATH")
    return openai.AsyncOpenAI(
        base_url=url,
        api_key=key,
        max_retries=0,
        timeout=openai.Timeout(None, connect=connect, pool=connect),
        http_client=client,
    )


def place_of(config: ChatConfig | FallbackConfig) -> str:
    """The endpoint's host without user name and password, for messages that others may read."""
    if config.base_url.startswith(UNIX):
        return "on this machine"
    return urlsplit(config.base_url).netloc.rpartition("@")[2]


def failure_of(error: Exception, key_env: str) -> Failure:
    """What went wrong with a request; `key_env` is the variable that its key was read from."""
    if isinstance(error, openai.APITimeoutError):
        return Failure("no connection in time")
    if isinstance(error, openai.APIConnectionError):
        return Failure(f"the connection failed: {error.__cause__ or error}")
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        if _is_too_long(error):
            message = "the conversation is too long for the model"
            return Failure(message, retryable=False, told=_said(error), kind=ContextExceeded)
        hint = f"; is {key_env} set?" if status == 401 and key_env else ""
        retryable = status >= 500 or status in _RETRYABLE_STATUS
        told = f"{_said(error)}{hint}"
        elsewhere = retryable or status in _ELSEWHERE_STATUS
        return Failure(f"status {status}", retryable=retryable, told=told, elsewhere=elsewhere)
    return Failure("an answer that cannot be read", retryable=False, told=str(error))


def _said(error: openai.APIStatusError) -> str:
    """The endpoint's own message: that of the library quotes its body in Python's notation."""
    return error_words(error.body) or error.message


def _is_too_long(error: openai.APIStatusError) -> bool:
    # Not every server gives texts there: vLLM's code is the number 400.
    if _TOO_LONG & {str(error.code), str(error.type)}:
        return True
    message = error.message.casefold()
    return error.status_code == 400 and any(words in message for words in _TOO_LONG_WORDS)


def refuses_to_count(error: Exception) -> bool:
    """Whether an endpoint does not know the option that asks for usage figures."""
    return (
        isinstance(error, openai.APIStatusError)
        and error.status_code in (400, 422)
        and "stream_options" in error.message
    )


def was_dropped(error: Exception) -> bool:
    """Whether the connection ended before any answer, as one does that was kept for too long."""
    dropped = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)
    return isinstance(error, openai.APIConnectionError) and isinstance(error.__cause__, dropped)


async def close_stream(stream: Stream) -> None:
    """Closes the connection of an unfinished stream, at which the server ends the generation."""
    # A connection that failed before has nothing left to close. What was received is read to its
    # end: CPython 3.11 may fail to collect the generators of httpx that are left half-way.
    with suppress(openai.OpenAIError, OSError, ValueError):  # also of what is no JSON
        await stream.close()
        async for _ in stream:
            pass
