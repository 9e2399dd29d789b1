"""What arrives on a socket made into events and audio, without holding up the event loop."""

import base64
import re
from typing import Any, Final

from vdx.core.audio import SAMPLE_BYTES
from vdx.core.errors import InvalidInput, TooLarge
from vdx.core.json_input import parse_json, shown, utf8_size
from vdx.core.slices import rest

MAX_TEXT_BYTES: Final = 1024 * 1024
"""Of a message beside its audio."""
MAX_ID_CHARS: Final = 512
"""Of an `event_id`; the protocol's own limit."""
AUDIO_EVENT: Final = "input_audio_buffer.append"
_AT_ONCE: Final = 64 * 1024
"""Characters handled without letting others run in between: some hundred microseconds."""
_AUDIO: Final = re.compile(r'"audio"\s{0,9}:\s{0,9}"')
_HEAD: Final = 4096
"""Where in a long message its audio must begin."""


async def read_event(message: dict[str, Any]) -> dict[str, Any]:
    """The event in a message of the server; takes the text out of it, which may be 16 MB.

    Raises:
        InvalidInput: the message is no JSON object, or (TooLarge) has more than MAX_TEXT_BYTES
            beside audio.
    """
    text = message.pop("text", None)
    if text is None:
        raise InvalidInput("events are JSON text, this was a binary message", param="message")
    if len(text) <= _AT_ONCE:
        return _event(text)
    await rest()
    if utf8_size(text) <= MAX_TEXT_BYTES:
        return _event(text)
    return _with_audio(text)


def event_id_of(event: dict[str, Any]) -> str | None:
    """The client's own id of its event; raises InvalidInput where it is too long."""
    event_id = event.get("event_id")
    if not isinstance(event_id, str):
        return None
    if len(event_id) > MAX_ID_CHARS:
        raise InvalidInput(f"event_id has more than {MAX_ID_CHARS} characters", param="event_id")
    return event_id


async def read_audio(data: object) -> bytes:
    """The samples of an append, decoded in slices.

    Raises:
        InvalidInput: it is not base64 of whole samples.
    """
    if not isinstance(data, str):
        raise InvalidInput(f"audio must be a base64 string, got {shown(data)}", param="audio")
    pieces = []
    for at in range(0, len(data), _AT_ONCE):
        if at:
            await rest()
        pieces.append(_decoded(data[at : at + _AT_ONCE]))
        if at + _AT_ONCE < len(data) and len(pieces[-1]) != _AT_ONCE // 4 * 3:
            raise InvalidInput("audio is not base64: padding before its end", param="audio")
    raw = b"".join(pieces)
    if len(raw) % SAMPLE_BYTES:
        message = f"audio must hold whole 16-bit samples, got {len(raw)} bytes"
        raise InvalidInput(message, param="audio")
    return raw


def _event(text: str) -> dict[str, Any]:
    event = parse_json(text, "the message", param="message")
    if not isinstance(event, dict):
        raise InvalidInput(f"an event is a JSON object, got {shown(event)}", param="message")
    return event


def _with_audio(text: str) -> dict[str, Any]:
    """A long event, parsed around its audio: the parser cannot be interrupted."""
    found = _AUDIO.search(text, 0, _HEAD)
    end = text.find('"', found.end()) if found else -1
    size = utf8_size(text)
    if found is not None and end > 0:
        audio = text[found.end() : end]
        event_text = text[: found.end()] + text[end:]
        size = utf8_size(event_text)
        if size <= MAX_TEXT_BYTES:
            event = _event(event_text)
            if event.get("type") == AUDIO_EVENT and event.get("audio") == "":
                event["audio"] = audio.replace("\\/", "/")  # some encoders escape it
                return event
            size = utf8_size(text)
    raise TooLarge(
        f"a message may have {MAX_TEXT_BYTES} bytes beside the audio of {AUDIO_EVENT}, "
        f"this one has {size}",
        param="message",
    )


def _decoded(piece: str) -> bytes:
    try:
        return base64.b64decode(piece, validate=True)
    except ValueError as error:  # binascii.Error, or a character that is not ASCII
        raise InvalidInput(f"audio is not base64: {error}", param="audio") from None
