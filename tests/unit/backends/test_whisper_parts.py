"""The parts of the whisper family alone: features, filters, segments, partials."""

import threading
import wave

import numpy as np
import pytest

from tests.unit.backends.speech import DATA, spoken
from triton_backends.shared.decode_queue import Urgency, Work
from triton_backends.shared.errors import Busy
from triton_backends.shared.scheduler import Scheduler
from triton_backends.whisper import hallucination_filters as filters
from triton_backends.whisper.mel import LogMel
from triton_backends.whisper.partials import AgreedWords, PartialCosts, PartialPacing
from triton_backends.whisper.segments import (
    Segments,
    WindowScheduler,
    WindowWork,
    cut_position,
    joined_words,
    mean_confidence,
)
from triton_backends.whisper.twice import said_twice
from triton_backends.whisper.windows import TimedWord, Window, WindowTranscript
from triton_backends.whisper.word_times import timed_words


def _never(_: Window) -> WindowTranscript:
    raise AssertionError("it is not decoded again")


class TestFeatures:
    @pytest.mark.parametrize("mels", [80, 128])
    def test_they_equal_those_of_openai_whisper(self, mels: int) -> None:
        """The reference: `log_mel_spectrogram(pad_or_trim(audio, 160_000), n_mels=mels)[:, ::8]`
        of openai-whisper 20250625 over this recording."""
        with wave.open(str(DATA / "audio" / "ps_goforward.wav")) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        features = LogMel(mels)(samples.astype(np.float32) / 32768, 1000)
        assert features.shape == (mels, 1000)
        assert features.dtype == np.float32
        reference = np.load(DATA / "whisper-features.npz")[f"mels_{mels}"]
        assert np.abs(features[:, ::8] - reference).max() < 2e-5

    def test_audio_is_cut_and_padded_to_the_window(self) -> None:
        audio = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
        assert LogMel(80)(audio, 100).shape == (80, 100)
        assert np.isfinite(LogMel(80)(np.zeros(0, np.float32), 600)).all()


