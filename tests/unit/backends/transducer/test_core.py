"""What holds for every layout: features, flushes without effect, batches, words, urgency."""

import threading
from itertools import pairwise
from pathlib import Path

import kaldi_native_fbank
import numpy as np
import pytest

from tests.unit.backends.transducer import tiny
from tests.unit.backends.transducer.drive import (
    SILENCE,
    FramesAsLogits,
    change_metadata,
    chirp,
    done,
    emitted,
    open_engine,
    pieces,
    started,
    sure,
)
from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis, Mark, Word
from triton_backends.shared.errors import InvalidArgument
from triton_backends.transducer.audio import Audio
from triton_backends.transducer.engine import TransducerEngine
from triton_backends.transducer.features import Features
from triton_backends.transducer.search import (
    Emission,
    GreedyTransducer,
    Vocabulary,
)
from triton_backends.transducer.stream import LONG_SILENCE
from triton_backends.transducer.tokens import Tokens
from triton_backends.transducer.transcript import Transcript

MAKERS = {"zipformer": tiny.zipformer, "ctc": tiny.zipformer_ctc, "nemo": tiny.nemo}
PUSH = 3 * 320  # samples, the 60 ms that a session sends at once


@pytest.fixture(params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return MAKERS[request.param](tmp_path)


# --- features ------------------------------------------------------------------------------------


def fbank(kind: str, mels: int) -> object:
    options = kaldi_native_fbank.FbankOptions()
    frames, bands = options.frame_opts, options.mel_opts
    frames.dither, frames.snip_edges, frames.samp_freq = 0, False, ASR_RATE
    bands.num_bins, bands.low_freq, bands.high_freq = mels, 20, -400
    if kind == "librosa":
        bands.low_freq, bands.high_freq, bands.is_librosa = 0, 8000, True
        frames.remove_dc_offset, frames.window_type = False, "hann"
    return kaldi_native_fbank.OnlineFbank(options)


def test_features_are_those_of_kaldi_native_fbank() -> None:
    pcm, audio = chirp(2), Audio()
    audio.append(pcm)
    for kind, mels in (("kaldi", 80), ("librosa", 128)):
        online = fbank(kind, mels)
        online.accept_waveform(ASR_RATE, (pcm / 32768).tolist())  # type: ignore[attr-defined]
        count = online.num_frames_ready  # type: ignore[attr-defined]
        expected = [online.get_frame(place) for place in range(count)]  # type: ignore[attr-defined]
        found = Features(kind, mels)  # type: ignore[arg-type]
        assert found.ready(pcm.size) == count
        np.testing.assert_allclose(found(audio, 0, count), expected, atol=1e-3)


def test_features_of_nemo_are_nemos() -> None:
    pcm, audio = chirp(2), Audio()
    audio.append(pcm)
    online = kaldi_native_fbank.OnlineNemoFbank(kaldi_native_fbank.NemoFbankOptions())
    online.accept_waveform(ASR_RATE, (pcm / 32768).tolist())
    expected = np.reshape(online.get_frames(0, online.num_frames_ready)[0], (-1, 80))
    found = Features("nemo", 80)
    count = found.ready(pcm.size)
    assert count == len(expected) - 1  # its last frame is padded
    np.testing.assert_allclose(found(audio, 0, count), expected[:count], atol=1e-3)


def test_features_do_not_depend_on_what_was_dropped() -> None:
    whole, cut, features = Audio(), Audio(), Features("nemo", 80)
    for audio in (whole, cut):
        audio.append(chirp(2))
    cut.drop_before(features.first_sample(100))
    np.testing.assert_array_equal(features(whole, 100, 50), features(cut, 100, 50))
    assert cut.kept < whole.kept
    assert not features(whole, -9, 9).any()  # frames before the first


# --- flushes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 5, 23])
def test_fifty_flushes_change_nothing(folder: Path, seed: int | None) -> None:
    """At every 60 ms, or at odd places, with silence before some of them and gone on after each."""
    engine, pcm = open_engine(folder), chirp(3.0)
    if seed is None:
        parts = list(pieces(pcm, PUSH))
    else:
        random = np.random.default_rng(seed)
        cuts = np.sort(random.choice(np.arange(1, pcm.size // 320), 49, replace=False)) * 320
        parts = np.split(np.roll(pcm, 1601 * seed), cuts)
        pauses = random.integers(0, 30, len(parts)) * (random.random(len(parts)) < 0.3)
        parts = [np.pad(part, (0, 320 * pause)) for part, pause in zip(parts, pauses, strict=True)]
    plain, flushed = started(engine), started(engine)
    done(plain.accept(np.concatenate(parts)))
    flushes = []
    for part in parts:
        done(flushed.accept(part))
        flushes.append(sure(flushed.flush()))
    assert len(flushes) == 50
    assert len({told.text for told in flushes}) > 10
    assert sure(flushed.finish()) == sure(plain.finish())
    engine.close()


def test_a_flush_says_more_than_the_windows_that_are_full(folder: Path) -> None:
    engine, pcm = open_engine(folder), chirp(2.2)
    utterance = started(engine)
    for piece in pieces(pcm, PUSH):
        done(utterance.accept(piece))
    before, settled = utterance._settled.text, emitted(utterance)
    told = sure(utterance.flush())
    assert told.audio_ms == 2200
    assert told.words[-1].end_ms > 2000
    assert (utterance._settled.text, settled) == (before, [])
    assert told.stable <= len(told.text)
    assert sure(utterance.flush()) is told  # nothing was said since
    done(utterance.accept(np.zeros(PUSH, np.int16)))
    final = sure(utterance.finish())
    assert (final.text, final.stable) == (told.text, len(told.text))
    engine.close()


def test_partials_only_grow(folder: Path) -> None:
    engine = open_engine(folder)
    utterance, text = started(engine), ""
    for piece in pieces(chirp(), PUSH):
        partial = done(utterance.accept(piece))
        if partial is not None:
            assert partial.text.startswith(text)
            assert partial.text != text
            assert partial.stable == len(partial.text)
            text = partial.text
    assert sure(utterance.finish()).text.startswith(text)
    assert text
    engine.close()


def test_speech_behind_a_flush_ends_its_padding(folder: Path) -> None:
    engine, pcm = open_engine(folder), chirp(2.0)
    utterance = started(engine)
    for piece in pieces(pcm, PUSH):
        done(utterance.accept(piece))
    gate = threading.Event()
    compute = engine.model.encoder.step

    def slow(*given: object) -> object:
        assert gate.wait(60)
        return compute(*given)  # type: ignore[arg-type]

    engine.model.encoder.step = slow  # type: ignore[assignment,method-assign]
    answer = utterance.flush()
    utterance.queued_behind(AsrRequest(audio=chirp(1.0)[:PUSH]), end=False)
    gate.set()
    partial = sure(answer)
    assert partial.text == utterance._shown.text
    engine.model.encoder.step = compute  # type: ignore[method-assign]
    assert len(sure(utterance.flush()).text) > len(partial.text)
    engine.close()


@pytest.mark.parametrize("session", ["", "somebody"])
def test_nothing_is_said_without_audio(folder: Path, session: str) -> None:
    engine = open_engine(folder)
    steps = counted_steps(engine)
    for _ in range(2):
        utterance = engine.start(AsrRequest(audio=SILENCE, session=session))
        assert done(utterance.accept(SILENCE)) is None
        assert sure(utterance.flush()) == Hypothesis()
        assert sure(utterance.finish()) == Hypothesis()
        ended = engine.start(AsrRequest(audio=SILENCE, session=session))
        assert sure(ended.finish()) == Hypothesis()
    engine.close()
    assert steps == []


# --- several people ------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [2, 8])
def test_a_batch_hears_what_each_hears_alone(folder: Path, people: int) -> None:
    engine = open_engine(folder)
    recordings = [np.roll(chirp(1.2), 997 * person) for person in range(people)]
    alone = []
    for pcm in recordings:
        utterance = started(engine)
        done(utterance.accept(pcm))
        alone.append(sure(utterance.finish()))
    sizes, compute, gate = [], engine.model.encoder.step, threading.Event()

    def counted(features: np.ndarray, states: list) -> object:  # type: ignore[type-arg]
        assert gate.wait(60)
        sizes.append(len(states))
        return compute(features, states)

    engine.model.encoder.step = counted  # type: ignore[assignment,method-assign]
    utterances = [started(engine) for _ in recordings]
    answers = [each.accept(pcm) for each, pcm in zip(utterances, recordings, strict=True)]
    gate.set()  # all but the first, which is under way, wait together
    for answer in answers:
        done(answer)
    together = [sure(each.finish()) for each in utterances]
    assert max(sizes) >= people - 1
    for found, expected in zip(together, alone, strict=True):
        assert (found.text, found.words) == (expected.text, expected.words)
        assert found.confidence == pytest.approx(expected.confidence, abs=1e-5)
    engine.close()


def test_two_threads_hear_what_one_hears(folder: Path) -> None:
    texts = []
    for parallel in (1, 2):
        engine = open_engine(folder, parallel=parallel)
        utterances = [started(engine) for _ in range(4)]
        answers = [each.accept(chirp(2.0)) for each in utterances]
        for answer in answers:
            done(answer)
        texts.append([sure(each.finish()).text for each in utterances])
        engine.close()
    assert texts[0] == texts[1]
    assert texts[0][0]


def test_people_who_stop_at_different_times_share_batches(folder: Path) -> None:
    """Batches shrink while they are computed; who is left hears what they hear alone."""
    engine = open_engine(folder)
    recordings = [np.roll(chirp(2.5), 1231 * n)[: 5 * 320 * (n + 5)] for n in range(8)]
    alone, together = [], [started(engine) for _ in recordings]
    for pcm in recordings:
        utterance = started(engine)
        done(utterance.accept(pcm))
        alone.append(sure(utterance.finish()))
    ends: dict[int, Hypothesis] = {}
    for at in range(0, max(pcm.size for pcm in recordings), 7 * 320):
        answers = []
        for number, pcm in enumerate(recordings):
            if piece := pcm[at : at + 7 * 320].size:
                answers.append(together[number].accept(pcm[at : at + piece]))
        for answer in answers:
            done(answer)
        for number, pcm in enumerate(recordings):
            if number not in ends and pcm.size <= at + 7 * 320:
                ends[number] = sure(together[number].finish())
    engine.close()
    for number, expected in enumerate(alone):
        assert (ends[number].text, ends[number].words) == (expected.text, expected.words)
    assert len({pcm.size for pcm in recordings}) == len(recordings)


# --- silence -------------------------------------------------------------------------------------

SILENT_S = 20


def counted_steps(engine: TransducerEngine) -> list[int]:
    """People in each run of the encoder from now on."""
    steps, compute = list[int](), engine.model.encoder.step

    def counted(features: np.ndarray, states: list) -> object:  # type: ignore[type-arg]
        steps.append(len(states))
        return compute(features, states)

    engine.model.encoder.step = counted  # type: ignore[assignment,method-assign]
    return steps


def test_long_silence_is_not_computed(folder: Path) -> None:
    """Nor by a FLUSH in it; who speaks again is heard, at the time at which they do."""
    engine = open_engine(folder)
    utterance, steps = started(engine), counted_steps(engine)
    done(utterance.accept(chirp(2.0)))
    silence = np.zeros(SILENT_S * ASR_RATE, np.int16)
    told = [done(utterance.accept(piece)) for piece in pieces(silence, 50 * 320)]
    after_s = 2 + LONG_SILENCE / 100 + 1
    assert sum(steps) <= after_s * 100 / engine.model.encoder.shift
    before = len(steps)
    silent = sure(utterance.flush())
    assert len(steps) == before
    assert silent.audio_ms == (2 + SILENT_S) * 1000
    assert utterance._audio.kept < 2 * ASR_RATE
    told += [done(utterance.accept(piece)) for piece in pieces(chirp(2.0), PUSH)]
    final = sure(utterance.finish())
    engine.close()
    assert final.text.startswith(silent.text)
    assert len(final.text) > len(silent.text)
    times = [word.start_ms / 1000 for word in final.words]
    assert all(time < after_s or time > 1.5 + SILENT_S for time in times)
    assert max(times) > 2 + SILENT_S
    texts = [each.text for each in told if each]
    assert all(text.startswith(short) for short, text in pairwise(texts))


def test_silence_cuts_nothing_whatever_the_pieces(folder: Path) -> None:
    engine, silence = open_engine(folder), np.zeros(8 * ASR_RATE, np.int16)
    pcm = np.concatenate([silence, chirp(1.5), silence, chirp(1.1)])
    finals = []
    for size in (7 * 320, 250 * 320, 10**6):
        utterance = started(engine)
        for piece in pieces(pcm, size):
            done(utterance.accept(piece))
        finals.append(sure(utterance.finish()))
    engine.close()
    assert finals[0] == finals[1] == finals[2]
    assert finals[0].words


def test_a_sound_that_has_just_begun_is_flushed(folder: Path) -> None:
    engine = open_engine(folder)
    utterance = started(engine)
    done(utterance.accept(np.zeros(8 * ASR_RATE, np.int16)))
    quiet = sure(utterance.flush()).text
    done(utterance.accept(chirp(0.5)[: 6 * 320]))
    assert len(sure(utterance.flush()).text) > len(quiet)
    engine.close()


# --- an hour -------------------------------------------------------------------------------------


def test_audio_that_was_heard_is_forgotten(folder: Path) -> None:
    engine = open_engine(folder)
    utterance, kept, told = started(engine), set(), 0
    for place, piece in enumerate(pieces(np.tile(chirp(2.0), 6), 5 * 320)):
        done(utterance.accept(piece))
        if place % 20 == 0:
            sure(utterance.flush())
        kept.add(utterance._audio.kept)
        told = max(told, len(utterance._stream.settled))
    assert max(kept) < ASR_RATE
    assert told == 0, "tokens are written and forgotten"
    assert len(utterance._settled.text) > 100
    engine.close()


# --- words ---------------------------------------------------------------------------------------

SYMBOLS = ["<blk>", "▁go", "ing", "▁", "你", "好", "<EOU>", "<0xC3>", "<0xA9>", "<en-US>", "."]


def written(*tokens: int, settled: int | None = None) -> Hypothesis:
    emissions = [Emission(token, 2 * place, -0.5) for place, token in enumerate(tokens)]
    count = len(tokens) if settled is None else settled
    transcript = Transcript(Tokens(SYMBOLS), 40)
    transcript.add(emissions[:count])
    whole = transcript.followed_by(emissions[count:])
    assert transcript.text == transcript.followed_by([]).text  # a copy changes nothing
    return whole.hypothesis(len(transcript.text), 1000)


def test_words_have_the_times_of_their_tokens() -> None:
    told = written(1, 2, 10, 1)
    assert told.text == "going. go"
    assert told.words == (Word("going.", 0, 200), Word("go", 240, 280))
    assert told.confidence == pytest.approx(np.exp(-0.5))


def test_marks_and_tags_are_no_text() -> None:
    assert written(9, 1, 6, 2).text == "going"
    assert written(6).text == ""
    assert written().confidence == 0.0


def test_marks_have_a_time() -> None:
    told = written(1, 6, 1)
    assert told.marks == (Mark("end", 120),)
    assert told.words[0].end_ms <= told.marks[0].at_ms <= told.words[1].start_ms
    assert written(1, 2).marks == ()
    assert written(1, 6, settled=1).marks == (Mark("end", 120),)


def test_characters_in_bytes_and_without_spaces() -> None:
    assert written(1, 7, 8).text == "goé"
    assert written(1, 7).text == "go"  # half a character is not shown
    told = written(4, 5)
    assert told.text == "你好"
    assert [word.word for word in told.words] == ["你", "好"]


def spelled(*symbols: str) -> Hypothesis:
    transcript = Transcript(Tokens(["<blk>", *symbols]), 40)
    transcript.add(Emission(number, number, -0.5) for number in range(1, len(symbols) + 1))
    return transcript.hypothesis(len(transcript.text), 1000)


def test_byte_level_tokens_are_read_as_bytes() -> None:
    """你 is e4 bd a0, 好 e5 a5 bd; icefall writes each byte as a letter."""
    told = spelled("▁HE", "LLO", "▁ƋţŅ", "▁ƌŋ", "ţ")
    assert told.text == "HELLO 你好"
    assert [word.word for word in told.words] == ["HELLO", "你", "好"]


def test_korean_has_spaces() -> None:
    told = spelled("▁안녕", "하세요", "▁여러분")
    assert told.text == "안녕하세요 여러분"
    assert [word.word for word in told.words] == ["안녕하세요", "여러분"]


def test_what_is_not_settled_is_not_stable() -> None:
    assert written(1, 2, 1, settled=2).stable == len("going")
    assert written(1, 3, 1, settled=2).stable == len("go ")


# --- marks of the turn ---------------------------------------------------------------------------


def test_the_predictor_begins_anew_after_the_end_of_an_utterance() -> None:
    vocabulary = Vocabulary(blank=3, resets=frozenset({1}))
    search = GreedyTransducer(FramesAsLogits(), vocabulary, most_symbols=1)
    found, state = search.step(search.start(), np.eye(4, dtype=np.float32)[[0, 3, 2]])
    assert (len(found), state.memory.state) == (2, (0, 2))
    found, state = search.step(state, np.eye(4, dtype=np.float32)[[1]])
    assert (found[0].token, found[0].frame, state.memory.state) == (1, 3, ())


def test_marks_are_emitted_and_not_written(tmp_path: Path) -> None:
    engine = open_engine(tiny.nemo(tmp_path, seed=3, marks=("<EOU>", "<EOB>")))
    assert {engine.model.tokens[mark] for mark in engine.model.marks} == {"<EOU>", "<EOB>"}
    utterance = started(engine)
    heard = emitted(utterance)
    done(utterance.accept(chirp()))
    tokens = {emission.token for emission in heard}
    assert tokens & engine.model.marks
    final = sure(utterance.finish())
    assert "<" not in final.text
    assert {mark.kind for mark in final.marks} <= {"end", "backchannel"}
    times = [mark.at_ms for mark in final.marks]
    assert times == sorted(times)
    assert times
    engine.close()


# --- languages -----------------------------------------------------------------------------------


def test_a_language_it_does_not_know_is_refused(tmp_path: Path) -> None:
    from triton_backends.transducer.engine import EngineOptions, TransducerEngine

    options = EngineOptions(languages=("en", "de"))
    engine = TransducerEngine(tiny.zipformer(tmp_path), options)
    with pytest.raises(InvalidArgument, match="'fr': this model understands only en, de"):
        engine.start(AsrRequest(audio=np.zeros(0, np.int16), language="fr"))
    engine.start(AsrRequest(audio=np.zeros(0, np.int16), language="de-AT")).close()
    engine.close()


def test_a_network_is_told_the_language(tmp_path: Path) -> None:
    """By the tag, by a near one, or its own guess; what it does not know is refused."""
    numbers = {"en-US": 0, "de-DE": 2, "pt_BR": 4, "auto": 7}
    engine = open_engine(tiny.nemo(tmp_path, prompts=numbers))
    assert engine.model.languages == ("en", "de", "pt")
    texts, told = {}, list[int]()
    step = engine.model.encoder.step

    def noted(features: np.ndarray, states: list) -> object:  # type: ignore[type-arg]
        told.extend(int(state[-1][0]) for state in states)
        return step(features, states)

    engine.model.encoder.step = noted  # type: ignore[assignment,method-assign]
    for tag, number in (("en-US", 0), ("de-AT", 2), ("pt", 4), ("", 7)):
        told.clear()
        utterance = engine.start(AsrRequest(audio=SILENCE, language=tag))
        done(utterance.accept(chirp(2.0)))
        texts[tag] = sure(utterance.finish()).text
        assert set(told) == {number}, tag
    assert len(set(texts.values())) == len(texts)
    with pytest.raises(InvalidArgument, match="'fr': this model understands en, de, pt"):
        engine.start(AsrRequest(audio=SILENCE, language="fr"))
    engine.close()


def test_people_of_several_languages_share_a_run(tmp_path: Path) -> None:
    engine = open_engine(tiny.nemo(tmp_path, prompts={"en-US": 0, "de-DE": 2}))
    encoder = engine.model.encoder
    features = np.random.default_rng(1).normal(-8, 2, (2, encoder.window, 128)).astype(np.float32)
    states = [encoder.start("en"), encoder.start("de")]
    together = encoder.step(features, states)
    for place, (found, _) in enumerate(together):
        alone, _ = encoder.step(features[place : place + 1], states[place : place + 1])[0]
        np.testing.assert_allclose(found, alone, atol=1e-5)
    engine.close()


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"prompt_dictionary": "{"}, "encoder.onnx: prompt_dictionary"),
        ({"prompt_dictionary": '{"en": "x"}'}, "encoder.onnx: prompt_dictionary"),
        ({"auto_prompt_id": "many"}, "auto_prompt_id 'many' is no number"),
    ],
)
def test_language_numbers_that_are_none(
    tmp_path: Path, metadata: dict[str, str], said: str
) -> None:
    folder = tiny.nemo(tmp_path, prompts={"en-US": 0})
    change_metadata(folder / "encoder.onnx", metadata)
    with pytest.raises(InvalidArgument, match=said):
        open_engine(folder)
