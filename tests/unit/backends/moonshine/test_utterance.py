"""Partials, flushes without effect, windows that end, silence, hot words, languages."""

import gc
import threading
import weakref
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.unit.backends.moonshine.drive import (
    DATA,
    LAYOUTS,
    SILENCE,
    open_engine,
    pieces,
    started,
)
from tests.unit.backends.moonshine.sound import chirp
from triton_backends.moonshine import utterance as utterances
from triton_backends.moonshine.agreement import ROUNDS
from triton_backends.moonshine.engine import MoonshineEngine
from triton_backends.moonshine.search import DecodedTokens
from triton_backends.moonshine.utterance import MoonshineUtterance
from triton_backends.moonshine.window import Window
from triton_backends.shared import hot_words
from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis
from triton_backends.shared.errors import InvalidArgument

PUSH = 3 * 320  # samples, the 60 ms that a session sends at once


@pytest.fixture(scope="module", params=LAYOUTS)
def engine(request: pytest.FixtureRequest) -> MoonshineEngine:
    return open_engine(request.param)


def heard(
    engine: MoonshineEngine, pcm: np.ndarray, size: int = PUSH
) -> tuple[MoonshineUtterance, list[Hypothesis]]:  # type: ignore[type-arg]
    utterance = started(engine)
    told = [utterance.accept(piece) for piece in pieces(pcm, size)]
    return utterance, [each for each in told if each is not None]


def without_times(told: Hypothesis) -> Hypothesis:
    return replace(told, confidence=round(told.confidence, 4))


def test_stable_text_stays(engine: MoonshineEngine) -> None:
    utterance, partials = heard(engine, chirp(9.0))
    final = utterance.finish()
    assert len(partials) > 5
    stable = ""
    for told in [*partials, final]:
        assert told.text.startswith(stable)
        stable = told.text[: told.stable]
    assert any(told.stable for told in partials)
    assert final.stable == len(final.text)
    assert 0 < final.confidence <= 1


def test_an_utterance_is_free_as_soon_as_it_is_closed(engine: MoonshineEngine) -> None:
    """Held in a cycle, each kept its sound until Python looked: 45 MB of a process of 89."""
    gc.collect()
    gc.disable()
    try:
        utterance, _ = heard(engine, chirp(2.0))
        utterance.flush()
        utterance.finish()
        utterance.close()
        left = weakref.ref(utterance._window)
        del utterance
        assert left() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("size", [320, 11 * 320, 10**6])
def test_any_pieces_give_the_same(engine: MoonshineEngine, size: int) -> None:
    pcm = chirp(6.1)
    utterance, _ = heard(engine, pcm, size)
    expected, _ = heard(engine, pcm)
    assert without_times(utterance.finish()) == without_times(expected.finish())


def test_fifty_flushes_change_nothing(engine: MoonshineEngine) -> None:
    pcm = chirp(3.0)
    plain, _ = heard(engine, pcm)
    flushed, texts = started(engine), []
    for piece in pieces(pcm, PUSH):
        flushed.accept(piece)
        texts.append(flushed.flush().text)
    assert len(texts) == 50
    assert len(set(texts)) > 5
    assert without_times(flushed.finish()) == without_times(plain.finish())


def test_the_end_of_the_sound_is_heard(engine: MoonshineEngine) -> None:
    """The reference drops what is no whole step of 80 ms."""
    pcm = chirp(2.0)[: 24 * 1280 + 320]
    shorter, _ = heard(engine, pcm[: 24 * 1280])
    utterance, _ = heard(engine, pcm)
    told = utterance.flush()
    assert told.audio_ms == pcm.size // 16
    assert told.confidence != shorter.flush().confidence


def test_a_flush_that_only_quiet_followed_is_the_final(engine: MoonshineEngine) -> None:
    utterance, _ = heard(engine, chirp(2.0))
    told = utterance.flush()
    assert utterance.flush() is told
    utterance.accept(np.zeros(PUSH, np.int16))
    assert utterance.finish() == replace(told, stable=len(told.text))


