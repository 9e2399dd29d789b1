"""The recordings that benches speak, cut at their last loud sample."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from vdx.bench.target import DATA
from vdx.client.realtime import WIRE_RATE
from vdx.client.recording import Clip, read_clip

TURN_CLIPS = ("ps_goforward", "ps_something", "rhasspy_lamp", "ps_cards_002")
BARGE_IN_CLIPS = ("ps_librivox_0880", "ps_librivox_0930")
LISTENING_SOUND = "uh"
OPENING = "ps_goforward"
"""What a person says to get a reply that can be interrupted."""


@lru_cache(maxsize=32)
def clip(name: str, rate: int) -> Clip:
    """A bundled recording at `rate` Hz; the room's noise follows where its speech ends."""
    return read_clip(DATA / f"{name}.wav", rate).cut_at_end()


def preload(names: Iterable[str], plan: dict[str, Any]) -> None:
    """Reads and resamples now what would make the person late later."""
    for name in names:
        clip(name, plan.get("rate", WIRE_RATE))
