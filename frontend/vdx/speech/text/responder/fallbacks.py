"""Several chat endpoints, of which the first that says a word answers."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from vdx.core.config import ChatConfig, FallbackConfig
from vdx.core.errors import ContextExceeded, ResponderError
from vdx.core.events import Message
from vdx.core.logs import logger
from vdx.core.metrics import CHAT_ENDPOINTS
from vdx.core.tools import NO_TOOLS, ToolOffer
from vdx.speech.text.responder import Piece, ToolResponder, text_of
from vdx.speech.text.responder.chat import ChatResponder

log = logger(__name__)

REST_S: Final = 5.0
"""How long an endpoint that failed is passed over; it doubles with each failure in a row."""
LONGEST_REST_S: Final = 300.0


@dataclass(slots=True)
class _Endpoint:
    responder: ChatResponder
    failures: int = 0
    rests_until: float = 0.0

    def failed(self, now: float) -> None:
        rest = min(REST_S * 2**self.failures, LONGEST_REST_S)
        self.failures += 1
        self.rests_until = now + rest

    def answered(self) -> None:
        self.failures, self.rests_until = 0, 0.0

    def may_take_more_than(self, other: "_Endpoint | None") -> bool:
        """Whether its window is larger than another's, or one of the two is not known."""
        if other is None:
            return True
        own, others = self.responder.context_tokens, other.responder.context_tokens
        return own is None or others is None or own > others


class FallbackResponder:
    """Asks its endpoints in their order; one that failed rests, and is asked after the others.

    One fails over before its first word alone: what was said is not said again. It has its
    `first_token_timeout_ms` for that, and no retries but in the last of them, or on a new
    connection where a kept one was ended. One that says that the conversation is too long for its
    model does not rest: the conversation goes to those that may have a larger window.
    """

    def __init__(
        self, responders: Sequence[ChatResponder], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoints = [_Endpoint(each) for each in responders]
        self._clock = clock

    def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """As `ChatResponder.reply`, of the first endpoint that says a word."""
        return text_of(self.reply_with_tools(messages, NO_TOOLS))

    async def reply_with_tools(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> AsyncGenerator[Piece, None]:
        """As `ChatResponder.reply_with_tools`; raises what the last one failed of."""
        too_long: tuple[_Endpoint, ContextExceeded] | None = None
        for endpoint, next_one in self._in_turn():
            if not endpoint.may_take_more_than(too_long and too_long[0]):
                continue
            async with aclosing(endpoint.responder.reply_with_tools(messages, offer)) as pieces:
                try:
                    first = await anext(pieces)
                except ContextExceeded as error:
                    too_long = endpoint, error
                    CHAT_ENDPOINTS.labels(endpoint.responder.place, "failed").inc()
                    continue
                except ResponderError as error:
                    if not error.elsewhere:
                        raise
                    self._failed(endpoint, next_one, error)
                    if next_one is None:
                        raise
                    continue
                endpoint.answered()
                CHAT_ENDPOINTS.labels(endpoint.responder.place, "answered").inc()
                yield first
                async for piece in pieces:
                    yield piece
                return
        if too_long is not None:
            raise too_long[1]

    async def aclose(self) -> None:
        for endpoint in self._endpoints:
            await endpoint.responder.aclose()

    def _in_turn(self) -> list[tuple[_Endpoint, _Endpoint | None]]:
        """The endpoints, those that rest behind the others, each with the next one."""
        now = self._clock()
        order = sorted(self._endpoints, key=lambda each: each.rests_until > now)
        return list(zip(order, [*order[1:], None], strict=True))

    def _failed(
        self, endpoint: _Endpoint, next_one: _Endpoint | None, error: ResponderError
    ) -> None:
        endpoint.failed(self._clock())
        CHAT_ENDPOINTS.labels(endpoint.responder.place, "failed").inc()
        log.warning(
            "chat endpoint failed",
            endpoint=endpoint.responder.place,
            error=error.for_log,
            rests_s=round(endpoint.rests_until - self._clock()),
            asked_next="" if next_one is None else next_one.responder.place,
        )


def chat_responder(config: ChatConfig) -> ToolResponder:
    """The responder of a chat endpoint, with its fallbacks where it has any.

    Raises:
        ConfigError: an address of no known kind.
    """
    if not config.fallbacks:
        return ChatResponder(config)
    chain = [config, *(_filled_in(each, config) for each in config.fallbacks)]
    responders = []
    for place, each in enumerate(chain):
        setting = f"responder.chat.fallbacks.{place - 1}.base_url" if place else ""
        alone = each if place == len(chain) - 1 else each.model_copy(update={"retries": 0})
        responders.append(ChatResponder(alone, setting or "responder.chat.base_url"))
    return FallbackResponder(responders)


def _filled_in(fallback: FallbackConfig, first: ChatConfig) -> ChatConfig:
    """A fallback as a chat endpoint of its own; no key of the first one goes to it."""
    own = {
        "base_url": fallback.base_url,
        "model": fallback.model or first.model,
        "api_key_env": fallback.api_key_env,
        "context_tokens": fallback.context_tokens or first.context_tokens,
        "first_token_timeout_ms": fallback.first_token_timeout_ms or first.first_token_timeout_ms,
    }
    return first.model_copy(update={**own, "fallbacks": ()})
