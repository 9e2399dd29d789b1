"""The responders of a process: one for each distinct configuration, shared by all sessions."""

from contextlib import aclosing

from vdx.core.errors import VdxError
from vdx.core.events import Message
from vdx.core.logs import logger
from vdx.dialog.profiles import SessionOptions
from vdx.speech.text.responder import Responder, make_responder

log = logger(__name__)

FIRST_WORDS = "Hello."
"""What a language model is asked at start; some chat templates refuse instructions alone."""


class Responders:
    """Made when first needed. They keep connections open, and nothing of a conversation."""

    def __init__(self) -> None:
        self._responders: dict[str, Responder] = {}

    def of(self, options: SessionOptions) -> Responder:
        """The responder of a session with these options.

        The first one for a chat endpoint blocks for about 1 s, which importing its client takes.
        """
        key = options.responder.model_dump_json()
        if key not in self._responders:
            self._responders[key] = make_responder(options.responder)
        return self._responders[key]

    async def warm(self, options: SessionOptions) -> None:
        """Has a language model answer one word, so that the first turn waits no longer than others.

        The server loads the model, the beginning of every prompt is evaluated, and a connection is
        open. A failure is logged: the endpoint may come later.
        """
        responder = options.responder
        if responder.kind != "local" and not (responder.kind == "chat" and responder.chat.warm):
            return
        prompt = [Message("system", options.instructions), Message("user", FIRST_WORDS)]
        try:
            async with aclosing(self.of(options).reply([m for m in prompt if m.text])) as pieces:
                await anext(pieces, "")
        except VdxError as error:
            log.warning("the language model did not answer at start", error=error.for_log)

    async def close(self) -> None:
        """Closes the connections of every responder."""
        for responder in self._responders.values():
            await responder.aclose()
