"""Streams of Realtime events as hypothesis makes them up: sensible, spoilt, and nonsense."""

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LENGTH = 50
"""Messages of one stream."""
IDS = ("nobody", "item_0", "", "x" * 65, "item_1")
VOICES = ("alloy", "tone", "tone/fault:error", "nobody", "canned", "")
UNSENDABLE = (
    '{"type": "response.create", "response": {"metadata": ' + "9" * 5_000 + "}}",
    '{"type": "conversation.item.truncate", "item_id": "item_0", "audio_end_ms": NaN}',
    '{"type": "conversation.item.truncate", "item_id": "item_0", "audio_end_ms": 1e999}',
    r'{"type": "conversation.item.delete", "item_id": "\ud800"}',
    '{"type": "session.update", "session": ' + "[" * 900 + "]" * 900 + "}",
)
"""JSON that Python's encoder does not write."""
LONG_TEXTS = (1_000, 100_000, 256 * 1024 + 1, 1_100_000)
"""Characters; the last two are beyond an item's limit and a message's."""


def _json() -> "SearchStrategy[Any]":
    from hypothesis import strategies as st

    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.floats(allow_nan=False)
        | st.text(max_size=20)
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
        ),
        max_leaves=8,
    )


def _audio() -> "SearchStrategy[str]":
    from hypothesis import strategies as st

    def sound(seed: int, level: int, samples: int) -> str:
        noise = np.random.default_rng(seed).integers(-level - 1, level + 1, samples)
        return base64.b64encode(noise.astype("<i2").tobytes()).decode()

    made = st.builds(
        sound, st.integers(0, 99), st.sampled_from([0, 300, 30_000]), st.sampled_from([480, 9_600])
    )
    return made | st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode())


def _session() -> "SearchStrategy[Any]":
    from hypothesis import strategies as st

    detection = st.none() | st.fixed_dictionaries(
        {"type": st.sampled_from(["server_vad", "semantic_vad", "none"])},
        optional={
            "silence_duration_ms": st.integers(-5, 20_000),
            "create_response": st.booleans(),
            "interrupt_response": st.booleans(),
        },
    )
    rate = st.fixed_dictionaries(
        {"type": st.just("audio/pcm"), "rate": st.sampled_from([8_000, 16_000, 24_000, 48_000])}
    )
    audio = st.fixed_dictionaries(
        {},
        optional={
            "input": st.fixed_dictionaries(
                {}, optional={"format": rate, "turn_detection": detection}
            ),
            "output": st.fixed_dictionaries(
                {},
                optional={
                    "voice": st.sampled_from(VOICES),
                    "speed": st.floats(0, 5),
                    "format": rate,
                },
            ),
        },
    )
    return st.fixed_dictionaries(
        {"type": st.sampled_from(["realtime", "transcription"])},
        optional={
            "instructions": st.text(max_size=50),
            "audio": audio,
            "vdx": st.fixed_dictionaries({}, optional={"events": st.booleans()}),
        },
    )


def _sensible() -> "SearchStrategy[dict[str, Any]]":
    """Events a client might send, with ids and values that may not fit."""
    from hypothesis import strategies as st

    ids = st.sampled_from(IDS)
    part = st.fixed_dictionaries(
        {"type": st.sampled_from(["input_text", "output_text"]), "text": st.text(max_size=80)}
    )
    item = st.fixed_dictionaries(
        {
            "type": st.just("message"),
            "role": st.sampled_from(["user", "assistant", "system"]),
            "content": st.lists(part, max_size=2),
        },
        optional={"id": ids},
    )
    fields: dict[str, dict[str, SearchStrategy[Any]]] = {
        "session.update": {"session": _session()},
        "input_audio_buffer.append": {"audio": _audio()},
        "input_audio_buffer.commit": {},
        "input_audio_buffer.clear": {},
        "conversation.item.create": {"item": item, "previous_item_id": ids},
        "conversation.item.truncate": {
            "item_id": ids,
            "content_index": st.integers(-1, 2),
            "audio_end_ms": st.integers(-1, 10_000),
        },
        "conversation.item.delete": {"item_id": ids},
        "conversation.item.retrieve": {"item_id": ids},
        "response.create": {"response": st.fixed_dictionaries({}) | st.none()},
        "response.cancel": {},
    }
    return st.one_of(
        *(
            st.fixed_dictionaries({"type": st.just(name)}, optional=values)
            for name, values in fields.items()
        )
    )


def _spoilt(event: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {**event, key: value}


def _long_item(characters: int) -> str:
    part = {"type": "input_text", "text": "Some words. " * (characters // 12 + 1)}
    item = {"type": "message", "role": "user", "content": [part]}
    return json.dumps({"type": "conversation.item.create", "item": item})


def streams() -> "SearchStrategy[list[str | bytes]]":
    """Lists of LENGTH messages: most are events, some are spoilt, some are no events at all."""
    from hypothesis import strategies as st

    sensible = _sensible()
    keys = st.sampled_from(["type", "audio", "item", "session", "item_id", "response", "event_id"])
    spoilt = st.builds(_spoilt, sensible, keys, _json())
    text = (sensible | sensible | sensible | spoilt | _json()).map(json.dumps)
    rare = st.sampled_from((*UNSENDABLE, *map(_long_item, LONG_TEXTS)))
    odd = st.text(max_size=40) | st.binary(max_size=40) | rare
    message = text | text | text | text | odd
    return st.lists(message, min_size=LENGTH, max_size=LENGTH)
