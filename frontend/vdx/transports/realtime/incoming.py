"""What arrives on a socket made into events and audio, without holding up the event loop."""

import base64
import re
from typing import Any, Final

from vdx.core.audio import SAMPLE_BYTES
from vdx.core.errors import InvalidInput, TooLarge
from vdx.core.json_input import parse_json, shown
from vdx.core.slices import yield_to_loop

MAX_TEXT_BYTES: Final = 1024 * 1024
"""Of a message beside its audio."""
MAX_ID_CHARS: Final = 512
"""Of an `event_id`; the protocol's own limit."""
AUDIO_EVENT: Final = "input_audio_buffer.append"
_AT_ONCE: Final = 64 * 1024
"""Bytes handled without letting others run in between: some hundred microseconds."""
_AUDIO: Final = re.compile(rb'"audio"\s{0,9}:\s{0,9}"')
_HEAD: Final = 4096
"""Where in a long message its audio must begin."""


async def read_event(message: dict[str, Any]) -> dict[str, Any]:
    """The event in a message of the server; takes the text out of it, which may be 16 MB.

    The audio of a long event is left as the bytes that arrived, for `read_audio`.

    Raises:
        InvalidInput: the message is no JSON object, or (TooLarge) has more than MAX_TEXT_BYTES
            beside audio.
    """
    text: str | bytes | None = message.pop("utf8", None) or message.pop("text", None)
    if text is None:
        raise InvalidInput("events are JSON text, this was a binary message", param="message")
    if len(text) <= _AT_ONCE:
        return _event(text)
    await yield_to_loop()
    utf8 = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(utf8) <= MAX_TEXT_BYTES:
        return _event(bytes(utf8))
    return _with_audio(utf8)


def event_id_of(event: dict[str, Any]) -> str | None:
    """The client's own id of its event; raises InvalidInput where it is too long."""
    event_id = event.get("event_id")
    if not isinstance(event_id, str):
        return None
    if len(event_id) > MAX_ID_CHARS:
        raise InvalidInput(f"event_id has more than {MAX_ID_CHARS} characters", param="event_id")
    return event_id


def cut_of(event: dict[str, Any]) -> int:
    """The `audio_end_ms` of a truncation; raises InvalidInput where it, or its part, is none."""
    if (index := event.get("content_index", 0)) != 0 or isinstance(index, bool):
        raise InvalidInput(
            f"content_index must be 0, the audio of the item, got {shown(index)}",
            param="content_index",
        )
    audio_end_ms = event.get("audio_end_ms")
    if not isinstance(audio_end_ms, int) or isinstance(audio_end_ms, bool) or audio_end_ms < 0:
        raise InvalidInput(
            f"audio_end_ms must be an integer of 0 or more, got {shown(audio_end_ms)}",
            param="audio_end_ms",
        )
    return audio_end_ms


async def read_audio(data: object, sample_bytes: int = SAMPLE_BYTES, param: str = "audio") -> bytes:
    """The samples of an append, each of `sample_bytes`, decoded in slices.

    `param` is what errors call their place.

    Raises:
        InvalidInput: it is not base64 of whole samples.
    """
    if isinstance(data, str):
        data = data.encode("ascii", "replace")
    elif isinstance(data, memoryview):
        data = await _unescaped(data)
    if not isinstance(data, bytes | memoryview):
        raise InvalidInput(f"audio must be a base64 string, got {shown(data)}", param=param)
    pieces = []
    for at in range(0, len(data), _AT_ONCE):
        if at:
            await yield_to_loop()
        pieces.append(_decoded(data[at : at + _AT_ONCE], param))
        if at + _AT_ONCE < len(data) and len(pieces[-1]) != _AT_ONCE // 4 * 3:
            raise InvalidInput("audio is not base64: padding before its end", param=param)
    raw = b"".join(pieces)
    if len(raw) % sample_bytes:
        message = f"audio must hold whole 16-bit samples, got {len(raw)} bytes"
        raise InvalidInput(message, param=param)
    return raw


async def _unescaped(data: memoryview) -> memoryview:
    r"""`data` without the backslash of `\/`, as some encoders write a slash."""
    whole, held = bytearray(), b""
    for at in range(0, len(data), _AT_ONCE):
        piece = held + data[at : at + _AT_ONCE]
        held = b"\\" if piece.endswith(b"\\") else b""
        whole += piece[: len(piece) - len(held)].replace(b"\\/", b"/")
        if at:
            await yield_to_loop()
    whole += held
    return memoryview(whole)


def _event(text: str | bytes) -> dict[str, Any]:
    event = parse_json(text, "the message", param="message")
    if not isinstance(event, dict):
        raise InvalidInput(f"an event is a JSON object, got {shown(event)}", param="message")
    return event


def _with_audio(utf8: bytes) -> dict[str, Any]:
    """A long event, parsed around its audio: the parser cannot be interrupted."""
    found = _AUDIO.search(utf8, 0, _HEAD)
    end = utf8.find(b'"', found.end()) if found else -1
    size = len(utf8)
    if found is not None and end > 0:
        beside = len(utf8) - (end - found.end())
        if beside <= MAX_TEXT_BYTES:
            event = _event(bytes(utf8[: found.end()] + utf8[end:]))
            if event.get("type") == AUDIO_EVENT and event.get("audio") == "":
                event["audio"] = memoryview(utf8)[found.end() : end]
                return event
        else:
            size = beside
    raise TooLarge(
        f"a message may have {MAX_TEXT_BYTES} bytes beside the audio of {AUDIO_EVENT}, "
        f"this one has {size}",
        param="message",
    )


def _decoded(piece: bytes | memoryview, param: str) -> bytes:
    try:
        return base64.b64decode(piece, validate=True)
    except ValueError as error:  # binascii.Error
        raise InvalidInput(f"audio is not base64: {error}", param=param) from None