def test_nothing_is_said_without_audio(engine: MoonshineEngine) -> None:
    utterance = started(engine)
    assert utterance.accept(SILENCE) is None
    assert utterance.flush() == Hypothesis()
    assert utterance.finish() == Hypothesis()
    assert started(engine).finish() == Hypothesis()


# --- windows -------------------------------------------------------------------------------------


def test_a_long_window_ends_at_a_pause(
    engine: MoonshineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utterances, "LONG", 2 * ASR_RATE)
    monkeypatch.setattr(utterances, "PAUSE", 6 * 320)
    pcm = np.tile(np.concatenate([chirp(2.5), np.zeros(8000, np.int16)]), 4)
    utterance, partials = heard(engine, pcm)
    assert utterance._started >= 9 * ASR_RATE
    assert utterance._window.samples <= 4 * ASR_RATE
    final = utterance.finish()
    # What a window said once is in every later text, and its words lie in its time.
    assert final.text.startswith(partials[-1].text[: partials[-1].stable])
    alone, _ = heard(engine, pcm[: utterance._started])
    assert final.text.startswith(alone._told.text)
    begins = [word.start_ms for word in final.words]
    assert begins == sorted(begins)
    assert all(word.end_ms <= pcm.size // 16 + 40 for word in final.words)


def test_a_window_without_a_pause_ends_too(
    engine: MoonshineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utterances, "LONGEST", 4 * ASR_RATE)
    noise = np.random.default_rng(1).normal(0, 3000, 20 * ASR_RATE).astype(np.int16)
    utterance, partials = heard(engine, noise)
    assert utterance._window.samples <= 5 * ASR_RATE
    assert utterance._window.pcm.size == utterance._window.samples
    stable = ""
    for told in partials:
        assert told.text.startswith(stable)
        stable = told.text[: told.stable]
    again, _ = heard(engine, noise, 10**6)
    assert again.finish().text == utterance.finish().text


def test_a_window_is_not_cut_before_what_partials_agreed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its tokens stay: those of sound behind the cut would be in the next window too."""
    monkeypatch.setattr(utterances, "LONGEST", 4 * ASR_RATE)
    engine = open_engine("streaming", partial_ms=100)
    before_end: list[int] = []
    take_until = Window.take_until

    def noted(window: Window, sample: int) -> DecodedTokens:
        before_end.append(window.samples - sample)
        return take_until(window, sample)

    monkeypatch.setattr(Window, "take_until", noted)
    noise = np.random.default_rng(1).normal(0, 3000, 20 * ASR_RATE).astype(np.int16)
    heard(engine, noise)
    assert len(before_end) >= 4
    assert max(before_end) <= ROUNDS * engine.partial_samples


def test_silence_is_neither_decoded_nor_kept(
    engine: MoonshineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[object] = []
    run = engine.model.decoder.run
    monkeypatch.setattr(
        engine.model.decoder, "run", lambda *given: (runs.append(given), run(*given))[1]
    )
    utterance, partials = heard(engine, np.zeros(60 * ASR_RATE, np.int16), 10 * 320)
    assert (runs, partials) == ([], [])
    assert utterance.flush() == Hypothesis(audio_ms=60_000)
    assert utterance._window.samples <= ASR_RATE
    assert utterance._window.pcm.size <= ASR_RATE
    for piece in pieces(chirp(2.0), PUSH):
        utterance.accept(piece)
    told = utterance.finish()
    assert told.text
    assert all(word.start_ms >= 59_000 for word in told.words)
    assert told.audio_ms == 62_000


# --- what waits behind ---------------------------------------------------------------------------


def test_a_partial_ends_when_a_flush_waits(
    engine: MoonshineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    utterance, _ = heard(engine, chirp(2.0))
    run, runs = engine.model.decoder.run, 0

    def counted(*given: object) -> object:
        nonlocal runs
        runs += 1
        if runs == 1:
            flush = AsrRequest(audio=chirp(1.0)[:PUSH], flush=True)
            notice = partial(utterance.queued_behind, flush, end=False)
            thread = threading.Thread(target=notice)
            thread.start()
            thread.join()
        return run(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(engine.model.decoder, "run", counted)
        assert utterance.accept(chirp(4.0)[2 * ASR_RATE : 2 * ASR_RATE + 7680]) is None
    assert runs == 1
    assert utterance.flush().audio_ms == 2480
    assert utterance.accept(chirp(4.0)[2 * ASR_RATE : 2 * ASR_RATE + 7680]) is not None


def test_partials_come_again_after_a_flush_that_needed_no_decoding(
    engine: MoonshineEngine,
) -> None:
    utterance, _ = heard(engine, chirp(2.0))
    told = utterance.flush()
    flush = AsrRequest(audio=SILENCE, flush=True)
    utterance.queued_behind(flush, end=False)  # while quiet sound is heard
    assert utterance.accept(np.zeros(PUSH, np.int16)) is None
    assert utterance.flush() == told
    partials = [utterance.accept(piece) for piece in pieces(chirp(4.0)[2 * ASR_RATE :], PUSH)]
    assert any(partials)


def test_speech_behind_a_flush_ends_it(
    engine: MoonshineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    utterance, partials = heard(engine, chirp(2.0)[: 24 * 1280])
    run = engine.model.decoder.run

    def spoken(*given: object) -> object:
        utterance.queued_behind(AsrRequest(audio=chirp(1.0)[:PUSH]), end=False)
        return run(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(engine.model.decoder, "run", spoken)
        told = utterance.flush()
    assert told.text == partials[-1].text
    assert utterance.flush().audio_ms == 24 * 80


def test_an_end_behind_a_flush_takes_its_answer(
    engine: MoonshineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = chirp(2.0)[: 24 * 1280]
    usual = heard(engine, sound)[0].flush()
    utterance, _ = heard(engine, sound)
    run, runs = engine.model.decoder.run, 0

    def ended(*given: object) -> object:
        nonlocal runs
        runs += 1
        utterance.queued_behind(AsrRequest(audio=SILENCE), end=True)
        return run(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(engine.model.decoder, "run", ended)
        told = utterance.flush()
        once = runs
        final = utterance.finish()
    assert told.text == final.text == usual.text
    assert runs == once, "nothing is decoded again"


# --- words and languages -------------------------------------------------------------------------


def test_hot_words_are_likelier_and_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PER_LETTER", "MOST"):  # the scores are those of random weights
        monkeypatch.setattr(hot_words, name, 40.0)
    lines: list[str] = []
    engine = MoonshineEngine(DATA / "streaming", tell=lines.append)
    plain, _ = heard(engine, chirp(4.0))
    utterance = engine.start(AsrRequest(audio=SILENCE, prompt="abbe, ghi, 北京"))
    for piece in pieces(chirp(4.0), PUSH):
        utterance.accept(piece)
    said, usual = utterance.finish().text, plain.finish().text
    assert (said.count("ab"), said.count("gh")) > (usual.count("ab"), usual.count("gh"))
    assert lines == ["hot word '北京': no tokens of this model write it"]


def test_word_times_lie_in_the_sound() -> None:
    utterance, _ = heard(open_engine("streaming"), chirp(4.0))
    told = utterance.finish()
    assert " ".join(word.word for word in told.words) == " ".join(told.text.split())
    for word, after in zip(told.words, told.words[1:], strict=False):
        assert 0 <= word.start_ms <= word.end_ms <= after.start_ms + 1 <= 4001


def test_a_model_that_does_not_tell_has_no_word_times() -> None:
    utterance, _ = heard(open_engine("whole"), chirp(2.0))
    assert utterance.finish().words == ()


def test_a_language_it_does_not_know_is_refused() -> None:
    engine = open_engine("streaming", languages=("en",))
    with pytest.raises(InvalidArgument, match="'fr': this model understands only en"):
        engine.start(AsrRequest(audio=SILENCE, language="fr"))
    engine.start(AsrRequest(audio=SILENCE, language="en-GB")).close()
