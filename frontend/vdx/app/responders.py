"""The responders of a process: one for each distinct configuration, shared by all sessions."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path

from vdx.core.config import ResponderConfig
from vdx.core.errors import VdxError
from vdx.core.events import Message
from vdx.core.logs import logger
from vdx.dialog.profiles import SessionOptions
from vdx.speech.text.responder import Responder, make_responder

log = logger(__name__)

WARM_S = 3.0
"""How long the start waits for the first words of the language models; they go on after it."""
FIRST_WORDS = "Hello."
"""What a language model is asked at start; some chat templates refuse instructions alone."""


class Responders:
    """Made when first needed. They keep connections open, and nothing of a conversation."""

    def __init__(self) -> None:
        self._responders: dict[str, Responder] = {}
        self._warming: set[asyncio.Task[None]] = set()

    def of(self, options: SessionOptions) -> Responder:
        """The responder of a session with these options.

        The first one for a chat endpoint blocks for about 1 s, which importing its client takes.
        """
        key = options.responder.model_dump_json()
        if key not in self._responders:
            self._responders[key] = make_responder(options.responder)
        return self._responders[key]

    async def warm(self, profiles: Iterable[SessionOptions]) -> None:
        """Has each language model answer one word, so that the first turn waits no longer.

        The server loads the model, the beginning of every prompt is evaluated, and a connection is
        open. Returns after WARM_S at the latest; what is not done then goes on beside sessions.
        """
        started = self._start_warming(profiles)
        if started:
            await asyncio.wait(started, timeout=WARM_S)

    def warm_again(self, profiles: Iterable[SessionOptions], socket: Path) -> None:
        """The same beside sessions, for the language model at `socket`, whose process is new."""
        self._start_warming(each for each in profiles if each.responder.local.socket == socket)

    async def close(self) -> None:
        """Closes the connections of every responder."""
        for task in self._warming:
            task.cancel()
        await asyncio.gather(*self._warming, return_exceptions=True)
        for responder in self._responders.values():
            await responder.aclose()

    def _start_warming(self, profiles: Iterable[SessionOptions]) -> list[asyncio.Task[None]]:
        started = [
            asyncio.create_task(self._warm(each), name=f"warm-{each.profile}")
            for each in profiles
            if _can_be_warmed(each.responder)
        ]
        self._warming.update(started)
        for task in started:
            task.add_done_callback(self._warming.discard)
        return started

    async def _warm(self, options: SessionOptions) -> None:
        """A failure is logged: the endpoint may come later."""
        prompt = [Message("system", options.instructions), Message("user", FIRST_WORDS)]
        try:
            async with aclosing(self.of(options).reply([m for m in prompt if m.text])) as pieces:
                await anext(pieces, "")
        except VdxError as error:
            log.warning("the language model did not answer at start", error=error.for_log)
        except Exception:  # the root of this task: nobody else would learn of it
            log.exception("the language model could not be asked at start")


def _can_be_warmed(responder: ResponderConfig) -> bool:
    return responder.kind == "local" or (responder.kind == "chat" and responder.chat.warm)
