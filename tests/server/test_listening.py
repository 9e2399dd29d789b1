"""Listening in hard conditions, over the real server: pauses to think, the bot's own echo."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

import numpy as np
import pytest

from tests.server.talk import Event, Samples, Talk, clip, talking

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
    second_ms = (clip("ps_cards_001").size / RATE + THINKING_S) * 1000
    found = []
    for _ in range(TRIES):  # a machine that stalls for longer than a pause makes more of them
        async with talking(server, model) as talk:
            assert await _turns(talk) >= 2, "it was waited out"
            ends = [each["audio_end_ms"] for each in talk.of("input_audio_buffer.speech_stopped")]
        # What follows is said over the reply, whose gate may part it.
        found.append(sum(end < second_ms for end in ends))
        if found[-1] == 1:
            return
    raise AssertionError(f"the first half was never one turn: {found}")


ECHO_S = 0.12
ECHOED_S = 6.0
TORN_S = 0.06
"""A machine that stalls for longer tears the echo from what was played, as no room does."""
TRIES, TORN_TRIES = 3, 8
"""A stall of the server alone is not seen here, so that one pause proves nothing yet."""


async def _echoed(
    talk: Talk, response_id: str, gain: float, seconds: float, pauses: Callable[[], list[Event]]
) -> bool:
    """A loudspeaker beside the microphone: what came of the reply is heard again, later.

    Plays as a client does: in real time what has come, and silence while nothing more has. Ends
    at the first pause. Returns whether sound and echo kept their distance all the time.
    """
    frame, at = RATE // 50, 0
    chance = np.random.default_rng(2)
    on_its_way = deque([np.zeros(frame)] * int(ECHO_S * 50))
    began = time.monotonic()
    late_s, starved = 0.0, 0
    for number in range(int(seconds * 50)):
        if pauses():
            break
        await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
        late_s = max(late_s, time.monotonic() - began - number * 0.02)
        piece = talk.audio(response_id)[at : at + frame]
        whole = piece.size == frame
        at += frame if whole else 0
        starved += 0 if whole else 1
        on_its_way.append(piece * gain if whole else np.zeros(frame))
        await talk.append((on_its_way.popleft() + chance.normal(0, 10, frame)).astype(np.int16))
    return late_s <= TORN_S and starved * 0.02 <= TORN_S


async def _interrupts_itself(
    url: str, model: str, gain: float, session: Event, learnt_ms: int = 0
) -> tuple[list[Event], bool]:
    """The pauses of a reply that nobody interrupts but its own echo, and whether it was whole.

    Those of its first `learnt_ms` do not count.
    """
    session = {"vdx": {"events": True, **session}}
    async with talking(url, model, session=session) as talk:
        await talk.say(clip("ps_cards_001"), then_s=0.5)
        created = await talk.wait("response.created")
        await talk.wait("response.output_audio.delta")

        def pauses() -> list[Event]:
            found = talk.of("vdx.playout.paused")
            return [pause for pause in found if pause["played_ms"] >= learnt_ms]

        whole = await _echoed(talk, created["response"]["id"], gain, ECHOED_S, pauses)
        return pauses(), whole


@pytest.mark.long  # what proves the next test: tests/unit/speech/test_echo_guard.py too
async def test_without_any_care_the_bot_interrupts_itself(server: str) -> None:
    pauses, _ = await _interrupts_itself(server, "echo-careless", 0.3, {})
    assert pauses


@pytest.mark.parametrize(
    ("model", "gain", "session"),
    [
        ("echo-guarded", 0.1, {}),
        # tests/unit/speech/test_aec.py guards what is cancelled.
        pytest.param("echo-careless", 0.3, {"echo_cancellation": True}, marks=pytest.mark.long),
    ],
)
async def test_the_bot_does_not_interrupt_itself(
    server: str, model: str, gain: float, session: Event
) -> None:
    # A canceller needs a second to learn the room.
    learnt_ms = 2000 if session else 0
    torn = counted = 0
    while counted < TRIES and torn < TORN_TRIES:
        pauses, whole = await _interrupts_itself(server, model, gain, session, learnt_ms)
        if not pauses:
            return
        counted, torn = counted + whole, torn + (not whole)
    pytest.fail(f"it paused each time, {torn} times with a torn echo; at last: {pauses}")


async def test_a_session_says_whether_its_echo_is_cancelled(server: str) -> None:
    async with talking(server, session={"vdx": {"echo_cancellation": True}}) as talk:
        assert talk.of("session.updated")[-1]["session"]["vdx"]["echo_cancellation"] is True
        done = await talk.full_turn()
        assert done["response"]["status"] == "completed"
