"""Which channels are transcribed, and what a quiet or humming one becomes."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vdx.batch.cutting import Cutter, Stretch
from vdx.batch.high_pass import REACH, HighPass
from vdx.batch.levelling import TARGET, Leveller
from vdx.batch.recording import Recording
from vdx.batch.stretches import BLOCK, SpeechFinder
from vdx.client.recording import read_clip
from vdx.core.channels import ChannelChoice
from vdx.core.config import VadConfig

AUDIO = Path(__file__).parents[2] / "data" / "audio"
RATE = 16_000


def recorded(name: str) -> np.ndarray:
    with wave.open(str(AUDIO / f"{name}.wav")) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return raw.astype(np.float32) / 32_768


ONE, OTHER = recorded("ps_librivox_0880")[:44_800], recorded("ps_librivox_0930")[:44_800]
SILENCE = np.zeros_like(ONE)


def chosen(*sides: np.ndarray) -> tuple[int, ...]:
    return ChannelChoice().of(np.stack(sides, axis=1))


class TestChannels:
    @pytest.mark.parametrize(
        "other",
        [
            ONE,
            -ONE,
            ONE * 0.1,
            np.roll(ONE, 160),
            np.convolve(ONE, np.ones(8) / 8, "same"),
            ONE + np.random.default_rng(0).normal(0, 0.003, ONE.size),
        ],
        ids=["equal", "inverted", "quieter", "10 ms later", "dull", "noisy"],
    )
    def test_the_same_sound_is_taken_once(self, other: np.ndarray) -> None:
        assert len(chosen(ONE, other)) == 1
        assert chosen(ONE, other * 0.1) == (0,)
        assert chosen(ONE * 0.02, other) == (1,)

    def test_people_on_two_sides_are_both_taken(self) -> None:
        assert chosen(ONE, OTHER) == (0, 1)
        assert chosen(ONE, OTHER * 0.1) == (0, 1)
        assert chosen(ONE, OTHER, -ONE, SILENCE) in {(0, 1), (1, 2)}

    def test_a_side_without_sound_is_left_out(self) -> None:
        assert chosen(SILENCE, SILENCE, SILENCE, ONE * 0.01, SILENCE, SILENCE) == (3,)
        assert chosen(ONE, ONE * 0 + OTHER * 0.001) == (0,)
        assert chosen(SILENCE, SILENCE) == ()

    def test_it_stays_with_a_channel_while_that_is_loud_enough(self) -> None:
        choice = ChannelChoice()
        assert choice.of(np.stack([ONE, 0.9 * ONE], axis=1)) == (0,)
        assert choice.of(np.stack([0.9 * ONE, ONE], axis=1)) == (0,)
        assert choice.of(np.stack([0.2 * ONE, ONE], axis=1)) == (1,)


class TestHighPass:
    @pytest.mark.parametrize(
        ("hz", "least", "most"), [(50, 0, 0.01), (60, 0, 0.02), (150, 0.98, 1.02)]
    )
    def test_hum_goes_and_voices_stay(self, hz: int, least: float, most: float) -> None:
        tone = np.sin(2 * np.pi * hz * np.arange(2 * RATE) / RATE).astype(np.float32)[:, None]
        heard = HighPass().push(tone, last=True)
        assert heard.shape == tone.shape
        assert least <= np.abs(heard[RATE // 2 : -RATE // 2]).max() <= most

    @pytest.mark.parametrize("step", [100, 1_000, 44_800])
    def test_pieces_of_any_size_are_filtered_alike(self, step: int) -> None:
        sound = np.stack([ONE, OTHER], axis=1) + 0.2
        whole = HighPass().push(sound, last=True)
        filter_ = HighPass()
        pieces = [filter_.push(sound[at : at + step]) for at in range(0, len(sound), step)]
        pieces.append(filter_.push(sound[:0], last=True))
        joined = np.concatenate(pieces)
        assert joined.shape == sound.shape
        edge = REACH if step < REACH else 0  # the first piece is all there is to mirror
        assert np.abs(joined[edge:] - whole[edge:]).max() < 1e-5
        assert abs(float(whole.mean())) < 1e-3

    @pytest.mark.parametrize("size", [1, 2, 319, 351])
    def test_short_sounds_keep_their_length(self, size: int) -> None:
        assert HighPass().push(np.full((size, 1), 0.2, np.float32), last=True).shape == (size, 1)


class TestLeveller:
    @pytest.mark.parametrize("db", [-20, -40, -60])
    def test_quiet_speech_becomes_loud(self, db: int) -> None:
        loud = np.abs(Leveller().push(ONE)).max()
        heard = np.abs(Leveller().push(ONE * 10 ** (db / 20))).max()
        assert 2_000 < heard <= max(loud, 5 * TARGET * 32_768)

    def test_loud_speech_and_even_noise_stay_as_they_are(self) -> None:
        assert np.array_equal(Leveller().push(ONE), (ONE * 32_767).astype(np.int16))
        noise = np.random.default_rng(0).normal(0, 0.001, 3 * RATE).astype(np.float32)
        assert np.abs(Leveller().push(noise)).max() < 200

    def test_a_pause_is_not_made_loud_at_once(self) -> None:
        leveller = Leveller()
        leveller.push(ONE)
        assert np.abs(leveller.push(ONE * 0.001)).max() < 200


def found(sound: np.ndarray, step: int = RATE) -> list[Stretch]:
    """float32 [samples, channels] in pieces."""
    finder = SpeechFinder(lambda at, channel: Cutter(VadConfig(), at=at, channel=channel))
    stretches = [s for at in range(0, len(sound), step) for s in finder.push(sound[at : at + step])]
    return stretches + finder.finish()


class TestStretches:
    def test_who_speaks_at_once_is_heard_apart_and_in_order(self) -> None:
        both = np.stack([np.tile(ONE, 6), np.roll(np.tile(OTHER, 6), 9_000)], axis=1)
        heard = found(both)
        assert {stretch.channel for stretch in heard} == {0, 1}
        assert [s.start for s in heard] == sorted(s.start for s in heard)
        for channel in (0, 1):
            covered = sum(s.audio.size for s in heard if s.channel == channel)
            assert covered > 0.8 * len(both)

    def test_a_second_person_may_begin_late(self) -> None:
        sides = np.zeros((3 * BLOCK, 2), np.float32)
        sides[: ONE.size, 0] = ONE
        sides[2 * BLOCK + 1_000 : 2 * BLOCK + 1_000 + OTHER.size, 1] = OTHER
        first, second = found(sides)
        assert (first.channel, second.channel) == (0, 1)
        assert abs(second.start - 2 * BLOCK) < RATE

    @pytest.mark.parametrize(
        "treated",
        [
            0.003 * ONE,
            ONE + 0.2,
            ONE + 0.3 * np.sin(2 * np.pi * 50 * np.arange(ONE.size) / RATE),
        ],
        ids=["quiet", "offset", "hum"],
    )
    def test_what_is_quiet_or_hums_is_heard(self, treated: np.ndarray) -> None:
        plain, heard = found(ONE[:, None]), found(treated.astype(np.float32)[:, None])
        assert len(heard) == len(plain) == 1
        assert heard[0].start == pytest.approx(plain[0].start, abs=3_200)
        assert heard[0].end == pytest.approx(plain[0].end, abs=3_200)
        assert np.abs(heard[0].audio).max() > 2_000

    def test_speech_to_the_edges_gets_silence_around_it(self) -> None:
        speech = recorded("ps_tidigits_2934z")
        loud = np.flatnonzero(np.abs(speech) > 0.02)
        tight = speech[loud[0] : loud[-1] + 1]
        (stretch,) = found(tight[:, None])
        assert (stretch.start, stretch.end) == (0, pytest.approx(tight.size, abs=320))
        assert stretch.before >= RATE // 5
        assert stretch.after >= RATE // 10
        assert stretch.padded.size == stretch.before + stretch.audio.size + stretch.after

    def test_a_sound_in_which_no_voice_is_found_is_for_the_recogniser_to_judge(self) -> None:
        short = recorded("ps_goforward")[24_000:28_800]
        (stretch,) = found(short[:, None])
        assert stretch.audio.size == short.size
        assert found(np.zeros((RATE, 1), np.float32)) == []

    @pytest.mark.parametrize("db", [-40, -50])
    def test_steady_noise_of_a_line_is_nothing_to_judge(self, db: int) -> None:
        """A side on which nobody speaks would be decoded whole; speech in noise still is judged."""
        noise = np.random.default_rng(0).normal(0, 10 ** (db / 20), 10 * RATE).astype(np.float32)
        assert found(noise[:, None]) == []
        person = np.zeros_like(noise)
        person[RATE : RATE + ONE.size] = ONE
        heard = found(np.stack([person, noise], axis=1))
        assert {stretch.channel for stretch in heard} == {0}
        level = float(np.sqrt(np.square(ONE).mean()))
        as_loud = np.random.default_rng(1).normal(0, 1.5 * level, ONE.size).astype(np.float32)
        assert found((ONE + as_loud)[:, None]) != []

    def test_a_stereo_file_behind_a_mono_one_is_heard(self) -> None:
        finder = SpeechFinder(lambda at, channel: Cutter(VadConfig(), at=at, channel=channel))
        heard = finder.push(ONE[:, None])
        heard += finder.push(np.stack([SILENCE, OTHER], axis=1))
        heard += finder.finish()
        assert [stretch.channel for stretch in heard] == [0, 1]
        assert heard[1].start >= ONE.size


def test_a_recording_for_a_conversation_is_mixed_alike(tmp_path: Path) -> None:
    """`vdx talk --wav` hears the same files."""
    file = tmp_path / "inverted.wav"
    soundfile.write(file, np.stack([ONE, -ONE], axis=1), RATE)
    assert np.abs(read_clip(file, RATE).pcm).max() > 5_000
    soundfile.write(file, np.stack([SILENCE] * 5 + [ONE], axis=1), RATE)
    assert np.abs(read_clip(file, RATE).pcm).max() > 5_000


def test_channels_that_end_in_the_middle_are_silent() -> None:
    raw = io.BytesIO()
    soundfile.write(raw, np.stack([ONE, OTHER], axis=1), RATE, format="FLAC")
    with Recording(io.BytesIO(raw.getvalue()), "two") as recording:
        assert recording.read().shape == (RATE, 2)
