"""What answers: the messages of a conversation in, the text of the reply out, as it is made."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol, runtime_checkable

from vdx.core.config import ResponderConfig
from vdx.core.events import Message
from vdx.core.tools import CallPiece, ToolOffer
from vdx.speech.text.responder.prompt import PromptReport


class Responder(Protocol):
    """Shared by all sessions with the same configuration; keeps no conversation of its own."""

    def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """Pieces of the answer to the last message; closing the generator cancels the work.

        Raises ResponderError when there is no answer or it breaks off.
        """
        ...

    async def aclose(self) -> None:
        """Frees connections; the responder is used up."""
        ...


Piece = str | CallPiece | PromptReport
"""What an answer is made of: text, pieces of tool calls, at its end what became of the prompt."""


@runtime_checkable
class ToolResponder(Responder, Protocol):
    """A responder that can call tools."""

    def reply_with_tools(
        self, messages: Sequence[Message], offer: ToolOffer
    ) -> AsyncGenerator[Piece, None]:
        """As `reply`; the pieces of an answer's calls come after its text."""
        ...


async def text_of(pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[str, None]:
    """The text alone of an answer; closing it closes `pieces`."""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, str):
                yield piece


class FixedText:
    """Says the same words whatever was said: greetings, apologies, text given by a client."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        del messages
        yield self._text

    async def aclose(self) -> None:
        """Nothing to free."""


def make_responder(config: ResponderConfig) -> Responder:
    """The responder that the configuration names; raises ConfigError for what it cannot use.

    The libraries of a kind are imported here and only for that kind; the chat client costs about
    a second, so make it before the first session needs it.
    """
    match config.kind:
        case "repeat":
            from vdx.speech.text.responder.repeat import RepeatResponder

            return RepeatResponder(config.repeat)
        case "script":
            from vdx.speech.text.responder.script import ScriptResponder

            return ScriptResponder(config.script)
        case "chat":
            from vdx.speech.text.responder.fallbacks import chat_responder

            return chat_responder(config.chat)
        case "local":
            from vdx.speech.text.responder.local import LocalResponder

            return LocalResponder(config.local)
