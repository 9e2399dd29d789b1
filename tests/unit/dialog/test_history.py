from collections.abc import Callable

import pytest

from vdx.core.errors import InvalidInput, UnknownName
from vdx.core.events import Clause, Message, Word
from vdx.dialog.history import History, Item
from vdx.speech.output.reply_audio import ClauseSpan

WORDS = [Word("One", 0, 400, 0, 3), Word("two", 400, 800, 4, 7)]


def spoken(history: History, played_ms: int, *, complete: bool = False) -> Item:
    span = ClauseSpan(Clause("One two.", 0, 8), 0, 50, WORDS, complete=True)
    item = Item("reply", "assistant", status="in_progress", spans=[span], spoken=True)
    history.add(item)
    history.close_spoken("reply", "One two.", played_ms * 48, complete=complete)
    return item


def test_items_keep_the_order_they_were_added_in() -> None:
    history = History()
    assert history.add(Item("a", "user", "hi")) is None
    assert history.add(Item("b", "assistant", "hello")) == "a"
    assert history.add(Item("c", "user", "early"), after="root") is None
    assert history.add(Item("d", "user", "between"), after="a") == "a"
    assert [item.id for item in history] == ["c", "a", "d", "b"]
    assert len(history) == 4


def test_an_id_is_taken_once() -> None:
    history = History()
    history.add(Item("a", "user"))
    with pytest.raises(InvalidInput, match="'a' exists"):
        history.add(Item("a", "user"))


def test_an_item_of_the_session_replaces_one_of_the_same_id() -> None:
    history = History()
    history.add(Item("a", "user", "mine"))
    history.add(Item("b", "user", "other"))
    history.put(Item("a", "user", "the session's"))
    assert [item.text for item in history] == ["other", "the session's"]


UNKNOWN: dict[str, Callable[[History], object]] = {
    "get": lambda history: history.get("nobody"),
    "delete": lambda history: history.delete("nobody"),
    "add after": lambda history: history.add(Item("a", "user"), after="nobody"),
    "truncate": lambda history: history.truncate("nobody", 0),
}


@pytest.mark.parametrize("call", UNKNOWN)
def test_unknown_items_are_named(call: str) -> None:
    history = History()
    with pytest.raises(UnknownName, match="'nobody'"):
        UNKNOWN[call](history)
    assert len(history) == 0


@pytest.mark.parametrize(
    ("played_ms", "text"), [(0, ""), (199, ""), (200, "One"), (600, "One two"), (1000, "One two.")]
)
def test_a_reply_says_what_was_played(played_ms: int, text: str) -> None:
    item = spoken(History(), played_ms)
    assert (item.text, item.status) == (text, "incomplete")
    assert item.played_samples == played_ms * 48


def test_a_complete_reply() -> None:
    item = spoken(History(), 1000, complete=True)
    assert (item.text, item.status) == ("One two.", "completed")


def test_a_reply_whose_item_was_deleted() -> None:
    assert History().close_spoken("gone", "One", 48, complete=True) == ""


def test_truncating_only_ever_shortens() -> None:
    history = History()
    spoken(history, 1000, complete=True)
    assert history.truncate("reply", 5000).text == "One two."
    assert history.truncate("reply", 500).text == "One"
    assert history.truncate("reply", 1000).text == "One"
    assert history.truncate("reply", 0).text == ""


def test_what_cannot_be_truncated() -> None:
    history = History()
    spoken(history, 1000)
    history.add(Item("user", "user", "hi"))
    with pytest.raises(InvalidInput, match="not a spoken message of the assistant's"):
        history.truncate("user", 0)
    with pytest.raises(InvalidInput, match="got -1"):
        history.truncate("reply", -1)


def test_messages_join_what_one_speaker_said() -> None:
    history = History("Be brief.")
    history.add(Item("a", "user", "hello"))
    history.add(Item("b", "assistant"))  # nothing of it was heard
    history.add(Item("c", "user", "are you there"))
    assert history.messages("now") == [
        Message("system", "Be brief."),
        Message("user", "hello are you there now"),
    ]
    assert History().messages() == []


def test_the_size_is_that_of_the_texts_in_bytes() -> None:
    history = History("not counted")
    history.add(Item("a", "user", "\u00e4" * 10))
    history.add(Item("b", "assistant", "cut", source="cut short"))
    assert history.size == 20 + 9


def test_room_is_made_by_removing_the_oldest() -> None:
    history = History()
    for name in "abcd":
        history.add(Item(name, "user", name * 10))
    assert history.make_room(40) == []
    assert history.make_room(30) == ["a", "b"], "more than needed, so that the next turn keeps it"
    assert [item.id for item in history] == ["c", "d"]
    assert history.make_room(1) == ["c"], "the newest item stays"


def test_a_reply_that_is_spoken_is_not_removed() -> None:
    history = History()
    history.add(Item("reply", "assistant", "x" * 10, status="in_progress"))
    history.add(Item("a", "user", "x" * 10))
    history.add(Item("b", "user", "x" * 10))
    assert history.make_room(25) == ["a"]
    assert [item.id for item in history] == ["reply", "b"]
