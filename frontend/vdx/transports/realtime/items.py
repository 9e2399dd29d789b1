"""What a client sends as an item, made one of the conversation, and the other way round."""

from typing import Any, Final

from vdx.core.audio import LISTEN_RATE
from vdx.core.audio_formats import WireFormat
from vdx.core.errors import InvalidInput, UnknownName
from vdx.core.json_input import shown
from vdx.core.resample import Resampler
from vdx.core.slices import yield_to_loop
from vdx.core.validation import validated
from vdx.dialog.history import History, Item
from vdx.transports.realtime.call_items import call_of
from vdx.transports.realtime.incoming import read_audio
from vdx.transports.realtime.mcp_items import SHAPES, mcp_item_of
from vdx.transports.realtime.schema import (
    AudioPart,
    InputItem,
    ItemReference,
    NewCall,
    NewCallOutput,
    NewItem,
)

PIECE_SAMPLES: Final = 24_000
"""Samples resampled at once: a second at 24 kHz, in about a millisecond."""
PARTS: Final = {
    "user": ("input_text", "input_audio"),
    "assistant": ("output_text", "output_audio"),
    "system": ("input_text",),
}
"""What the message of each role may hold."""
ITEM_TYPES: Final = ("message", "function_call", "function_call_output", *SHAPES)


def new_message(given: object) -> NewItem:
    """A message, checked; raises InvalidInput for an item of a type that there is not."""
    kind = given.get("type") if isinstance(given, dict) else None
    if kind is not None and kind != "message":
        raise InvalidInput(
            f"item.type: there is no {shown(kind)}; there are: {', '.join(ITEM_TYPES)}",
            param="item.type",
        )
    return validated(NewItem, given, "item")


def item_of(new: NewItem, item_id: str, param: str = "item") -> Item:
    """The item; raises InvalidInput for content that its role cannot have."""
    if not (new.content or new.role == "assistant"):  # a reply has none before it begins
        raise InvalidInput(f"{param}.content is empty", param=f"{param}.content")
    for number, part in enumerate(new.content):
        if part.type == "input_audio" and part.audio == "" and part.transcript is None:
            where = f"{param}.content.{number}.audio"
            raise InvalidInput(f"{where} is empty: nothing was said", param=where)
        if part.type == "input_text" and not part.text:
            where = f"{param}.content.{number}.text"
            raise InvalidInput(f"{where} is empty: text has a character at least", param=where)
        if part.type not in PARTS[new.role]:
            raise InvalidInput(
                f"a message of the {new.role} has {' or '.join(PARTS[new.role])}, not {part.type}",
                param=f"{param}.content.{number}.type",
            )
    said = [
        (part.transcript or "") if isinstance(part, AudioPart) else part.text
        for part in new.content
    ]
    text = " ".join(filter(None, said))
    spoken = any(isinstance(part, AudioPart) for part in new.content)
    return Item(item_id, new.role, text, source=text, spoken=spoken)


def unheard(new: NewItem) -> list[AudioPart]:
    """The speech of a user's message that came without its transcript."""
    if new.role != "user":
        return []
    parts = [part for part in new.content if isinstance(part, AudioPart)]
    return [part for part in parts if part.audio and part.transcript is None]


async def speech(part: AudioPart, wire: WireFormat) -> bytes:
    """The part's audio as int16 16 kHz mono, made in slices; raises InvalidInput if it is none."""
    raw = await read_audio(part.audio, wire.sample_bytes, "item.content")
    resampler, step = Resampler(wire.rate, LISTEN_RATE), PIECE_SAMPLES * wire.sample_bytes
    pieces = []
    for at in range(0, len(raw), step):
        if at:
            await yield_to_loop()
        last = at + step >= len(raw)
        pieces.append(resampler.push(wire.decode(raw[at : at + step]), last=last).tobytes())
    return b"".join(pieces)


def items_of(given: list[InputItem], history: History) -> tuple[Item, ...]:
    """The `input` of a response.

    Raises:
        UnknownName: an item that it refers to is not there.
        InvalidInput: content that its role cannot have, or speech without its transcript.
    """
    items = []
    for number, new in enumerate(given):
        param = f"response.input.{number}"
        if isinstance(new, ItemReference):
            if (found := history.find(new.id)) is None:
                raise UnknownName(f"there is no item {shown(new.id)}", param=f"{param}.id")
            items.append(found)
            continue
        if isinstance(new, NewCall | NewCallOutput):
            items.append(call_of(new, new.id or ""))
            continue
        if not isinstance(new, NewItem):
            items.append(mcp_item_of(new, new.id or f"mcp_{number}"))
            continue
        if unheard(new):
            raise InvalidInput(
                "speech in the input of a response needs its transcript; without one, make it an "
                "item of the conversation and refer to it",
                param=f"{param}.content",
            )
        items.append(item_of(new, new.id or "", param))
    return tuple(items)


def item_id_of(event: dict[str, Any]) -> str:
    """The `item_id` of an event; raises InvalidInput where there is none."""
    item_id = event.get("item_id")
    if not isinstance(item_id, str):
        raise InvalidInput(f"item_id must be a string, got {shown(item_id)}", param="item_id")
    return item_id


def named_id(event: dict[str, Any], key: str) -> str | None:
    """The id that an event may name under `key`; raises InvalidInput where it is no string."""
    if (named := event.get(key)) is not None and not isinstance(named, str):
        raise InvalidInput(f"{key} must be a string, got {shown(named)}", param=key)
    return named
