"""How much silence a pause gets: the decision in numbers, and its limits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdx.core.config import EndpointingConfig
from vdx.speech.input.end_of_turn import (
    ANSWER_MS,
    CLOSED_MS,
    ONE_DIGIT_MS,
    PLAIN,
    PUNCTUATED,
    EndOfTurn,
    Pause,
    Traits,
    log_odds,
    silence_to_wait,
)

CONFIG = EndpointingConfig()
USUAL_MS = 300
SHORT, LONG = CONFIG.finished_ms, CONFIG.unfinished_ms
SENTENCE = "Turn on the living room lamp."


def rules(*, punctuates: bool = True, **config: int) -> EndOfTurn:
    settings = EndpointingConfig(**config)
    return EndOfTurn("en", settings, USUAL_MS, punctuates=punctuates)


def silence(text: str | None, probability: float | None, turn_ms: int = 2500) -> int:
    return rules().silence_ms(Pause(turn_ms, text, probability))


def test_a_finished_sentence_ends_soon_and_an_unfinished_one_late() -> None:
    assert silence(SENTENCE, 0.97) == SHORT
    assert silence("Turn on the", 0.05) == LONG
    assert silence("Can I have a latte with?", 0.6, 1800) == LONG, "a mark ends no such words"


@pytest.mark.parametrize(
    ("text", "probability", "turn_ms"),
    [
        (SENTENCE, 0.972, 1060),
        ("10 of clubs.", 0.987, 780),
        ("Go forward 10 meters.", 0.911, 1880),
        ("4. Queen of Clothes", 0.974, 1660),
        ("What time is it?", 0.98, 800),
    ],
)
def test_short_whole_turns_do_not_wait_because_they_are_short(
    text: str, probability: float, turn_ms: int
) -> None:
    """As Smart Turn and Whisper hear recordings of people."""
    assert silence(text, probability, turn_ms) <= 350


def test_a_sentence_that_sounds_like_an_end_waits_a_little_at_most() -> None:
    said = "Go somewhere and do something."
    assert silence(said, 0.72, 2060) <= USUAL_MS
    assert silence(said, 0.72, 1500) == CLOSED_MS
    assert silence(said, 0.6, 1500) > CLOSED_MS, "it may go on"
    assert silence("3, 4, 5.", 0.72, 1500) > CLOSED_MS, "a number may go on"
    assert silence(said.rstrip("."), 0.72, 1500) > CLOSED_MS, "nothing closes it"


def test_the_longest_waits_stay_above_the_shortest_that_was_set() -> None:
    late = rules(finished_ms=800)
    assert late.silence_ms(Pause(2060, "Go somewhere and do something.", 0.72)) >= 800
    assert late.silence_ms(Pause(700, "Yes please.", 0.9)) >= 800


@pytest.mark.parametrize(("text", "expected"), [(SENTENCE, 0), ("I would like to", LONG)])
def test_without_the_endpointer_the_words_decide_alone(text: str, expected: int) -> None:
    assert silence(text, None) == expected


def test_a_full_stop_ends_a_word_that_may_be_stranded() -> None:
    assert silence("He is taller than he was.", None) == 0
    assert silence("He is taller than he was", None) == LONG
    assert silence("Put it on the.", None) == LONG
    plain = rules(punctuates=False)
    assert plain.silence_ms(Pause(2500, "He is taller than he was.")) == LONG


@pytest.mark.parametrize("probability", [None, 0.01, 0.99])
def test_before_the_words_are_known_no_turn_ends(probability: float | None) -> None:
    assert silence(None, probability, 4000) == LONG


def test_one_digit_may_begin_a_number() -> None:
    assert silence("2.", None) == LONG // 2
    assert silence("two", None) == LONG // 2
    assert silence("table two", None) == 0
    assert silence("2 9", None) == LONG


def test_one_digit_that_sounds_like_an_end_waits_no_longer_than_without_the_endpointer() -> None:
    """As three people are heard who say one digit, in recordings of people."""
    assert silence("five", 0.786, 380) == ONE_DIGIT_MS
    assert silence("0", 0.839, 540) == ONE_DIGIT_MS
    assert silence("5", 0.607, 400) == LONG, "it may go on"
    assert silence("five six", 0.839, 540) == LONG


def test_nothing_understood_ends_as_usual() -> None:
    assert silence("", 0.01) == 0


def test_a_short_answer_is_not_taken_for_a_beginning() -> None:
    assert silence("Yes please.", 0.9, 400) == ANSWER_MS
    assert silence("Yes please.", 0.2, 400) > ANSWER_MS, "it does not sound finished"
    assert silence("I want", 0.9, 400) > ANSWER_MS
    assert silence("2.", 0.9, 400) > ANSWER_MS, "perhaps a number is being said"


def test_a_breath_in_a_long_turn_is_not_its_end() -> None:
    """The longest turn that anything was fitted on has a few seconds."""
    assert silence(SENTENCE, 0.1, 180_000) == USUAL_MS
    assert silence(SENTENCE, 0.9, 180_000) == SHORT


def test_the_settings_are_the_limits() -> None:
    own = rules(finished_ms=200, unfinished_ms=900)
    assert own.silence_ms(Pause(4000, SENTENCE, 0.99)) == 200
    assert own.silence_ms(Pause(300, "Turn on the", 0.01)) == 900


def test_a_recogniser_that_heard_the_end_counts_like_a_sure_endpointer() -> None:
    """`<EOU>` of NeMo's models: evidence beside the words and the endpointer."""

    def wait(text: str, probability: float | None = None, turn_ms: int = 1500) -> int:
        return rules().silence_ms(Pause(turn_ms, text, probability, done=True))

    assert silence("Go on then", None, 1500) == 0, "the usual silence without it"
    assert wait("Go on then") == SHORT
    assert wait("two") == SHORT
    assert wait("I would like to") == LONG, "the words speak against it"
    assert wait("Go on now then", 0.5) < silence("Go on now then", 0.5, 1500)
    assert wait("Go on now then", 0.95) == SHORT
    assert wait("Turn on the", 0.05) == LONG
    assert wait("Yes please.", 0.4, 400) <= ANSWER_MS
    assert wait("") == 0, "nothing was understood"


