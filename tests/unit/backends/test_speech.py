"""Resampling, levelling, trimming and framing of what an engine yields."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triton_backends.shared.engine import Chunk, Word
from triton_backends.shared.framing import FRAME, Framer
from triton_backends.shared.levelling import Leveller
from triton_backends.shared.loudness import (
    CEILING,
    gain_for,
    integrated_loudness,
    limit,
    to_int16,
)
from triton_backends.shared.silence import pause_after, trim_end, trim_start
from triton_backends.shared.speech import Voice, stream_speech, words_json


def sine(seconds: float, rate: int, level: float = 0.5, pitch: float = 1000.0) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


@given(sizes=st.lists(st.integers(0, 9000), max_size=30))
def test_framing_keeps_every_sample_in_order(sizes: list[int]) -> None:
    samples = (np.arange(sum(sizes)) % 32000).astype(np.int16)
    framer = Framer()
    pieces, at = [], 0
    for size in sizes:
        pieces.append(framer.push(samples[at : at + size]))
        at += size
    pieces.append(framer.finish())
    given_out = [piece for piece in pieces if piece is not None]
    assert all(piece.shape[1] == FRAME for piece in given_out)
    joined = np.concatenate(given_out).reshape(-1) if given_out else samples
    assert np.array_equal(joined[: samples.size], samples)
    assert not joined[samples.size :].any()
    assert joined.size - samples.size < FRAME


def test_responses_grow() -> None:
    chunks = (Chunk(sine(0.02, 48000)) for _ in range(200))
    sizes = [len(r.audio) for r in stream_speech(chunks, Voice(48000))]
    assert sizes[:5] == [2, 4, 8, 16, 25]
    assert sum(sizes) == 200


def test_the_last_response_says_so_and_none_else_does() -> None:
    for samples in (1, 959, 1919, 1921, 4 * 960, 50000):
        audio = np.full(samples, 0.1, np.float32)
        chunks = [Chunk(piece) for piece in np.array_split(audio, 4)]
        lasts = [r.last for r in stream_speech(chunks, Voice(48000))]
        assert lasts[-1]
        assert not any(lasts[:-1])


def test_a_first_response_is_not_held_back_to_find_out_whether_it_is_the_last() -> None:
    chunks = [Chunk(np.full(1920, 0.1, np.float32))]
    assert [(len(r.audio), r.last) for r in stream_speech(chunks, Voice(48000))] == [(2, False)]


def test_no_audio_gives_no_response() -> None:
    assert list(stream_speech([], Voice(22050))) == []


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 48000])
def test_length_survives_resampling(rate: int) -> None:
    chunks = (Chunk(piece) for piece in np.array_split(sine(1.0, rate), 37))
    audio = np.concatenate([r.audio for r in stream_speech(chunks, Voice(rate))]).reshape(-1)
    spectrum = np.abs(np.fft.rfft(audio[:48000].astype(np.float64)))
    assert 48000 <= audio.size <= 48000 + FRAME
    assert int(np.argmax(spectrum)) == 1000


def test_words_travel_with_the_audio_that_made_them_known() -> None:
    def chunks() -> Iterator[Chunk]:
        for number in range(20):
            yield Chunk(sine(0.1, 48000), (Word(f"w{number}", number, number),))

    words = [w.word for r in stream_speech(chunks(), Voice(48000)) for w in r.words]
    assert words == [f"w{number}" for number in range(20)]
    assert words_json([Word("a", 1, 2, 3, 4)]) == (
        '[{"word":"a","start_ms":1,"end_ms":2,"char_start":3,"char_end":4}]'
    )


def test_loudness_of_the_standards_own_signal() -> None:
    # EBU Tech 3341, case 1, in one channel: 1 kHz at -23 dBFS peak measures 3.01 LU lower there.
    level = 10 ** (-23 / 20)
    assert integrated_loudness(sine(3, 48000, level), 48000) == pytest.approx(-26.0, abs=0.1)
    assert integrated_loudness(sine(3, 22050, level), 22050) == pytest.approx(-26.0, abs=0.1)


def test_gain_reaches_the_target() -> None:
    quiet = sine(2, 24000, 0.05)
    assert integrated_loudness(quiet * gain_for(quiet, 24000), 24000) == pytest.approx(-16, abs=0.1)
    assert gain_for(np.zeros(24000, np.float32), 24000) == 1.0


@given(st.floats(0, 20))
def test_the_limiter_never_clips(gain: float) -> None:
    limited = to_int16(limit(sine(0.05, 48000, 1.0) * np.float32(gain)))
    assert np.abs(limited.astype(np.int32)).max() < 32767


def test_what_is_sent_is_what_the_leveller_gave() -> None:
    given: list[np.ndarray] = []

    class Kept(Leveller):
        def push(self, samples: np.ndarray) -> np.ndarray:
            given.append(super().push(samples))
            return given[-1]

    chunks = [Chunk(piece) for piece in np.split(sine(1.0, 48000, 1.0), 10)]
    responses = stream_speech(chunks, Voice(48000), leveller=Kept(48000, 2.0))
    audio = np.concatenate([r.audio for r in responses]).reshape(-1)
    assert np.abs(np.concatenate(given)).max() > 0.9
    assert np.array_equal(audio, to_int16(np.concatenate(given)))


def test_resampling_makes_nothing_higher_than_the_limiter_lets_through() -> None:
    square = np.sign(sine(0.5, 22050, 1.0, 700.0)).astype(np.float32)
    chunks = [Chunk(piece) for piece in np.array_split(square, 5)]
    audio = np.concatenate([r.audio for r in stream_speech(chunks, Voice(22050, gain=16.0))])
    assert np.abs(audio).max() == round(CEILING * 32767)


def test_leading_silence_goes_and_the_words_move() -> None:
    silence = np.zeros(2205, np.float32)
    chunks = [Chunk(silence), Chunk(sine(0.1, 22050), (Word("a", 100, 200),))]
    trimmed = list(trim_start(chunks, 22050, 300))
    assert sum(c.pcm.size for c in trimmed) < 2205 + 2 * 22050 // 1000 + 100
    assert trimmed[-1].words[0].start_ms <= 3
    unlimited = list(trim_start(chunks, 22050, 50))
    assert sum(c.pcm.size for c in unlimited) == 2 * 2205 - 50 * 22050 // 1000
    untouched = list(trim_start(chunks, 22050, 0))
    assert sum(c.pcm.size for c in untouched) == 2 * 2205


def test_a_click_is_no_sound() -> None:
    silence = np.zeros(2205, np.float32)
    click = silence.copy()
    click[10] = 0.01
    leading = trim_start([Chunk(click), Chunk(sine(0.1, 22050))], 22050, 300)
    assert sum(c.pcm.size for c in leading) < 2205 + 2 * 22050 // 1000 + 100
    soft = trim_start([Chunk(silence + 0.004), Chunk(sine(0.1, 22050))], 22050, 300, gain=0.5)
    assert sum(c.pcm.size for c in soft) < 2205 + 2 * 22050 // 1000 + 100
    trailing = trim_end([Chunk(sine(0.1, 22050)), Chunk(silence), Chunk(click)], 22050, 40)
    assert sum(c.pcm.size for c in trailing) == pytest.approx(2205 + 882, abs=20)


RATE = 22_050


def trimmed_end(*pieces: float, pause_ms: int) -> list[Chunk]:
    """Chunks of sound (seconds) and silence (negative), with the end trimmed."""
    chunks = [
        Chunk(sine(each, RATE) if each > 0 else np.zeros(round(-each * RATE), np.float32))
        for each in pieces
    ]
    return list(trim_end(chunks, RATE, pause_ms))


def length(chunks: list[Chunk]) -> float:
    return sum(chunk.pcm.size for chunk in chunks) / RATE


def test_silence_after_the_last_sound_is_cut_to_the_pause() -> None:
    assert length(trimmed_end(0.2, -0.1, -0.2, pause_ms=120)) == pytest.approx(0.32, abs=0.001)
    assert length(trimmed_end(0.2, -0.05, pause_ms=120)) == pytest.approx(0.32, abs=0.001)
    assert length(trimmed_end(0.2, pause_ms=120)) == pytest.approx(0.32, abs=0.001)
    assert length(trimmed_end(-0.2, -0.2, pause_ms=120)) == pytest.approx(0.12, abs=0.001)
    in_one = Chunk(np.concatenate([sine(0.2, RATE), np.zeros(RATE // 2, np.float32)]))
    assert length(list(trim_end([in_one], RATE, 40))) == pytest.approx(0.24, abs=0.001)


def test_silence_between_sounds_stays_to_the_sample() -> None:
    pieces = (0.1, -0.3, -0.3, 0.1, -0.02, 0.1)
    assert length(trimmed_end(*pieces, pause_ms=40)) == pytest.approx(0.96, abs=0.001)


def test_sound_is_never_held_back() -> None:
    given = [chunk.pcm.size for chunk in trimmed_end(0.1, 0.1, -0.3, 0.1, pause_ms=40)]
    assert given[0] == given[1] == round(0.1 * RATE)
    assert given[2] == round(0.04 * RATE)


def test_a_long_silence_is_given_out_before_sound_follows() -> None:
    given = trimmed_end(0.1, -0.6, -0.6, -0.1, pause_ms=40)
    assert length(given[:3]) == pytest.approx(1.3, abs=0.001)


@pytest.mark.parametrize(
    ("text", "less_than"),
    [
        ("cut here", "a comma,"),
        ("a comma,", "A sentence."),
        ("A sentence.", "A paragraph.\n\n"),
        ("他来了，", "他来了。"),
        ("(aside,)", "He said “no!”"),
    ],
)
def test_the_pause_grows_with_the_boundary(text: str, less_than: str) -> None:
    assert pause_after(text, 1.0) < pause_after(less_than, 1.0)
    assert pause_after(text, 2.0) == round(pause_after(text, 1.0) / 2)
    assert pause_after("- an entry\n", 1.0) == pause_after("A sentence.", 1.0)
