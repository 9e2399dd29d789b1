"""How much of a conversation a responder's model takes at once."""

from dataclasses import dataclass
from typing import Final

from vdx.core.config import LocalConfig, ResponderConfig
from vdx.core.errors import ConfigError
from vdx.core.json_input import utf8_size

BYTES_PER_TOKEN: Final = 3.0
"""Of text until an endpoint has counted its tokens: English has 4, Chinese 2 to 3 in most."""
LOCAL_BYTES_PER_TOKEN: Final = 2.0
"""The same of a small model's tokenizer, at least."""
MOST_BYTES_PER_TOKEN: Final = 6
"""Of any text that instructions are made of."""
LONGEST_REPLY: Final = 1024
"""Tokens that are left for a reply without `max_tokens`; a quarter of a small context."""


@dataclass(frozen=True, slots=True)
class Window:
    """The context of a model: `context` tokens in all, of which a prompt may have `prompt`.

    `bytes_per_token` is an estimate for as long as nothing was counted; `key` names the setting.
    `alone`: the model makes one answer at a time, so a summary would keep a reply waiting.
    """

    context: int
    prompt: int
    bytes_per_token: float
    key: str
    alone: bool = False


def window_of(config: ResponderConfig) -> Window | None:
    """The window that the configuration names; None where it names none.

    With fallbacks it is the smallest: any of them may be asked.
    """
    if config.kind == "local":
        return _local_window(config.local)
    chat = config.chat
    named = [chat.context_tokens, *(each.context_tokens for each in chat.fallbacks)]
    contexts = [tokens for tokens in named if tokens is not None]
    if config.kind != "chat" or not contexts:
        return None
    context = min(contexts)
    reply = chat.max_tokens or min(LONGEST_REPLY, context // 4)
    prompt = max(context // 2, context - reply)
    return Window(context, prompt, BYTES_PER_TOKEN, "responder.chat.context_tokens")


def check_instructions(config: ResponderConfig, instructions: str) -> None:
    """Raises ConfigError where a window surely has no room for the instructions alone.

    With tools, or where it is less sure, the reply says so (`ContextTooSmall`).
    """
    window = window_of(config)
    least = utf8_size(instructions) // MOST_BYTES_PER_TOKEN
    if window is not None and least > window.context:
        raise ConfigError(
            f"{window.key} is {window.context}, but the instructions alone are {least} tokens or "
            f"more (estimated, {MOST_BYTES_PER_TOKEN} bytes each)"
        )


def _local_window(local: LocalConfig) -> Window:
    """That of the language model on this machine, whose process is given its size."""
    context = local.context_tokens
    prompt = max(context // 2, context - local.reply_tokens)
    key, alone = "responder.local.context_tokens", local.parallel == 1
    return Window(context, prompt, LOCAL_BYTES_PER_TOKEN, key, alone)
