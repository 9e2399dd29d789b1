import numpy as np
import pytest

from vdx.client.listener import Listener

RATE = 1000  # a sample is a millisecond


def pcm(*, value: int, ms: int) -> bytes:
    return np.full(ms, value, "<i2").tobytes()


def test_audio_sounds_on_arrival_or_after_what_is_queued() -> None:
    listener = Listener(RATE)
    listener.receive("r", pcm(value=1, ms=20), 1.0)
    listener.receive("r", pcm(value=2, ms=20), 1.001)
    assert [piece.start for piece in listener.pieces] == pytest.approx([1.0, 1.02])
    assert listener.end == pytest.approx(1.04)
    assert listener.render(1.0, 1.04).tolist() == [1] * 20 + [2] * 20


def test_a_late_frame_is_an_underrun() -> None:
    listener = Listener(RATE)
    listener.receive("r", pcm(value=1, ms=20), 1.0)
    listener.receive("r", pcm(value=2, ms=20), 1.03)
    assert listener.render(1.0, 1.05).tolist() == [1] * 20 + [0] * 10 + [2] * 20
    assert [gap.seconds for gap in listener.underruns] == pytest.approx([0.01])


def test_the_gap_between_two_replies_is_no_fault() -> None:
    listener = Listener(RATE)
    listener.receive("a", pcm(value=1, ms=20), 1.0)
    listener.receive("b", pcm(value=2, ms=20), 2.0)
    assert listener.underruns == []


def test_an_excused_gap_is_no_fault() -> None:
    listener = Listener(RATE)
    listener.receive("r", pcm(value=1, ms=20), 1.0)
    listener.excuse()
    listener.receive("r", pcm(value=2, ms=20), 1.5)
    assert listener.underruns == []


def test_clear_keeps_what_has_sounded_and_drops_the_rest() -> None:
    listener = Listener(RATE)
    for number in range(3):
        listener.receive("r", pcm(value=number + 1, ms=20), 1.0)
    listener.clear(1.03)
    assert listener.samples_of("r").tolist() == [1] * 20 + [2] * 10
    assert listener.thrown_away == pytest.approx(0.03)
    assert listener.end == pytest.approx(1.03)


def test_freeze_and_thaw_lose_nothing() -> None:
    listener = Listener(RATE)
    listener.receive("r", np.arange(60, dtype="<i2").tobytes(), 1.0)
    listener.freeze(1.025)
    listener.receive("r", np.arange(60, 80, dtype="<i2").tobytes(), 1.03)
    listener.thaw(1.5)
    assert listener.samples_of("r").tolist() == list(range(80))
    assert listener.render(1.02, 1.03).tolist() == [20, 21, 22, 23, 24, 0, 0, 0, 0, 0]
    assert listener.render(1.5, 1.503).tolist() == [25, 26, 27]
    assert listener.underruns == []


def test_clear_while_frozen_drops_what_was_held() -> None:
    listener = Listener(RATE)
    listener.receive("r", pcm(value=1, ms=40), 1.0)
    listener.freeze(1.01)
    listener.clear(1.2)
    listener.thaw(1.3)
    assert listener.samples_of("r").size == 10
    assert listener.thrown_away == pytest.approx(0.03)


def test_thaw_without_freeze_changes_nothing() -> None:
    listener = Listener(RATE)
    listener.receive("r", pcm(value=1, ms=20), 1.0)
    listener.thaw(1.01)
    assert listener.end == pytest.approx(1.02)


def test_empty_audio_is_no_sound() -> None:
    listener = Listener(RATE)
    listener.receive("r", b"", 1.0)
    assert listener.pieces == []
    assert listener.newest.size == 0
    assert listener.samples_of("r").size == 0


def test_the_newest_audio_is_known_even_while_frozen() -> None:
    listener = Listener(RATE)
    listener.receive("r", pcm(value=1, ms=20), 1.0)
    assert listener.newest.tolist() == [1] * 20
    listener.freeze(1.0)
    listener.receive("r", pcm(value=2, ms=5), 1.1)
    assert listener.newest.tolist() == [2] * 5


def test_forget_drops_only_what_is_over() -> None:
    listener = Listener(RATE)
    listener.receive("a", pcm(value=1, ms=20), 1.0)
    listener.receive("b", pcm(value=2, ms=20), 2.0)
    listener.forget(1.5)
    assert [piece.response for piece in listener.pieces] == ["b"]
