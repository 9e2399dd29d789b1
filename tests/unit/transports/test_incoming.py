"""Messages become events and audio within limits, whole or not at all."""

import base64
import json
from typing import Any

import pytest

from vdx.core.errors import InvalidInput, TooLarge
from vdx.transports.realtime.incoming import MAX_TEXT_BYTES, read_audio, read_event

APPEND = "input_audio_buffer.append"
SOUND = bytes(range(256)) * 8_000
AUDIO = base64.b64encode(SOUND).decode()


async def _read(text: str) -> dict[str, Any]:
    """The event of a message as ASGI has it, and as the server hands on a long one."""
    of_utf8 = await read_event({"type": "websocket.receive", "utf8": text.encode()})
    event = await read_event({"type": "websocket.receive", "text": text})
    assert of_utf8 == event
    return event


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
async def test_a_long_append_is_taken_whole(separators: tuple[str, str]) -> None:
    event = {"event_id": "e1", "type": APPEND, "audio": AUDIO, "note": '"audio":"'}
    found = await _read(json.dumps(event, separators=separators))
    assert found | {"audio": AUDIO} == event
    assert await read_audio(found["audio"]) == SOUND
    assert await read_audio(AUDIO) == SOUND


@pytest.mark.parametrize("begin", ["", "A"])
async def test_an_encoder_may_escape_slashes(begin: str) -> None:
    """Also where the slices meet: between a backslash and its slash."""
    sound = base64.b64decode((begin + "/" * 400_000)[:400_000])
    audio = base64.b64encode(sound).decode()
    found = await _read(json.dumps({"type": APPEND, "audio": audio}).replace("/", "\\/"))
    assert await read_audio(found["audio"]) == sound


async def test_the_audio_of_a_long_event_is_not_decoded_as_text() -> None:
    """One emoji beside it would make four bytes of each of its characters."""
    event = {"event_id": "😀", "type": APPEND, "audio": AUDIO}
    found = await _read(json.dumps(event, ensure_ascii=False))
    assert found["event_id"] == "😀"
    assert isinstance(found["audio"], memoryview)
    assert await read_audio(found["audio"]) == SOUND


async def test_a_long_message_that_is_not_utf_8_is_refused() -> None:
    utf8 = b'{"event_id": "\xff", "type": "' + APPEND.encode() + b'", "audio": "%s"}'
    for audio in (b"A" * 100_000, b"A" * 2_000_000):
        with pytest.raises(InvalidInput, match="not JSON"):
            await read_event({"type": "websocket.receive", "utf8": utf8 % audio})


LONG = "x" * MAX_TEXT_BYTES


@pytest.mark.parametrize(
    "event",
    [
        {"type": "conversation.item.create", "item": LONG},
        {"type": "conversation.item.create", "audio": LONG},
        {"type": APPEND, "note": LONG},
        {"type": APPEND, "audio": "AAAA", "note": LONG},
        {"type": APPEND, "audio": {"audio": LONG}},
        [LONG],
    ],
    ids=lambda event: json.dumps(event)[:40],
)
async def test_only_audio_may_be_longer_than_a_megabyte(event: Any) -> None:
    with pytest.raises(TooLarge, match=str(MAX_TEXT_BYTES)):
        await _read(json.dumps(event))


async def test_bytes_are_counted_and_not_characters() -> None:
    text = json.dumps({"type": "x", "note": "ä" * (MAX_TEXT_BYTES // 2)}, ensure_ascii=False)
    assert len(text) < MAX_TEXT_BYTES
    with pytest.raises(TooLarge):
        await _read(text)


@pytest.mark.parametrize("tail", ["", "%%%%", "ää", "AAA", "AA==", "AAA=AAAA"], ids=repr)
async def test_a_long_audio_is_decoded_as_a_short_one(tail: str) -> None:
    for data in (tail, "A" * 65_536 * 2 + tail, "A" * 65_532 + tail, tail + "A" * 65_536 * 2):
        try:
            expected: object = base64.b64decode(data, validate=True)
            if len(expected) % 2:  # type: ignore[arg-type]
                expected = "refused"
        except ValueError:
            expected = "refused"
        try:
            found: object = await read_audio(data)
        except InvalidInput:
            found = "refused"
        assert found == expected, f"{len(data)} characters"


@pytest.mark.parametrize("text", ["5", "[]", '"x"'])
async def test_an_event_is_an_object(text: str) -> None:
    with pytest.raises(InvalidInput, match="JSON object"):
        await _read(text)
