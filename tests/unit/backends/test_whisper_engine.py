"""Whisper without Triton: real words from the trained model, and a released architecture's ways.

The second model says the same made-up words whatever it hears
(benchmarks/whisper_model.py).
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.whisper_model import Wanted, write_model
from tests.unit.backends.speech import MODEL, SPOKEN, spoken
from triton_backends.shared.contract import AsrRequest
from triton_backends.shared.engine import Hypothesis
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.whisper.engine import WhisperEngine, WhisperOptions
from triton_backends.whisper.windows import Window, WindowTranscript

NOTHING = np.zeros(0, np.int16)
QUIET = np.zeros(16_000 * 300 // 1000, np.int16)
WORDS = 6


def request(language: str = "", audio: NDArray[np.int16] = NOTHING) -> AsrRequest:
    return AsrRequest(audio, language)


@pytest.fixture(scope="module")
def trained() -> Iterator[WhisperEngine]:
    engine = WhisperEngine(MODEL)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Vocabulary and window of the released multilingual models, next to no weights."""
    folder = tmp_path_factory.mktemp("made") / "micro"
    write_model(folder, Wanted("micro", WORDS, language="fr"))
    return folder


@pytest.fixture(scope="module")
def released(made: Path) -> Iterator[WhisperEngine]:
    engine = WhisperEngine(made, WhisperOptions(partial_ms=400))
    yield engine
    engine.close()


def result(answer: Hypothesis | Future[Hypothesis | None]) -> Hypothesis:
    """Waits for what `flush` or `finish` gave."""
    hypothesis = answer.result(30) if isinstance(answer, Future) else answer
    assert hypothesis is not None
    return hypothesis


def hear(engine: WhisperEngine, audio: NDArray[np.int16], language: str = "") -> Hypothesis:
    utterance = engine.start(request(language))
    utterance.accept(audio)
    heard = result(utterance.finish())
    utterance.close()
    return heard


@pytest.mark.parametrize("name", SPOKEN)
def test_sentences_are_heard(trained: WhisperEngine, name: str) -> None:
    audio = spoken(name)
    heard = hear(trained, audio)
    assert heard.text == SPOKEN[name]
    assert heard.stable == len(heard.text)
    assert [word.word for word in heard.words] == SPOKEN[name].split()
    assert heard.audio_ms == audio.size // 16
    assert 0.5 < heard.confidence <= 1
    assert all(0 <= word.start_ms <= word.end_ms <= heard.audio_ms for word in heard.words)


@pytest.mark.parametrize("level", [0, 5, 300])
def test_silence_and_noise_say_nothing(trained: WhisperEngine, level: int) -> None:
    noise = np.random.default_rng(0).normal(0, level, 32_000).astype(np.int16)
    heard = hear(trained, noise)
    assert (heard.text, heard.words, heard.audio_ms) == ("", (), 2000)
    assert hear(trained, NOTHING).text == ""


@pytest.mark.parametrize(
    ("doubt", "given", "frames", "words"),
    [
        ("is_hallucination", {}, [1000, 3000], 0),
        ("is_hallucination", {"is_partial": True}, [1000], 0),
        ("is_doubled", {}, [1000, 3000], WORDS),
        ("is_repetitive", {}, [1000, 3000], WORDS),
    ],
)
def test_what_is_doubted_is_decoded_at_full_length(
    released: WhisperEngine,
    monkeypatch: pytest.MonkeyPatch,
    doubt: str,
    given: dict[str, bool],
    frames: list[int],
    words: int,
) -> None:
    monkeypatch.setattr(f"triton_backends.whisper.recogniser.{doubt}", lambda *_: True)
    decoded = list[int]()
    encode = released.recogniser._encode

    def watched(windows: list[Window], stop: Callable[[], bool]) -> object:
        decoded.extend(window.frames for window in windows)
        return encode(windows, stop)

    monkeypatch.setattr(released.recogniser, "_encode", watched)
    heard = released.recogniser.transcribe([Window(spoken("stop_talking"), 1000, "en", **given)])
    assert heard is not None
    assert (decoded, len(heard[0].words)) == (frames, words)


@pytest.mark.parametrize(("frames", "beams"), [(1000, [1, 5]), (3000, [1, 5])])
def test_a_loop_is_decoded_by_beam_search(
    released: WhisperEngine, monkeypatch: pytest.MonkeyPatch, frames: int, beams: list[int]
) -> None:
    """Once: what repeats itself then is what was said."""
    monkeypatch.setattr("triton_backends.whisper.recogniser.is_repetitive", lambda *_: True)
    searched = list[int]()
    generate = released.recogniser._model.generate

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(model, name)

        def generate(self, *args: object, **given: Any) -> object:
            searched.append(given["beam_size"])
            return generate(*args, **given)

    model = released.recogniser._model
    monkeypatch.setattr(released.recogniser, "_model", Watched())
    heard = released.recogniser.transcribe([Window(spoken("stop_talking"), frames, "en")])
    assert heard is not None
    assert (searched, len(heard[0].words)) == (beams, WORDS)


