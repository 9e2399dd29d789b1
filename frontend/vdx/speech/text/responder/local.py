"""The language model that llama.cpp serves on this machine."""

from collections.abc import Mapping
from typing import ClassVar

from vdx.core.config import ChatConfig, LocalConfig
from vdx.core.errors import ConfigError, LanguageModelFailed, ResponderError
from vdx.core.paths import expanded
from vdx.speech.text.responder.chat import ChatResponder
from vdx.speech.text.responder.chat_client import UNIX

RETRIES = 10
"""Until its process runs again; `first_token_timeout_ms` is the limit."""


class LocalResponder(ChatResponder):
    """A chat endpoint on the Unix socket of the process that vdx has started.

    A reply that is asked for while the process is restarted waits for it.
    """

    error: ClassVar[type[ResponderError]] = LanguageModelFailed
    # llama.cpp notices that a client has left when it sends something, which it otherwise does not
    # while it evaluates a prompt.
    extra_body: ClassVar[Mapping[str, object] | None] = {"return_progress": True}
    # The same process with the same prompt: it would most likely say nothing again.
    retries_silence: ClassVar[bool] = False

    def __init__(self, config: LocalConfig) -> None:
        if config.socket is None:
            raise ConfigError("responder.local: no language model has been started")
        chat = ChatConfig(
            base_url=f"{UNIX}{expanded(config.socket, 'responder.local.socket')}",
            model=config.name,
            temperature=config.temperature,
            max_tokens=config.reply_tokens,
            first_token_timeout_ms=config.first_token_timeout_ms,
            next_token_timeout_ms=config.next_token_timeout_ms,
            context_tokens=config.context_tokens,
            retries=RETRIES,
        )
        super().__init__(chat)

    def _named(self) -> str:
        return f"the language model {self._config.model}"
