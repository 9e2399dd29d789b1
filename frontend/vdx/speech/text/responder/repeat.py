"""Repeats what the user said."""

from collections.abc import AsyncGenerator, Sequence
from string import Formatter

from vdx.core.config import RepeatConfig
from vdx.core.errors import ConfigError
from vdx.core.events import Message

KEY = "responder.repeat.template"


class RepeatResponder:
    """Fills a template with the user's last message, in place of `{text}`."""

    def __init__(self, config: RepeatConfig) -> None:
        self._template = config.template
        try:
            fields = [name for _, name, _, _ in Formatter().parse(config.template)]
        except ValueError as error:
            raise ConfigError(f"{KEY}: {config.template!r}: {error}") from error
        for name in fields:
            if name not in (None, "text"):
                raise ConfigError(
                    f"{KEY}: {config.template!r} has {{{name}}}; only {{text}} is known"
                )

    async def reply(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """One piece: the filled template; nothing where there is no message of the user."""
        said = next((m.text.strip() for m in reversed(messages) if m.role == "user"), "")
        if said:
            yield self._template.format(text=said)

    async def aclose(self) -> None:
        """Nothing to free."""