class TestGuards:
    def test_silence_and_even_noise_are_no_speech(self) -> None:
        random = np.random.default_rng(1)
        assert filters.has_no_speech(np.zeros(16_000, np.int16))
        assert filters.has_no_speech(np.zeros(0, np.int16))
        for level in (20, 300, 3000):
            noise = random.normal(0, level, 32_000).astype(np.int16)
            assert filters.has_no_speech(noise), level

    @pytest.mark.parametrize("noise", [0, 100, 400])
    def test_speech_is_speech_also_in_noise(self, noise: int) -> None:
        pcm = spoken("stop_talking").astype(np.float64)
        pcm += np.random.default_rng(2).normal(0, noise, pcm.size) if noise else 0
        assert not filters.has_no_speech(pcm.clip(-32768, 32767).astype(np.int16))
        assert not filters.has_no_speech((pcm * 0.02).astype(np.int16)) or noise

    def test_loops_are_repetitive_and_said_once(self) -> None:
        loop = [5, 6] + [7, 8] * 9
        assert filters.is_repetitive(loop, "short")
        assert filters.without_loop(loop) == [5, 6, 7, 8]
        assert filters.is_repetitive(list(range(30)), "thank you " * 20)
        assert not filters.is_repetitive(list(range(20)), "no no no, I said no to that one")
        assert filters.without_loop(list(range(20))) == list(range(20))

    def test_hum_and_an_offset_are_neither_speech_nor_do_they_hide_it(self) -> None:
        hum = 5_000 * np.sin(2 * np.pi * 50 * np.arange(32_000) / 16_000) + 6_500
        assert filters.has_no_speech(hum.astype(np.int16))
        speech = spoken("stop_talking")
        both = (speech // 4 + hum[: speech.size]).astype(np.int16)
        assert not filters.has_no_speech(both)

    @pytest.mark.parametrize(
        ("text", "doubled"),
        [
            ("Sentence number 20 is here. Sentence number 20 is here.", True),
            ("Tell me a story. tell me a story", True),
            ("Well, ten of clubs ten of clubs, he said", True),
            ("Bye. Bye.", True),
            ("it is very very good", False),
            ("one two one three", False),
            ("stop", False),
            ("", False),
        ],
    )
    def test_what_is_said_twice_is_looked_at_again(self, text: str, doubled: bool) -> None:
        assert filters.is_doubled(text) is doubled

    @pytest.mark.parametrize(
        ("text", "no_speech", "log_probability", "imagined"),
        [
            ("Thank you for watching!", 0.5, -0.4, True),
            ("Thank you.", 0.05, -0.4, False),
            ("go forward ten meters", 0.9, -1.4, True),
            ("go forward ten meters", 0.9, -0.4, False),
            (" ...", 0.0, 0.0, True),
            ("はい", 0.1, -0.2, False),
        ],
    )
    def test_what_whisper_says_of_nothing(
        self, text: str, no_speech: float, log_probability: float, imagined: bool
    ) -> None:
        assert filters.is_hallucination(text, no_speech, log_probability) is imagined


class TestWordTimes:
    """Words "a b" whose tokens the alignment enters at 100 and 500 ms and leaves at 1,000."""

    WORDS = ((" a", [1]), (" b", [2, 3]))
    PATH = ((0, 100), (0, 120), (1, 500), (2, 700), (3, 1_000))

    def timed(self, *loud: tuple[int, int]) -> list[tuple[int, int]]:
        levels = np.full(60, 5, np.float32)
        for start, end in loud:
            levels[start // 20 : end // 20] = 1_000
        words = timed_words(list(self.WORDS), list(self.PATH), 1_200, levels)
        return [(word.start_ms, word.end_ms) for word in words]

    def test_a_word_ends_where_its_sound_does(self) -> None:
        assert self.timed((100, 300), (500, 800)) == [(100, 360), (500, 860)]

    def test_a_word_begins_where_its_sound_does(self) -> None:
        """A pause may be counted to the word behind it; a soft consonant belongs to its word."""
        assert self.timed((100, 300), (900, 1_000)) == [(100, 360), (840, 1_000)]
        assert self.timed((100, 300), (620, 1_000)) == [(100, 360), (500, 1_000)]

    def test_without_a_pause_it_ends_where_the_next_begins(self) -> None:
        assert self.timed((0, 1_200)) == [(100, 500), (500, 1_000)]
        assert timed_words([(" a", [1])], [(0, 0)], 40, np.zeros(0, np.float32))[0].end_ms == 40


class TestTwice:
    """What was said twice is told from what Whisper repeats by hearing both halves alone."""

    ONCE = WindowTranscript((TimedWord(" Bye.", (1,), 0, 400),), 0.8, "en")

    @staticmethod
    def window(pause: int) -> Window:
        sound = spoken("stop_talking", 0, 0)
        gap = np.zeros(pause, np.int16)
        return Window(np.concatenate([sound, gap, sound]), 1000, "en", prefix=(7,))

    def test_both_halves_say_it(self) -> None:
        asked = list[Window]()

        def hear(window: Window) -> WindowTranscript:
            asked.append(window)
            return WindowTranscript((TimedWord("bye", (1,), 100, 400),), 0.6, "en")

        twice = said_twice(window := self.window(8_000), self.ONCE, hear)
        assert twice is not None
        assert [word.text for word in twice.words] == ["bye", "bye"]
        assert twice.words[1].start_ms == 100 + asked[0].pcm.size // 16
        assert sum(each.pcm.size for each in asked) == window.pcm.size
        assert abs(asked[0].pcm.size - window.pcm.size // 2) < 4_000
        assert all(not each.prefix and each.frames == 1000 for each in asked)

    def test_one_that_says_something_else_is_enough(self) -> None:
        asked = list[Window]()

        def hear(window: Window) -> WindowTranscript:
            asked.append(window)
            return WindowTranscript((TimedWord(" Sentence", (1,), 0, 400),), 0.6, "en")

        assert said_twice(self.window(8_000), self.ONCE, hear) is None
        assert len(asked) == 1

    def test_without_a_pause_nothing_is_parted(self) -> None:
        vowel = (3_000 * np.sin(np.arange(48_000) / 5)).astype(np.int16)
        for sound in (vowel, vowel[:4_000], np.zeros(0, np.int16)):
            assert said_twice(Window(sound, 1000, "en"), self.ONCE, _never) is None


class TestSegments:
    def test_the_cut_lies_in_the_longest_pause_of_the_second_half(self) -> None:
        pcm = np.full(16_000 * 8, 4000, np.int16)
        pcm[16_000:32_000] = 0  # in the first half: no place to cut
        pcm[96_000:104_000] = 10
        assert 96_000 < cut_position(pcm) < 104_000

    def test_words_are_joined_and_their_times_moved(self) -> None:
        scheduler: WindowScheduler = Scheduler(transcribe, 0)
        segments = Segments(scheduler)
        for name in ("one", "two"):
            segments.append(32_000, submitted(scheduler, name))
        segments.append(16_000, None)
        assert segments.decoded
        assert segments.samples == 80_000
        found = segments.transcripts()
        words = [(word.text, word.start_ms, word.end_ms) for word in joined_words(found)]
        assert words == [(" w", 100, 200), (" w", 2100, 2200)]
        assert mean_confidence(found) == pytest.approx(0.5)
        assert mean_confidence([]) == 0

    def test_a_bounded_amount_waits_and_what_is_decoded_keeps_no_audio(self) -> None:
        hold = threading.Event()

        def wait(windows: list[Window], _stop: object) -> list[WindowTranscript]:
            assert hold.wait(30)
            return transcribe(windows, _stop)

        scheduler: WindowScheduler = Scheduler(wait, 1)
        segments = Segments(scheduler)
        works = [submitted(scheduler, "", seconds=30) for _ in range(10)]
        for work in works[:9]:
            segments.append(30 * 16_000, work)
        with pytest.raises(Busy, match="more than 240 s"):
            segments.append(30 * 16_000, works[9])
        assert works[9].result.cancelled()
        hold.set()
        for work in works[:9]:
            work.result.result(30)
        assert len(segments.transcripts()) == 9
        assert all(segment.work is None for segment in segments._segments)
        scheduler.close()


def transcribe(windows: list[Window], _stop: object) -> list[WindowTranscript]:
    return [WindowTranscript((TimedWord(" w", (1,), 100, 200),), 0.5, "en") for _ in windows]


def submitted(scheduler: WindowScheduler, language: str, seconds: float = 0.02) -> WindowWork:
    window = Window(np.zeros(int(seconds * 16_000), np.int16), 1000, language)
    work: WindowWork = Work(window, Urgency.AUDIO, window.batch_key)
    scheduler.submit(work)
    return work


class TestPartials:
    def test_a_machine_too_slow_for_them_makes_none_for_a_while(self) -> None:
        now = 100.0
        costs = PartialCosts(lambda: now)
        assert costs.affordable()
        costs.add(0.1)
        assert costs.affordable()
        costs.add(1.0)
        assert not costs.affordable()
        now += 31
        assert costs.affordable()
        assert not costs.affordable()

    def test_one_is_due_after_a_second_of_audio_and_half_a_second_of_time(self) -> None:
        now = 0.0
        pacing = PartialPacing(1000, clock=lambda: now)
        assert not pacing.due(160_000), "it came faster than anybody speaks"
        now = 0.5
        assert pacing.due(16_000)
        assert not pacing.due(15_999)
        pacing.asked(16_000)
        now = 1.0
        assert not pacing.due(31_999)
        assert pacing.due(32_000)
        pacing.took(0.6)  # at most 30 % of the time
        assert not pacing.due(47_999)
        assert pacing.due(48_000)
        pacing.restart()
        assert not pacing.due(31_999)

    def test_the_first_comes_early(self) -> None:
        now = 0.4
        pacing = PartialPacing(1000, 700, clock=lambda: now)
        assert not pacing.due(11_200), "it came faster than anybody speaks"
        now = 0.8
        assert not pacing.due(11_199)
        assert pacing.due(11_200)
        pacing.asked(11_200)
        now = 1.3
        assert not pacing.due(27_199), "the next one after a second more"
        assert pacing.due(27_200)

    def test_they_can_be_switched_off(self) -> None:
        now = 0.0
        pacing = PartialPacing(0, 700, clock=lambda: now)
        now = 60.0
        assert not pacing.due(960_000)

    def test_words_agree_that_two_of_them_share_and_that_have_settled(self) -> None:
        agreed = AgreedWords()
        agreed.add(timed("turn on the"), 16_000)
        assert agreed.words == ()
        agreed.add(timed("turn on a light"), 32_000)
        assert "".join(word.text for word in agreed.words) == " turn on"
        agreed.add(timed("turn off a light"), 16_000)
        assert "".join(word.text for word in agreed.words) == " turn"

    def test_a_cut_divides_them(self) -> None:
        agreed = AgreedWords()
        agreed.add(timed("turn on the light"), 64_000)
        agreed.add(timed("turn on the light"), 64_000)
        before = agreed.cut(250)
        assert [word.text for word in before] == [" turn", " on"]
        assert [(word.text, word.start_ms) for word in agreed.words] == [
            (" the", 0),
            (" light", 50),
        ]


def timed(text: str) -> tuple[TimedWord, ...]:
    """A word every 100 ms."""
    return tuple(
        TimedWord(f" {word}", (number,), number * 100, number * 100 + 100)
        for number, word in enumerate(text.split())
    )
