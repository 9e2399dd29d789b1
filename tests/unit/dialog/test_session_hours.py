"""Hours of conversation on the virtual clock: prompt, memory and first word stay as they were.

The model's window is small and its speed that of a machine's own: it evaluates what it has not in
its cache, so that a prompt which grows, or begins otherwise each turn, makes the first word late.
"""

import asyncio
import statistics

import pytest

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.models import Model, tokens
from tests.unit.dialog.stage import Scene, scene
from tests.unit.dialog.test_session_day import forget_what_was_recorded, objects
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, LocalConfig, ResponderConfig, SessionConfig
from vdx.core.events import SessionState
from vdx.dialog.session_events import ReplyDone

CONTEXT = 2048
EVERY_S = 15.0
SPOKEN = 20
"""Each so many turns one is spoken; the others are typed, which costs less to simulate."""
ANSWER = ("That is a good question, ", "and the answer to it is not short. ", "It depends.")
SENTENCE = "In turn number {} the user asks for something else, and says why it matters."
SETTINGS = Config(
    responder=ResponderConfig(
        kind="local", local=LocalConfig(context_tokens=CONTEXT, model="tiny")
    ),
    session=SessionConfig(
        idle_timeout_seconds=0, max_session_duration_seconds=0, max_messages_per_session=0
    ),
)


async def first_word_s(stage: Scene, number: int) -> float:
    """One turn; seconds from its end to the first frame of the answer."""
    loop = asyncio.get_running_loop()
    if number % SPOKEN == 0:
        await stage.person_says(silence_ms=0)
        began = loop.time()
        await stage.until(SessionState.SPEAKING)
    else:
        began = loop.time()
        stage.session.type_text(SENTENCE.format(number))
    await stage.transport.wait_for(ReplyDone)
    return stage.transport.rows[0][0] - began


@pytest.mark.parametrize(
    "hours",
    [
        0.3,
        # A session looks at its limits twenty times a second; the shorter one is the cheaper guard.
        pytest.param(2.0, marks=pytest.mark.long),
    ],
)
@on_virtual_time
async def test_prompt_memory_and_first_word_stay_flat(hours: float) -> None:
    turns = round(hours * 3600 / EVERY_S)
    settled = turns // 3
    heard = [Heard(SENTENCE.format(number)) for number in range(0, turns, SPOKEN)]
    model = Model(default=ANSWER, context=CONTEXT, summary="The user asks many things.")
    first: list[float] = []
    sizes: list[int] = []
    held: dict[int, int] = {}
    async with scene(*heard, responder=model, config=SETTINGS) as stage:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(turns):
            first.append(await first_word_s(stage, number))
            sizes.append(max(tokens(prompt) for prompt in model.prompts))
            forget_what_was_recorded(stage)
            del model.prompts[:-1]
            model.evaluated.clear()
            await asyncio.sleep(max(0.0, began + (number + 1) * EVERY_S - loop.time()))
            if number in (settled, turns - 1):
                held[number] = objects()
        items = len(stage.session.history)
    typed = [each for number, each in enumerate(first) if number % SPOKEN]
    early, late = typed[: len(typed) // 3], typed[-len(typed) // 3 :]
    grown = (held[turns - 1] - held[settled]) / (turns - 1 - settled)
    print(
        f"\n{hours:g} h, {turns} turns, {items} items: prompt at most {max(sizes)} of {CONTEXT} "
        f"tokens; {len(model.notes)} summaries; first word {statistics.median(early):.3f} s early, "
        f"{statistics.median(late):.3f} s late, {max(late):.3f} s at most; "
        f"{grown:.1f} objects a turn more"
    )
    assert model.refused == 0
    assert max(sizes) <= CONTEXT
    assert len(model.notes) <= turns // 8  # in large steps
    assert statistics.median(late) <= statistics.median(early) + 0.02
    # A new prompt, with a summary, is evaluated before the next turn.
    assert max(late) <= max(early) + 0.05
    # An item of the history is a handful of objects, two a turn, and the times of the words that
    # were spoken, by which a client may cut it; anything else that stays shows.
    assert grown <= 24 + len("".join(ANSWER).split())
