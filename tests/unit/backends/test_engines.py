"""Every engine alone: what it says, hears, refuses and frees."""

# ruff: noqa: RUF001

import math
import re
import threading
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.texts import TEXTS
from triton_backends.canned.engine import CannedEngine
from triton_backends.espeak.engine import EspeakEngine
from triton_backends.espeak.japanese import in_digits
from triton_backends.espeak.library import Mark
from triton_backends.espeak.voices import find_language, find_variant
from triton_backends.espeak.words import WordTracker, word_spans
from triton_backends.pocketsphinx.cmn_store import CmnStore
from triton_backends.pocketsphinx.decoders import PocketsphinxDecoders
from triton_backends.pocketsphinx.engine import PocketsphinxEngine
from triton_backends.pocketsphinx.pool import DecoderPool
from triton_backends.shared.contract import AsrRequest, TtsRequest
from triton_backends.shared.errors import Busy, Internal, InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.tone.engine import ToneEngine, ToneOptions, pitch_of

AUDIO = Path(__file__).parents[2] / "data" / "audio"
NOTHING = AsrRequest(np.zeros(0, np.int16))


def recording(name: str) -> np.ndarray:
    with wave.open(str(AUDIO / f"{name}.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return samples[: samples.size // 320 * 320]


class TestTone:
    def test_pitch_and_length_follow_the_text(self) -> None:
        engine = ToneEngine(ToneOptions())
        text = "hello world, how are you"
        audio = np.concatenate([c.pcm for c in engine.synthesize(TtsRequest(text))])
        assert audio.size == len(text) * 60 * 48
        spectrum = np.abs(np.fft.rfft(audio[:48000]))
        assert int(np.argmax(spectrum)) == pitch_of(text)
        assert pitch_of(text) != pitch_of("something else")

    def test_words_come_with_the_chunk_they_begin_in(self) -> None:
        chunks = list(ToneEngine(ToneOptions()).synthesize(TtsRequest("one two")))
        words = [(n, w.word, w.start_ms) for n, c in enumerate(chunks) for w in c.words]
        assert words == [(0, "one", 0), (6, "two", 240)]

    def test_faults_need_leave(self) -> None:
        with pytest.raises(InvalidArgument, match="fault:error"):
            next(ToneEngine(ToneOptions()).synthesize(TtsRequest("a", speaker="fault:error")))
        engine = ToneEngine(ToneOptions(allow_faults=True))
        chunks = engine.synthesize(TtsRequest("a long text", speaker="fault:error"))
        assert [next(chunks).pcm.size for _ in range(2)] == [1920, 1920]
        with pytest.raises(Internal):
            next(chunks)

    def test_an_unknown_fault_is_refused_at_load(self) -> None:
        with pytest.raises(InvalidArgument, match="explode"):
            ToneOptions.of(Parameters({"fault": "explode"}))


class TestCanned:
    def test_texts_in_turn_after_the_warm_up(self) -> None:
        engine = CannedEngine.of(Parameters({"texts": "one two | three"}))
        heard = []
        for _ in range(4):
            utterance = engine.start(NOTHING)
            assert utterance.accept(np.zeros(320, np.int16)) is not None
            assert utterance.accept(np.zeros(320, np.int16)) is None
            heard.append(utterance.finish().text)
        assert heard[1:] in (["one two", "three", "one two"], ["three", "one two", "three"])

    def test_words_lie_within_the_audio(self) -> None:
        utterance = CannedEngine(["one two"]).start(NOTHING)
        utterance.accept(np.zeros(16000, np.int16))
        words = utterance.flush().words
        assert [(w.word, w.end_ms <= 1000) for w in words] == [("one", True), ("two", True)]


@pytest.fixture(scope="module")
def espeak() -> EspeakEngine:
    return EspeakEngine()


class TestEspeak:
    def test_words_of_numbers_and_accents(self, espeak: EspeakEngine) -> None:
        text = "Hello there, naïve wörld. It costs 3.50 dollars.\nOkay?"
        chunks = list(espeak.synthesize(TtsRequest(text)))
        words = [word for chunk in chunks for word in chunk.words]
        assert [word.word for word in words] == text.split()
        assert [text[word.char_start : word.char_end] for word in words] == text.split()
        seconds = sum(chunk.pcm.size for chunk in chunks) / espeak.sample_rate
        assert words[-1].end_ms <= seconds * 1000 + 1
        assert chunks[0].pcm.size <= 0.1 * espeak.sample_rate

    def test_voices_differ(self, espeak: EspeakEngine) -> None:
        def speak(**options: object) -> bytes:
            request = TtsRequest("Guten Tag zusammen", **options)  # type: ignore[arg-type]
            return b"".join(c.pcm.tobytes() for c in espeak.synthesize(request))

        plain = speak()
        assert speak(language="de-AT") != plain
        assert speak(speaker="f3") != plain
        assert len(speak(speed=2.0)) < 0.7 * len(plain)
        # espeak-ng varies a voice by some samples from one synthesis to the next.
        assert len(speak()) == pytest.approx(len(plain), rel=0.05)

    def test_control_characters_are_no_commands(self, espeak: EspeakEngine) -> None:
        def seconds(text: str) -> float:
            request = TtsRequest(text)
            return sum(c.pcm.size for c in espeak.synthesize(request)) / espeak.sample_rate

        spoken = seconds("one \x00 two three four five six")
        assert spoken == pytest.approx(seconds("one   two three four five six"), rel=0.05)
        assert spoken > 1.0

    @pytest.mark.parametrize("slow", ["uk", "be", "chr", "ru-LV", "py"])
    def test_a_language_leaves_its_speed_behind(self, espeak: EspeakEngine, slow: str) -> None:
        """espeak-ng slows down for some voices, and stayed so for every later one."""

        def samples(language: str) -> int:
            request = TtsRequest(TEXTS.get(language, TEXTS["en"]), language=language)
            return sum(chunk.pcm.size for chunk in espeak.synthesize(request))

        before = samples("en")
        samples(slow)
        assert abs(samples("en") - before) < 0.05 * before

    def test_japanese_numbers_in_kanji_sound_like_digits(self, espeak: EspeakEngine) -> None:
        kanji, digits = (
            list(espeak.synthesize(TtsRequest(text, language="ja")))
            for text in ("これは千二百です", "これは1200です")
        )
        # No two syntheses of espeak-ng are alike; a sign it cannot read is named at length.
        lengths = [sum(chunk.pcm.size for chunk in each) for each in (kanji, digits)]
        assert lengths[0] == pytest.approx(lengths[1], rel=0.02)
        words = [word for chunk in kanji for word in chunk.words]
        assert [word.word for word in words] == ["これは千二百です"]
        assert (words[0].char_start, words[0].char_end) == (0, len("これは千二百です"))

    def test_what_has_no_sound_ends(self, espeak: EspeakEngine) -> None:
        assert sum(c.pcm.size for c in espeak.synthesize(TtsRequest("\u2026"))) >= 0

    def test_closing_ends_the_synthesis_and_the_next_goes_on(self, espeak: EspeakEngine) -> None:
        chunks = espeak.synthesize(TtsRequest("and so on " * 90))
        assert next(chunks).pcm.size
        chunks.close()
        assert sum(c.pcm.size for c in espeak.synthesize(TtsRequest("next"))) > 0

    def test_several_threads_get_their_own_audio(self, espeak: EspeakEngine) -> None:
        texts = [f"sentence {n} " + "and on " * n for n in range(8)]

        def speak(text: str) -> bytes:
            return b"".join(c.pcm.tobytes() for c in espeak.synthesize(TtsRequest(text)))

        alone = [speak(text) for text in texts]
        together = [b""] * len(texts)

        def into(index: int) -> None:
            together[index] = speak(texts[index])

        threads = [threading.Thread(target=into, args=(n,)) for n in range(len(texts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lengths = [len(audio) for audio in alone]
        assert [len(audio) for audio in together] == pytest.approx(lengths, rel=0.05)

    @pytest.mark.parametrize(
        ("tag", "voice"),
        [
            ("en", "en-us"),
            ("en-GB", "en-gb"),
            ("de-AT", "de"),
            ("zh-CN", "cmn"),
            ("pt_BR", "pt-br"),
            ("cmn-Latn-pinyin", "cmn-latn-pinyin"),
            ("iw", "he"),
            ("in-ID", "id"),
            ("deu", "de"),
        ],
    )
    def test_languages(self, espeak: EspeakEngine, tag: str, voice: str) -> None:
        assert find_language(tag, espeak.languages) == voice

    @pytest.mark.parametrize("language", TEXTS)
    def test_every_language_is_spoken(self, espeak: EspeakEngine, language: str) -> None:
        chunks = list(espeak.synthesize(TtsRequest(TEXTS[language], language=language)))
        pcm = np.concatenate([chunk.pcm for chunk in chunks]).astype(float)
        assert pcm.size > espeak.sample_rate
        assert np.sqrt(np.mean(pcm * pcm)) > 500
        words = [word for chunk in chunks for word in chunk.words]
        assert all(TEXTS[language][w.char_start : w.char_end] == w.word for w in words)
        # It says some pairs ("of the") as one word.
        assert len(words) > len(TEXTS[language].split()) / 2

    def test_every_language_it_names_has_a_voice(self, espeak: EspeakEngine) -> None:
        for name in ("fr-FR", "en-GB", "chr", "no", *espeak.languages):
            voice = find_language(name, espeak.languages)
            assert next(espeak.synthesize(TtsRequest("a 1", language=voice))).pcm.size

    def test_the_model_says_what_it_speaks(self, espeak: EspeakEngine) -> None:
        config = (Path(__file__).parents[3] / "model_repository/espeak/config.pbtxt").read_text()
        told = re.search(r'"languages" value: { string_value: "(.*?)"', config)
        assert told is not None
        names = set(told[1].split(","))
        assert names == {name.split("-")[0] for name in espeak.languages} | {"zh", "no"}
        for name in names:
            find_language(name, espeak.languages)

    def test_unknown_names(self, espeak: EspeakEngine) -> None:
        with pytest.raises(InvalidArgument, match="'tlh'"):
            find_language("tlh", espeak.languages)
        with pytest.raises(InvalidArgument, match="'bob'"):
            find_variant("bob", frozenset({"f1"}))
        assert find_variant("+f1", frozenset({"f1"})) == "+f1"


def test_words_of_unspaced_texts() -> None:
    text = "大家好，10：30。はい、そうです。 OK then"
    words = [text[start:end] for start, end in word_spans(text)]
    assert words == ["大", "家", "好，", "10：", "30。", "はい、", "そうです。", "OK", "then"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("千二百円", "1200円"),
        ("十二万三千四百五です", "123405です"),
        ("一億", "100000000"),
        ("二〇二四年", "2024年"),
        ("ゼロ零七", "ゼロ07"),
        ("三点一四。", "3.14。"),
        ("マイナス二十五パーセント", "マイナス25パーセント"),
        ("3万と2十", "3万と2十"),
        ("こんにちは", "こんにちは"),
        ("", ""),
    ],
)
def test_numerals_of_kanji(written: str, read: str) -> None:
    text, offsets = in_digits(written)
    assert text == read
    assert len(offsets) == len(text) + 1
    assert offsets[0] == 0 or not text
    assert offsets[-1] == len(written)
    assert list(offsets) == sorted(offsets)


def test_a_number_reported_many_times_is_one_word() -> None:
    tracker = WordTracker("costs 3.50 now")
    marks = [Mark(0, 0), Mark(6, 300), Mark(7, 500), Mark(7, 800), Mark(11, 1200), Mark(-1, 1500)]
    words = tracker.complete(marks)
    assert [(w.word, w.start_ms, w.end_ms) for w in words] == [
        ("costs", 0, 300),
        ("3.50", 300, 1200),
        ("now", 1200, 1500),
    ]


@pytest.fixture(scope="module")
def means_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("means") / "means"


@pytest.fixture(scope="module")
def sphinx(means_file: Path) -> PocketsphinxEngine:
    pool = DecoderPool(PocketsphinxDecoders(3000).build, size=2, ready=1)
    return PocketsphinxEngine(pool, CmnStore(means_file, 2))


def melody(seconds: int, note_s: float) -> np.ndarray:
    """Plucked strings of five partials each, six notes up and down."""
    at = np.arange(round(note_s * 16_000)) / 16_000
    notes = [
        sum(np.sin(2 * np.pi * hz * partial * at) / partial for partial in range(1, 6))
        * np.exp(-at / 0.3)
        for hz in (262, 330, 392, 523, 392, 330)
    ]
    tune = np.tile(np.concatenate(notes), math.ceil(seconds / note_s / 6))
    return (5_000 * tune).clip(-32_000, 32_000).astype(np.int16)[: seconds * 16_000]


def noise(seconds: int, memory: float) -> np.ndarray:
    """`memory` 0 is white noise, near 1 brown."""
    sound, level = np.zeros(seconds * 16_000), 0.0
    for at, step in enumerate(np.random.default_rng(0).normal(0, 1, sound.size)):
        level = memory * level + step
        sound[at] = level
    return (3_000 * sound / sound.std()).astype(np.int16)


SOUNDS: dict[str, Callable[[int], np.ndarray]] = {
    "melody": lambda seconds: melody(seconds, 0.3),
    "quick melody": lambda seconds: melody(seconds, 0.16),
    "brown": lambda seconds: noise(seconds, 0.99),
    "white": lambda seconds: noise(seconds, 0.0),
}


def hear(engine: PocketsphinxEngine, audio: np.ndarray, session: str = "") -> str:
    utterance = engine.start(AsrRequest(audio[:0], session=session))
    for at in range(0, audio.size, 960):
        utterance.accept(audio[at : at + 960])
    text = utterance.finish().text
    utterance.close()
    return text


class TestPocketsphinx:
    def test_people_are_understood(self, sphinx: PocketsphinxEngine) -> None:
        assert hear(sphinx, recording("ps_tidigits_2934z")) == "two nine three four zero"
        assert hear(sphinx, recording("ps_goforward")).startswith("go forward ten")

    @pytest.mark.parametrize("sound", ["melody", "quick melody", "brown", "white"])
    def test_noise_and_music_say_nothing(self, sphinx: PocketsphinxEngine, sound: str) -> None:
        assert hear(sphinx, SOUNDS[sound](2)) == ""

    def test_what_is_said_after_music_is_heard(self, sphinx: PocketsphinxEngine) -> None:
        both = np.concatenate([SOUNDS["melody"](2), recording("ps_goforward")])
        assert hear(sphinx, both).startswith("go forward")

    def test_a_flush_leaves_the_search_able_to_go_on(self, sphinx: PocketsphinxEngine) -> None:
        audio = recording("ps_tidigits_2934z")
        utterance = sphinx.start(NOTHING)
        spoken = []
        for at in range(0, audio.size, 9600):
            utterance.accept(audio[at : at + 9600])
            spoken.append(utterance.flush().text)
        assert utterance.finish().text == "two nine three four zero"
        utterance.close()
        assert spoken[0] != spoken[-1]

    def test_quiet_after_a_flush_changes_nothing(self, sphinx: PocketsphinxEngine) -> None:
        audio = recording("ps_tidigits_2934z")
        utterance = sphinx.start(NOTHING)
        utterance.accept(audio)
        flushed = utterance.flush()
        utterance.accept(np.random.default_rng(0).normal(0, 20, 4800).astype(np.int16))
        assert utterance.finish() == flushed
        utterance.close()

    def test_speech_after_a_flush_is_heard(self, sphinx: PocketsphinxEngine) -> None:
        audio = recording("ps_tidigits_2934z")
        utterance = sphinx.start(NOTHING)
        utterance.accept(audio[:16000])
        flushed = utterance.flush()
        utterance.accept(audio[16000:])
        assert len(utterance.finish().text) > len(flushed.text)
        utterance.close()

    def test_every_decoder_comes_back(self, sphinx: PocketsphinxEngine) -> None:
        first, second = sphinx.start(NOTHING), sphinx.start(NOTHING)
        with pytest.raises(Busy, match="2"):
            sphinx.start(NOTHING)
        first.close()
        second.finish()
        second.close()
        assert hear(sphinx, recording("ps_goforward")).startswith("go forward")

    def test_a_decoder_that_cannot_begin_makes_room_for_another(
        self, sphinx: PocketsphinxEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> str:
            raise RuntimeError("no")

        monkeypatch.setattr("triton_backends.pocketsphinx.engine.mean_of", fail)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="no"):
                sphinx.start(AsrRequest(np.zeros(48_000, np.int16)))
        assert hear(sphinx, recording("ps_goforward")).startswith("go forward")

    def test_a_stranger_is_not_heard_through_anothers_mean(
        self, sphinx: PocketsphinxEngine
    ) -> None:
        audio = recording("ps_librivox_0880")
        before = hear(sphinx, audio)
        hear(sphinx, recording("rhasspy_lamp"), session="other")
        assert hear(sphinx, audio) == before

    def test_a_whole_phrase_is_heard_through_its_own_mean(self, sphinx: PocketsphinxEngine) -> None:
        audio = recording("ps_librivox_0930")
        whole = sphinx.start(AsrRequest(audio))
        for at in range(0, audio.size, 3840):
            whole.accept(audio[at : at + 3840])
        text = whole.finish().text
        whole.close()
        assert text.startswith("he might even have been made amiable")
        assert not hear(sphinx, audio).startswith("he might even have been made amiable")

    def test_means_are_kept_for_the_latest_sessions_only(
        self, sphinx: PocketsphinxEngine, means_file: Path
    ) -> None:
        for session in ("a", "b", "c", "b"):
            hear(sphinx, recording("ps_cards_001"), session=session)
        other_instance = CmnStore(means_file, 2)
        found = {session: other_instance.get(session) for session in "abc"}
        other_instance.close()
        assert found.pop("a") is None
        assert [len((mean or "").split(",")) for mean in found.values()] == [13, 13]

    def test_another_language_is_refused(self, sphinx: PocketsphinxEngine) -> None:
        with pytest.raises(InvalidArgument, match="'de'"):
            sphinx.start(AsrRequest(np.zeros(0, np.int16), language="de"))


def test_a_mean_is_there_in_the_next_process(tmp_path: Path) -> None:
    first, second = CmnStore(tmp_path / "means", 2), CmnStore(tmp_path / "means", 2)
    first.put("one", "40.0,-1.5")
    first.put("", "1.0")
    first.close()
    assert second.get("one") == "40.0,-1.5"
    assert second.get("") is None
    for session in ("two", "one", "one", "one", "three"):
        second.put(session, session)
    assert [second.get(session) for session in ("one", "two", "three")] == ["one", None, "three"]
    second.close()


@pytest.mark.parametrize("remembered", [0, 1])
def test_means_may_be_few_or_none(tmp_path: Path, remembered: int) -> None:
    means = CmnStore(tmp_path / "means", remembered)
    means.put("one", "1")
    means.put("two", "2")
    assert means.get("one") is None
    assert means.get("two") == ("2" if remembered else None)
    means.close()


def test_the_pool_grows_while_nobody_speaks_and_no_further() -> None:
    built = []

    def build() -> object:
        built.append(object())
        return built[-1]

    pool = DecoderPool(build, size=3, ready=1)
    taken = [pool.take(), pool.take(), pool.take()]
    with pytest.raises(Busy):
        pool.take()
    for decoder in taken:
        pool.give_back(decoder)
    pool.close()
    assert len(built) == len(pool) == 3
