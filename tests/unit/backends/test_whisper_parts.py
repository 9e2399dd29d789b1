"""The parts of the whisper family alone: features, guards, levels, the schedule."""

import threading
import wave

import numpy as np
import pytest

from tests.unit.backends.speech import DATA, spoken
from triton_backends.shared.errors import Unavailable
from triton_backends.whisper import hallucination_filters as guards
from triton_backends.whisper.costs import PartialCosts
from triton_backends.whisper.levels import loudest, quietest
from triton_backends.whisper.mel import LogMel
from triton_backends.whisper.recogniser import Heard, TimedWord, Window
from triton_backends.whisper.schedule import Job, Schedule, Urgency


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
        assert guards.has_no_speech(np.zeros(16_000, np.int16))
        assert guards.has_no_speech(np.zeros(0, np.int16))
        for level in (20, 300, 3000):
            noise = random.normal(0, level, 32_000).astype(np.int16)
            assert guards.has_no_speech(noise), level

    @pytest.mark.parametrize("noise", [0, 100, 400])
    def test_speech_is_speech_also_in_noise(self, noise: int) -> None:
        pcm = spoken("stop_talking").astype(np.float64)
        pcm += np.random.default_rng(2).normal(0, noise, pcm.size) if noise else 0
        assert not guards.has_no_speech(pcm.clip(-32768, 32767).astype(np.int16))
        assert not guards.has_no_speech((pcm * 0.02).astype(np.int16)) or noise

    def test_loops_are_repetitive_and_said_once(self) -> None:
        loop = [5, 6] + [7, 8] * 9
        assert guards.is_repetitive(loop, "short")
        assert guards.without_loop(loop) == [5, 6, 7, 8]
        assert guards.is_repetitive(list(range(30)), "thank you " * 20)
        assert not guards.is_repetitive(list(range(20)), "no no no, I said no to that one")
        assert guards.without_loop(list(range(20))) == list(range(20))

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
        assert guards.is_imagined(text, no_speech, log_probability) is imagined


class TestLevels:
    def test_the_quietest_moment_lies_in_the_pause_of_the_second_half(self) -> None:
        pcm = np.full(16_000 * 8, 4000, np.int16)
        pcm[16_000:32_000] = 0  # in the first half: no place to cut
        pcm[96_000:104_000] = 10
        assert 96_000 < quietest(pcm) < 104_000
        assert loudest(pcm) == 4000
        assert loudest(pcm[:0]) == 0


def window(frames: int = 1000) -> Window:
    return Window(np.zeros(320, np.int16), frames)


def test_a_model_too_slow_for_partials_makes_none_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr("triton_backends.whisper.costs.time.monotonic", lambda: now)
    costs = PartialCosts()
    assert costs.affordable()
    assert costs.took(1.0, 1.1) == pytest.approx(0.1)
    assert costs.affordable()
    costs.took(1.0, 2.0)
    assert not costs.affordable()
    now += 31
    assert costs.affordable()
    assert not costs.affordable()


class Scripted:
    """Understands when it is let; remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[Window]] = []
        self.go = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.gave_up = False

    def __call__(self, windows: list[Window], given_up: object) -> list[Heard] | None:
        self.batches.append(windows)
        self.begun.release()
        assert self.go.acquire(timeout=30)
        if callable(given_up) and given_up():
            self.gave_up = True
            return None
        return [Heard((TimedWord(f" {w.frames}", (1,), 0, 1),), 1.0, "en") for w in windows]


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


def job(urgency: Urgency, frames: int = 1000) -> Job:
    return Job(window(frames), urgency)


class TestSchedule:
    def test_finals_first_and_what_waits_together(self, scripted: Scripted) -> None:
        schedule = Schedule(scripted, parallel=1, largest=3)
        first = job(Urgency.PART)
        schedule.submit(first)
        assert scripted.begun.acquire(timeout=30)
        partial, part = job(Urgency.PARTIAL), job(Urgency.PART)
        finals = [job(Urgency.FINAL) for _ in range(4)]
        speculative, other = job(Urgency.SPECULATIVE), job(Urgency.FINAL, frames=1500)
        for each in (partial, part, speculative, *finals, other):
            schedule.submit(each)
        for _ in range(7):
            scripted.go.release()
        everything = [first, partial, part, speculative, *finals, other]
        assert all(each.future.result(timeout=30).words for each in everything)
        schedule.close()
        wanted = [[first], finals[:3], [finals[3], speculative], [other], [part], [partial]]
        assert sorted(len(batch) for batch in scripted.batches) == [1, 1, 1, 1, 2, 3]
        position = {id(w): n for n, batch in enumerate(scripted.batches) for w in batch}
        order = [position[id(group[0].window)] for group in wanted]
        assert order[0] == 0
        assert max(order[1:4]) < order[4] < order[5]

    def test_a_partial_half_done_gives_way(self, scripted: Scripted) -> None:
        schedule = Schedule(scripted, parallel=1, largest=8)
        partial, final = job(Urgency.PARTIAL), job(Urgency.FINAL)
        schedule.submit(partial)
        assert scripted.begun.acquire(timeout=30)
        schedule.submit(final)
        scripted.go.release()
        scripted.go.release()
        assert not partial.future.result(timeout=30).words
        assert final.future.result(timeout=30).words
        assert scripted.gave_up
        schedule.close()

    def test_a_recording_lets_turns_pass(self, scripted: Scripted) -> None:
        schedule = Schedule(scripted, parallel=1, largest=8)
        part, final = job(Urgency.PART), job(Urgency.FINAL)
        schedule.submit(part)
        assert scripted.begun.acquire(timeout=30)
        schedule.submit(final)
        scripted.go.release()
        scripted.go.release()
        assert final.future.result(timeout=30).words
        assert part.future.result(timeout=30).words
        assert not scripted.gave_up
        schedule.close()

    def test_what_is_withdrawn_is_never_decoded(self, scripted: Scripted) -> None:
        schedule = Schedule(scripted, parallel=1, largest=8)
        running, stale = job(Urgency.FINAL), job(Urgency.SPECULATIVE)
        schedule.submit(running)
        assert scripted.begun.acquire(timeout=30)
        schedule.submit(stale)
        assert schedule.withdraw(stale)
        assert stale.future.cancelled()
        assert not schedule.withdraw(running)
        scripted.go.release()
        assert running.future.result(timeout=30).words
        schedule.close()
        assert len(scripted.batches) == 1

    def test_waiting_jobs_are_shared_out_among_threads(self, scripted: Scripted) -> None:
        schedule = Schedule(scripted, parallel=2, largest=8)
        busy = [job(Urgency.PART), job(Urgency.PART)]
        for each in busy:
            schedule.submit(each)
            assert scripted.begun.acquire(timeout=30)
        waiting = [job(Urgency.PART) for _ in range(6)]
        for each in waiting:
            schedule.submit(each)
        for _ in range(8):
            scripted.go.release()
        assert all(each.future.result(timeout=30).words for each in waiting)
        schedule.close()
        assert len(scripted.batches[2]) == 3

    def test_a_failure_and_the_end_reach_who_waits(self, scripted: Scripted) -> None:
        def fail(windows: list[Window], given_up: object) -> list[Heard]:
            raise RuntimeError("out of memory")

        schedule = Schedule(fail, parallel=1, largest=8)
        failing = job(Urgency.FINAL)
        schedule.submit(failing)
        with pytest.raises(RuntimeError, match="out of memory"):
            failing.future.result(timeout=30)
        schedule.close()
        late = job(Urgency.FINAL)
        schedule.submit(late)
        with pytest.raises(Unavailable):
            late.future.result(timeout=30)
