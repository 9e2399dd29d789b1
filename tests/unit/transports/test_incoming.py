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
    return await read_event({"type": "websocket.receive", "text": text})


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
async def test_a_long_append_is_taken_whole(separators: tuple[str, str]) -> None:
    event = {"event_id": "e1", "type": APPEND, "audio": AUDIO, "note": '"audio":"'}
    assert await _read(json.dumps(event, separators=separators)) == event
    assert await read_audio(AUDIO) == SOUND


async def test_an_encoder_may_escape_slashes() -> None:
    text = json.dumps({"type": APPEND, "audio": AUDIO}).replace("/", "\\/")
    assert (await _read(text))["audio"] == AUDIO


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
