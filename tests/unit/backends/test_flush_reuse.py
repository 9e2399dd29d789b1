"""When the answer to a FLUSH is the final transcript too, and futures that wait for others."""

from concurrent.futures import CancelledError, Future

import numpy as np
import pytest

from triton_backends.shared.engine import Hypothesis
from triton_backends.shared.flush_reuse import MAX_QUIET_MS, QUIET_RMS, FlushReuse
from triton_backends.shared.futures import combine
from triton_backends.shared.levels import frame_levels, loudest

HEARD = Hypothesis("go forward", stable=2, audio_ms=1000, confidence=0.9)


def audio(rms: float, milliseconds: int) -> np.ndarray:
    return np.full(milliseconds * 16, rms, np.int16)


@pytest.fixture
def reuse() -> FlushReuse:
    """A second of loud speech, and its transcript."""
    found = FlushReuse()
    found.hear(audio(4000, 1000))
    found.keep(HEARD)
    return found


def test_nothing_is_reused_before_a_flush() -> None:
    reuse = FlushReuse()
    reuse.hear(audio(4000, 1000))
    assert (reuse.answer(), reuse.final()) == (None, None)


def test_quiet_keeps_it_and_a_final_is_all_stable(reuse: FlushReuse) -> None:
    assert reuse.answer() is HEARD
    reuse.hear(audio(300, 400))
    assert reuse.answer() is HEARD
    final = reuse.final()
    assert final is not None
    assert (final.text, final.stable, final.audio_ms) == ("go forward", 10, 1000)


def test_speech_ends_it_and_the_next_flush_begins_anew(reuse: FlushReuse) -> None:
    reuse.hear(audio(500, 20))
    assert reuse.final() is None
    reuse.hear(audio(100, 100))
    assert reuse.final() is None, "the speech is still not transcribed"
    reuse.keep(Hypothesis("go forward ten"))
    final = reuse.final()
    assert final is not None
    assert final.text == "go forward ten"


def test_long_quiet_is_decoded_again(reuse: FlushReuse) -> None:
    reuse.hear(audio(0, MAX_QUIET_MS))
    assert reuse.answer() is HEARD
    reuse.hear(audio(0, 20))
    assert reuse.answer() is None


def test_what_is_forgotten_is_not_reused(reuse: FlushReuse) -> None:
    reuse.forget()
    assert reuse.answer() is None


def test_what_counts_as_speech(reuse: FlushReuse) -> None:
    assert reuse.is_speech(audio(400, 20))
    assert not reuse.is_speech(audio(399, 200))
    assert not reuse.is_speech(audio(0, 0))
    quiet_voice = FlushReuse()
    quiet_voice.hear(audio(200, 200))
    assert not quiet_voice.is_speech(audio(QUIET_RMS - 1, 20))
    assert quiet_voice.is_speech(audio(QUIET_RMS, 20))


def test_levels_are_those_of_whole_frames() -> None:
    pcm = np.concatenate([audio(300, 20), audio(-500, 20), audio(9000, 10)])
    assert frame_levels(pcm).tolist() == [300, 500]
    assert (loudest(pcm), loudest(pcm[:0])) == (500, 0)


class TestCombine:
    def test_it_is_built_once_all_have_ended(self) -> None:
        futures: list[Future[int]] = [Future(), Future()]
        combined = combine(futures, lambda: sum(future.result() for future in futures))
        futures[1].set_result(2)
        assert not combined.done()
        futures[0].set_result(1)
        assert combined.result(0) == 3

    def test_of_none_it_is_there_at_once(self) -> None:
        assert combine([], lambda: 5).result(0) == 5

    def test_the_first_failure_ends_it(self) -> None:
        futures: list[Future[int]] = [Future(), Future(), Future()]
        combined = combine(futures, lambda: pytest.fail("nothing to build"))
        futures[1].set_exception(ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            combined.result(0)
        futures[0].set_result(1)
        futures[2].cancel()

    def test_a_cancelled_one_cancels_it(self) -> None:
        futures: list[Future[int]] = [Future(), Future()]
        combined = combine(futures, lambda: 0)
        assert futures[0].cancel()
        with pytest.raises(CancelledError):
            combined.result(0)

    def test_what_building_raises_is_its_exception(self) -> None:
        with pytest.raises(ZeroDivisionError):
            combine([], lambda: 1 // 0).result(0)
