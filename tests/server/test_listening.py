"""Listening in hard conditions, over the real server: pauses to think."""

import numpy as np
import pytest

from tests.server.talk import Samples, Talk, clip, talking

RATE = 24_000
THINKING_S = 0.8


def thinking() -> Samples:
    """A person who pauses in the middle, longer than the end of a turn usually takes."""
    noise = np.random.default_rng(1).normal(0, 20, int(THINKING_S * RATE)).astype(np.int16)
    return np.concatenate([clip("ps_cards_001"), noise, clip("ps_goforward")])


async def _turns(talk: Talk) -> int:
    """How many turns a person makes who pauses to think once."""
    await talk.say(thinking(), then_s=2)
    await talk.wait("response.done")
    return len(talk.of("input_audio_buffer.speech_stopped"))


async def test_a_pause_after_unfinished_words_is_waited_out(server: str) -> None:
    async with talking(server, "unfinished", session={"vdx": {"events": True}}) as talk:
        assert await _turns(talk) == 1
        (answer,) = talk.of("response.done")
        said = answer["response"]["output"][0]["content"][0]["transcript"]
        assert said == "You said: I would like to"
        assert talk.of("vdx.turn")[0]["stages"]["endpoint"] >= 1100, "a bound, and not before"


@pytest.mark.parametrize("model", ["vdx", "hasty"])
async def test_after_finished_words_or_switched_off_it_is_not(server: str, model: str) -> None:
    async with talking(server, model) as talk:
        assert await _turns(talk) == 2