def test_a_level_alone_leaves_nothing_out(
    released: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that knows that nobody speaks; one that never does has only the level."""
    even = Window(spoken("stop_talking"), 1000, "en", is_even=True)
    for knows, words in ((True, WORDS), (False, 0)):
        monkeypatch.setattr(released.recogniser, "_knows_silence", knows)
        heard = released.recogniser.transcribe([even])
        assert heard is not None
        assert len(heard[0].words) == words


def test_a_flush_is_the_final_when_only_quiet_follows(trained: WhisperEngine) -> None:
    utterance = trained.start(request())
    utterance.accept(spoken("set_a_timer"))
    speculative = result(utterance.flush())
    utterance.accept(QUIET)
    assert result(utterance.flush()) is speculative
    final = utterance.finish()
    assert isinstance(final, Hypothesis), "decoded again"
    assert final.text == speculative.text == SPOKEN["set_a_timer"]
    assert final.audio_ms == speculative.audio_ms
    utterance.close()


def test_speech_after_a_flush_is_heard_too(released: WhisperEngine) -> None:
    utterance = released.start(request("en"))
    utterance.accept(spoken("stop_talking"))
    first = result(utterance.flush())
    utterance.accept(spoken("set_a_timer"))
    final = result(utterance.finish())
    assert final.audio_ms > first.audio_ms
    utterance.close()


def test_a_flush_that_waits_gives_way_to_more_speech(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = WhisperEngine(made)
    hold, transcribe = threading.Event(), engine.recogniser.transcribe
    decoded: list[int] = []

    def slow(windows: list[Window], _stop: object) -> list[WindowTranscript] | None:
        decoded.extend(window.pcm.size for window in windows)
        assert hold.wait(30)
        return transcribe(windows)

    monkeypatch.setattr(engine.scheduler, "_compute", slow)
    others = [engine.start(request("en")) for _ in range(engine.recogniser.parallel)]
    for other in others:
        other.accept(spoken("what_time_is_it"))
    busy = [other.finish() for other in others]
    while len(decoded) < len(others):
        time.sleep(0.01)
    utterance = engine.start(request("en"))
    utterance.accept(spoken("stop_talking"))
    answer = utterance.flush()
    assert isinstance(answer, Future)
    utterance.queued_behind(request(audio=QUIET), end=False)
    assert not answer.done(), "quiet does not make it useless"
    utterance.queued_behind(request(audio=spoken("set_a_timer")), end=False)
    assert answer.result(30) == Hypothesis()
    hold.set()
    assert all(result(each).words for each in busy)
    utterance.accept(spoken("set_a_timer"))
    assert len(result(utterance.finish()).words) == WORDS
    assert decoded.count(spoken("stop_talking").size) == 0
    engine.close()


def test_partials_agree_and_the_rest_builds_on_them(released: WhisperEngine) -> None:
    utterance = released.start(request("en"))
    shown: list[Hypothesis] = []
    audio = np.concatenate([spoken("set_a_timer"), spoken("tell_me_a_story", 0)])
    for at in range(0, audio.size, 960):
        time.sleep(0.02)
        if (partial := utterance.accept(audio[at : at + 960])) is not None:
            shown.append(partial)
    assert shown
    assert shown[0].stable == 0, "one hypothesis agrees with nothing"
    assert all(a.audio_ms <= b.audio_ms for a, b in itertools.pairwise(shown))
    stable = shown[-1].text[: shown[-1].stable]
    prefix = [word.text for word in utterance._agreed.words]
    final = result(utterance.flush())
    assert final.text.startswith(stable)
    assert "".join(prefix).strip() == stable
    assert len(final.words) == WORDS
    utterance.close()


def test_an_utterance_sent_at_once_has_no_partials(released: WhisperEngine) -> None:
    utterance = released.start(request("en"))
    for _ in range(8):
        assert utterance.accept(spoken("set_a_timer")) is None
    assert utterance._partial is None
    utterance.close()


def test_real_words_over_more_than_thirty_seconds(trained: WhisperEngine) -> None:
    names = ["set_a_timer", "i_will_be_home", "tell_me_a_story", "turn_on_the_kitchen_light"] * 3
    audio = np.concatenate([_padded(spoken(name)) for name in names])
    assert audio.size > 39 * 16_000
    utterance = trained.start(request())
    for at in range(0, audio.size, 3200):
        utterance.accept(audio[at : at + 3200])
    heard = result(utterance.finish())
    utterance.close()
    assert heard.text == " ".join(SPOKEN[name] for name in names)
    assert heard.audio_ms == audio.size // 16
    starts = [word.start_ms for word in heard.words]
    assert starts == sorted(starts)
    assert starts[-1] > 36_000


def _padded(audio: NDArray[np.int16], seconds: float = 3.3) -> NDArray[np.int16]:
    return np.pad(audio, (0, int(seconds * 16_000) - audio.size))


def test_long_utterances_of_a_released_model(released: WhisperEngine) -> None:
    audio = np.concatenate([spoken("tell_me_a_story")] * 30)
    heard = hear(released, audio, "en")
    parts = len(heard.words) / WORDS
    assert parts == int(parts) >= audio.size / 16_000 / 30
    assert heard.audio_ms == audio.size // 16
    assert [word.word for word in heard.words] == heard.text.split()


class TestPrefix:
    def test_a_wrong_one_changes_no_word(self, trained: WhisperEngine) -> None:
        audio = spoken("tell_me_a_story")
        wrong = trained.recogniser.transcribe([Window(spoken("what_time_is_it"), 600, "en")])
        assert wrong
        prefix = tuple(t for word in wrong[0].words[:2] for t in word.tokens)
        heard = trained.recogniser.transcribe([Window(audio, 600, "en", prefix)])
        assert heard
        assert "".join(w.text for w in heard[0].words).strip() == SPOKEN["tell_me_a_story"]

    def test_a_right_one_is_kept(
        self, trained: WhisperEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = trained.recogniser.transcribe([Window(spoken("set_a_timer"), 600, "en")])
        assert plain
        prefix = tuple(t for word in plain[0].words[:3] for t in word.tokens)
        passes: list[int] = []
        generate = trained.recogniser._generate

        def spy(windows: list[Window], encoded: object) -> object:
            passes.append(len(windows[0].prefix))
            return generate(windows, encoded)

        monkeypatch.setattr(trained.recogniser, "_generate", spy)
        with_it = trained.recogniser.transcribe([Window(spoken("set_a_timer"), 600, "en", prefix)])
        assert with_it == plain
        assert passes == [len(prefix)]


class TestWindow:
    def test_short_speech_is_heard_in_a_short_window(self, released: WhisperEngine) -> None:
        seconds = (1, 8, 8.1, 13, 18, 18.1, 28)
        frames = [released.window_frames(int(s * 16_000)) for s in seconds]
        assert frames == [1000, 1000, 1500, 1500, 2000, 3000, 3000]

    def test_it_can_be_switched_off(self, made: Path) -> None:
        engine = WhisperEngine(made, WhisperOptions.of(Parameters({"window": "full"})))
        assert engine.window_frames(16_000) == 3000
        engine.close()

    def test_a_model_with_a_shorter_one_is_heard_in_its_own(self, trained: WhisperEngine) -> None:
        assert trained.window_frames(16_000) == 600

    def test_a_loop_is_decoded_again_at_full_length(self, tmp_path: Path) -> None:
        folder = tmp_path / "loop"
        write_model(folder, Wanted("micro", 60, loop=True))
        engine = WhisperEngine(folder)
        lengths: list[int] = []
        encode = engine.recogniser._encode

        def spy(windows: list[Window], should_stop: Callable[[], bool]) -> object:
            lengths.extend(window.frames for window in windows)
            return encode(windows, should_stop)

        engine.recogniser._encode = spy  # type: ignore[method-assign]
        heard = hear(engine, spoken("set_a_timer"), "en")
        assert lengths == [1000, 3000]
        assert len(heard.words) <= 4, "the loop is said once"
        engine.close()


class TestLanguage:
    def test_it_is_detected_where_none_is_named(self, released: WhisperEngine) -> None:
        window = Window(spoken("stop_talking"), 1000)
        assert released.recogniser.transcribe([window] * 2)[1].language == "fr"  # type: ignore[index]
        assert released.recogniser.vocabulary.multilingual
        assert len(released.recogniser.vocabulary.languages) == 99
        known = released.recogniser.vocabulary
        assert all(known.language(name) == name for name in known.languages)
        tags = {"jv": "jw", "iw": "he", "cmn-Hans": "zh", "deu": "de", "PT_br": "pt", "": ""}
        assert {tag: known.language(tag) for tag in tags} == tags
        with pytest.raises(InvalidArgument, match="'tlh'"):
            known.language("tlh")
        assert len(hear(released, spoken("stop_talking"), "pt-BR").words) == WORDS

    def test_it_is_told_with_its_probability(self, released: WhisperEngine) -> None:
        detected = hear(released, spoken("stop_talking"))
        assert detected.language == "fr"
        assert 0.9 < detected.language_probability <= 1.0
        named = hear(released, spoken("stop_talking"), "jv")
        assert (named.language, named.language_probability) == ("jv", 1.0)

    def test_a_doubtful_one_is_detected_anew(
        self, released: WhisperEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The first second of an utterance may be taken for another language."""
        likely = iter([[("<|de|>", 0.6)], [("<|fr|>", 0.95)], [("<|en|>", 0.99)]])
        asked = []

        def detect(_encoded: object) -> list[list[tuple[str, float]]]:
            asked.append(True)
            return [next(likely)]

        stand_in = SimpleNamespace(detect_language=detect, is_multilingual=True)
        model = released.recogniser._model
        for name in ("encode", "generate", "align"):
            setattr(stand_in, name, getattr(model, name))
        monkeypatch.setattr(released.recogniser, "_model", stand_in)
        utterance = released.start(request())
        utterance.accept(spoken("stop_talking"))
        first = result(utterance.flush())
        utterance.accept(spoken("set_a_timer"))
        second = result(utterance.flush())
        utterance.accept(spoken("set_a_timer"))
        third = result(utterance.finish())
        utterance.close()
        assert [each.language for each in (first, second, third)] == ["de", "fr", "fr"]
        assert len(asked) == 2, "what was beyond doubt is not asked again"

    def test_a_translation_is_asked_for_by_its_task(self, released: WhisperEngine) -> None:
        vocabulary = released.recogniser.vocabulary
        said, translated = (
            vocabulary.start_sequence("fr", translate=translate) for translate in (False, True)
        )
        assert said[:2] == translated[:2]
        assert vocabulary._numbers["<|translate|>"] == translated[2] != said[2]
        utterance = released.start(AsrRequest(NOTHING, translate=True))
        utterance.accept(spoken("stop_talking"))
        heard = result(utterance.finish())
        utterance.close()
        assert (len(heard.words), heard.language) == (WORDS, "fr")

    def test_an_english_model_does_not_translate(self, trained: WhisperEngine) -> None:
        with pytest.raises(InvalidArgument, match="TRANSLATE: this model understands only English"):
            trained.start(AsrRequest(NOTHING, translate=True))

    def test_an_unknown_one_is_named(self, released: WhisperEngine, trained: WhisperEngine) -> None:
        with pytest.raises(InvalidArgument, match="LANGUAGE 'tlh'"):
            released.start(request("tlh"))
        with pytest.raises(InvalidArgument, match="LANGUAGE 'de-AT': this model understands only"):
            trained.start(request("de-AT"))
        trained.start(request("en-GB")).close()

    def test_english_only_models_are_told_by_their_vocabulary(self, tmp_path: Path) -> None:
        write_model(tmp_path / "en", Wanted("micro", WORDS, english_only=True))
        engine = WhisperEngine(tmp_path / "en")
        assert not engine.recogniser.vocabulary.multilingual
        assert len(hear(engine, spoken("stop_talking")).words) == WORDS
        with pytest.raises(InvalidArgument, match="fr"):
            engine.start(request("fr"))
        engine.close()

    def test_words_of_languages_without_spaces(self, released: WhisperEngine) -> None:
        vocabulary = released.recogniser.vocabulary
        tokens = list("日本 go".encode())
        assert [text for text, _ in vocabulary.words(tokens, "ja")] == ["日", "本", "g", "o"]
        assert [text for text, _ in vocabulary.words(tokens, "en")] == [" 日本", " go"]
        unfinished = vocabulary.words(tokens[:4], "ja")
        assert [text for text, _ in unfinished] == ["日"]
        assert sum(len(group) for _, group in unfinished) == 4


def test_the_largest_architecture_has_128_mels(tmp_path: Path) -> None:
    write_model(tmp_path / "large", Wanted("micro", WORDS, mels=128))
    engine = WhisperEngine(tmp_path / "large")
    assert len(hear(engine, spoken("stop_talking"), "en").words) == WORDS
    engine.close()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"device": "tpu"}, "device: 'tpu'"),
        ({"compute_type": "int3"}, "compute_type: 'int3'"),
        ({"window": "5"}, "window: '5'"),
        ({"partial_ms": "soon"}, "partial_ms: 'soon'"),
        ({"voicepack": "nowhere"}, "no folder at"),
    ],
)
def test_bad_parameters_are_named(parameters: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        WhisperEngine.of(Parameters({"voicepack": str(MODEL)} | parameters), Path())


def test_a_voicepack_may_be_named_from_the_models_folder() -> None:
    engine = WhisperEngine.of(Parameters({"voicepack": f"../{MODEL.name}"}), MODEL)
    assert hear(engine, spoken("stop_talking")).text == SPOKEN["stop_talking"]
    engine.close()
