"""The recordings that benches speak, cut at their last loud sample."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from vdx.bench.target import DATA
from vdx.client.realtime import WIRE_RATE
from vdx.client.recording import Clip, read_clip
from vdx.core.paths import locate

TURN_CLIPS = ("ps_goforward", "ps_something", "rhasspy_lamp", "ps_cards_002")
BARGE_IN_CLIPS = ("ps_librivox_0880", "ps_librivox_0930")
LISTENING_SOUND = "uh"
OPENING = "ps_goforward"
"""What a person says to get a reply that can be interrupted."""


def recording(name: str) -> Path:
    """The file of a bundled recording: one made for the benches, else one of a user."""
    own = DATA / f"{name}.wav"
    return own if own.exists() else locate().recordings / f"{name}.wav"


@lru_cache(maxsize=32)
def clip(name: str, rate: int) -> Clip:
    """A bundled recording at `rate` Hz; `MicrophoneFeed` sends room noise after it."""
    return read_clip(recording(name), rate).cut_at_end()


def preload(names: Iterable[str], plan: dict[str, Any]) -> None:
    """Reads and resamples recordings before the run, so that no frame is sent late for it."""
    for name in names:
        clip(name, plan.get("rate", WIRE_RATE))
