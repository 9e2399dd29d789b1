"""How one reply that a client asked for differs from those of its session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vdx.core.tools import ToolOffer
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.history import Item


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """None is what the session has.

    `items` are answered in place of the conversation. `in_conversation`: the reply becomes an item
    of it. `max_tokens` bounds the answer, `offer` are the client's tools; `metadata` is its own
    and comes back to it.
    """

    text_only: bool | None = None
    max_tokens: int | None = None
    voice: VoiceChoice | None = None
    items: tuple[Item, ...] | None = None
    in_conversation: bool = True
    offer: ToolOffer | None = None
    metadata: Mapping[str, str] | None = field(default=None, hash=False)


AS_SESSION: Final = ReplyRequest()