@given(
    text=st.sampled_from([SENTENCE, "Turn on the", "two nine", "9.", "Yes.", "well…"]),
    probability=st.floats(0, 1),
    turn_ms=st.integers(0, 180_000),
    punctuates=st.booleans(),
)
def test_it_stays_within_its_limits(
    text: str, probability: float, turn_ms: int, punctuates: bool
) -> None:
    found = rules(punctuates=punctuates).silence_ms(Pause(turn_ms, text, probability))
    assert SHORT <= found <= LONG


@given(low=st.floats(0, 1), high=st.floats(0, 1), turn_ms=st.integers(0, 10_000))
def test_the_surer_the_endpointer_the_sooner(low: float, high: float, turn_ms: int) -> None:
    low, high = sorted((low, high))
    assert silence(SENTENCE, high, turn_ms) <= silence(SENTENCE, low, turn_ms)


@pytest.mark.parametrize("weights", [PUNCTUATED, PLAIN])
def test_each_weight_has_the_sign_that_its_comment_gives(weights: object) -> None:
    plain = Traits()
    assert isinstance(weights, type(PLAIN))
    assert log_odds(replace(plain, sound=1.0), weights) > log_odds(plain, weights)
    assert log_odds(replace(plain, hanging=1.0), weights) <= log_odds(plain, weights)
    assert log_odds(replace(plain, full_stop=1.0), weights) >= log_odds(plain, weights)
    assert log_odds(replace(plain, seconds=1.0), weights) > log_odds(plain, weights)
    assert log_odds(replace(plain, done=1.0), weights) > log_odds(plain, weights)
    assert silence_to_wait(replace(plain, sound=50.0), weights, CONFIG) == SHORT
