import numpy as np
import pytest

from vdx.bench.sound import compare, dropouts_ms, first_loud, loud_ms, silent_after

RATE = 24_000


def tone(ms: int) -> np.ndarray:
    time = np.arange(RATE * ms // 1000)
    return (5000 * np.sin(2 * np.pi * 440 * time / RATE)).astype(np.int16)


def silence(ms: int) -> np.ndarray:
    return np.zeros(RATE * ms // 1000, np.int16)


def speech(ms: int) -> np.ndarray:
    """Samples that are nowhere the same twice."""
    return np.random.default_rng(ms).integers(-9000, 9000, RATE * ms // 1000).astype(np.int16)


def test_the_first_loud_window() -> None:
    assert first_loud(np.concatenate((silence(120), tone(50))), RATE) == pytest.approx(0.12)
    assert first_loud(silence(500), RATE) is None


def test_silence_begins_after_the_last_loud_window() -> None:
    heard = np.concatenate((tone(100), silence(300), tone(50), silence(900)))
    assert silent_after(heard, RATE) == pytest.approx(0.45)


def test_no_long_silence_is_no_stop() -> None:
    assert silent_after(np.concatenate((tone(100), silence(300), tone(100))), RATE) is None


def test_silence_from_the_beginning() -> None:
    assert silent_after(silence(800), RATE) == 0.0


def test_loud_time() -> None:
    assert loud_ms(np.concatenate((tone(200), silence(100))), RATE) == 200


def test_dropouts_of_a_tone() -> None:
    whole = np.concatenate((silence(50), tone(100), silence(15), tone(100), silence(50)))
    [dropout] = dropouts_ms(whole, RATE)
    assert dropout == pytest.approx(15, abs=1)
    assert dropouts_ms(tone(300), RATE) == []
    assert dropouts_ms(silence(300), RATE) == []


def test_an_untouched_reply_has_no_difference() -> None:
    whole = speech(500)
    difference = compare(whole, whole.copy(), RATE)
    assert (difference.lost_ms, difference.doubled_ms, difference.different_ms) == (0, 0, 0)


def test_a_fade_after_the_pause_is_no_difference() -> None:
    whole = speech(500)
    heard = whole.copy()
    heard[4800:4920] = (heard[4800:4920] * np.linspace(0, 1, 120)).astype(np.int16)
    assert compare(whole, heard, RATE).different_ms == 0


def test_what_is_lost_is_measured() -> None:
    whole = speech(500)
    heard = np.concatenate((whole[:4800], whole[5280:]))
    difference = compare(whole, heard, RATE)
    assert (difference.lost_ms, difference.doubled_ms) == (20, 0)


def test_what_is_doubled_is_measured() -> None:
    whole = speech(500)
    heard = np.concatenate((whole[:4800], whole[4320:]))
    difference = compare(whole, heard, RATE)
    assert (difference.lost_ms, difference.doubled_ms) == (0, 20)


def test_what_is_changed_is_measured() -> None:
    whole = speech(500)
    heard = whole.copy()
    heard[2400:4800] = 0
    assert compare(whole, heard, RATE).different_ms == pytest.approx(88, abs=1)
