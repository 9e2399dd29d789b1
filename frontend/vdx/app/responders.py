"""The responders of a process: one for each distinct configuration, shared by all sessions."""

from vdx.dialog.profiles import SessionOptions
from vdx.speech.text.responder import Responder, make_responder


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

    async def close(self) -> None:
        """Closes the connections of every responder."""
        for responder in self._responders.values():
            await responder.aclose()
