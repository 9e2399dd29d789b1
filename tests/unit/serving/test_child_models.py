"""Which child models are still somebody's."""

from vdx.serving.child_models import CHILD_PREFIX, GRACE_S, UnusedChildModels, is_child


def child(parent: str, started: int, part: str = "flow") -> str:
    return f"{CHILD_PREFIX}{parent}-{started:x}-{part}"


def test_children_of_a_parent_that_is_gone_are_orphans() -> None:
    children = [child("a", 1), child("de-b", 1), child("c", 1)]
    states = {"a": "READY", "de-b": "UNAVAILABLE"}
    assert UnusedChildModels().find(children, states, 0.0) == [child("de-b", 1), child("c", 1)]


def test_a_parent_that_comes_or_goes_keeps_its_children() -> None:
    for state in ("LOADING", "UNLOADING", "READY"):
        assert UnusedChildModels().find([child("a", 1)], {"a": state}, 0.0) == []
    unused = UnusedChildModels()
    for now, found in ((0.0, []), (GRACE_S, [child("a", 1)])):
        assert unused.find([child("a", 1)], {"a": "UNLOADING"}, now) == found


def test_the_children_of_an_earlier_process_are_given_time_to_finish() -> None:
    unused = UnusedChildModels()
    children = [child("a", 255), child("a", 256)]
    assert unused.find(children, {"a": "READY"}, 10.0) == []
    assert unused.find(children, {"a": "READY"}, 9.0 + GRACE_S) == []
    assert unused.find(children, {"a": "READY"}, 10.0 + GRACE_S) == [child("a", 255)]
    assert unused.find([child("a", 256)], {"a": "READY"}, 999.0) == []


def test_only_children_carry_the_prefix() -> None:
    assert is_child(child("espeak-en", 7))
    assert not is_child("espeak-en")


def test_a_name_that_is_cut_short_has_no_parent() -> None:
    assert UnusedChildModels().find([f"{CHILD_PREFIX}x"], {"x": "READY"}, 0.0) == [
        f"{CHILD_PREFIX}x"
    ]
