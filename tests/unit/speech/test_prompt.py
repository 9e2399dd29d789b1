"""How a prompt is cut: its beginning stays the same over many turns."""

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from vdx.core.events import Message
from vdx.speech.text.responder.prompt import cut_prompt, lower_limit, prompt_size

SYSTEM = Message("system", "Be brief.")


def conversation(turns: int) -> list[Message]:
    """Instructions, and so many turns, the last without its answer yet."""
    messages = [SYSTEM]
    for number in range(turns):
        messages += [Message("user", f"question {number:03}"), Message("assistant", "x" * 30)]
    return messages[:-1]


def test_what_fits_is_left_as_it_is() -> None:
    messages = conversation(5)
    assert cut_prompt(messages, None) is messages
    assert cut_prompt(messages, prompt_size(messages)) is messages


def test_the_beginning_changes_once_in_many_turns() -> None:
    most = 600
    beginnings = []
    for turns in range(1, 101):
        cut = cut_prompt(conversation(turns), most)
        assert cut[0] == SYSTEM
        assert cut[1].role == "user"
        assert prompt_size(cut) <= most
        beginnings.append(cut[1].text)
    changes = sum(before != after for before, after in itertools.pairwise(beginnings))
    per_turn = prompt_size(conversation(2)) - prompt_size(conversation(1))
    # One by one it would change with nearly each of the hundred turns.
    assert 1 < changes <= 100 * per_turn / (most / 2 - per_turn) + 1


def test_the_newest_message_stays_whatever_its_size() -> None:
    messages = [
        SYSTEM,
        Message("user", "a" * 50),
        Message("assistant", "b"),
        Message("user", "c" * 99),
    ]
    assert cut_prompt(messages, 20) == [SYSTEM, messages[-1]]
    assert cut_prompt([messages[-1]], 5) == [messages[-1]]
    assert cut_prompt([], 0) == []


def test_a_refused_prompt_is_tried_with_the_next_limit_of_a_fixed_series() -> None:
    series = {lower_limit(size) for size in range(257, 5000)}
    assert len(series) == 11
    assert all(size / 2 <= lower_limit(size) < size for size in range(2, 5000))
    assert [lower_limit(size) for size in (256, 255, 1)] == [192, 191, 0]


@given(
    st.lists(
        st.builds(Message, st.sampled_from(["user", "assistant"]), st.text(max_size=40)),
        max_size=30,
    ),
    st.integers(0, 400),
)
@example([Message("user", ""), Message("user", "")], 0)
@example([Message("user", "0"), Message("user", ""), Message("user", "")], 0)
def test_a_cut_prompt_is_the_instructions_and_the_end(messages: list[Message], most: int) -> None:
    whole = [SYSTEM, *messages]
    cut = list(cut_prompt(whole, most))
    assert cut[:1] == [SYSTEM]
    assert cut[1:] == whole[len(whole) - len(cut) + 1 :]
    assert cut[-1] == whole[-1]
    # Messages without text take no room, so they may stay beside the newest one.
    assert prompt_size(cut) <= most or prompt_size(cut[1:-1]) == 0
