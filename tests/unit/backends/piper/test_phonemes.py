"""Phonemes and ids as piper-tts makes them, which is installed for this comparison alone."""

import json
import logging
import random
import re
from pathlib import Path

import piper.voice
import pytest
from piper.config import PhonemeType, PiperConfig
from piper.phonemize_espeak import ESPEAK_DATA_DIR

from benchmarks.piper_voice import make_voice
from triton_backends.piper.arabic import find_vocaliser
from triton_backends.piper.config import VoiceConfig, read_config
from triton_backends.piper.espeak import EspeakPhonemes
from triton_backends.piper.phonemes import (
    MAX_PHONEMES,
    NO_WORD,
    LetterPhonemizer,
    Phoneme,
    bounded,
)
from triton_backends.piper.voicepack import make_phonemizer
from triton_backends.shared.word_spans import word_spans

CORPUS: dict[str, list[str]] = json.loads(
    (Path(__file__).parents[3] / "data" / "piper" / "corpus.json").read_text(encoding="utf-8")
)
"""Sentences of many languages, with the signs, numbers and abbreviations people write."""
SIGNS = (" ", " ", " ", ", ", ". ", "? ", "! ", "; ", ": ", "... ", " – ", "\n", "\n\n", '" ', " (")


@pytest.fixture(scope="module")
def espeak() -> EspeakPhonemes:
    return EspeakPhonemes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("voices")


def config_of(folder: Path, **changes: object) -> VoiceConfig:
    return read_config(Path(f"{make_voice('tiny', folder / 'voice', **changes)}.json"))


def reference(config: VoiceConfig) -> piper.voice.PiperVoice:
    """The reference without its network, which phonemes do not need."""
    told = PiperConfig(
        num_symbols=config.num_symbols,
        num_speakers=1,
        sample_rate=config.sample_rate,
        espeak_voice=config.espeak_voice,
        phoneme_id_map=config.phoneme_ids,
        phoneme_type=PhonemeType(config.phoneme_type),
    )
    return piper.voice.PiperVoice(session=None, config=told, espeak_data_dir=ESPEAK_DATA_DIR)


def check(mine: LetterPhonemizer, theirs: piper.voice.PiperVoice, text: str) -> None:
    wanted = theirs.phonemize(text)
    assert [[p.symbol for p in each] for each in mine.phonemes(text)] == wanted, text
    parts = [part for each in wanted for part in bounded([Phoneme(symbol) for symbol in each])]
    ids = [tuple(theirs.phonemes_to_ids([p.symbol for p in part])) for part in parts]
    assert [sentence.ids for sentence in mine.sentences(text)] == ids, text


@pytest.mark.parametrize("language", CORPUS)
def test_phonemes_and_ids_are_those_of_the_reference(
    language: str, espeak: EspeakPhonemes, folder: Path
) -> None:
    logging.getLogger("piper").setLevel(logging.ERROR)
    config = config_of(folder, espeak={"voice": language})
    mine, theirs = LetterPhonemizer(config, espeak, find_vocaliser(language)), reference(config)
    for text in CORPUS[language]:
        check(mine, theirs, text)
    words = [word for text in CORPUS[language] for word in re.findall(r"\w+", text)]
    dice = random.Random(language)
    for _ in range(25):
        joined = "".join(
            dice.choice(words) + dice.choice(SIGNS) for _ in range(dice.randint(1, 12))
        )
        check(mine, theirs, joined)


ARABIC = "صباح الخير، كيف حالك؟ ذهب الولد إلى المدرسة. [[ həlˈoʊ ]] السعر 25 دولار."


def test_arabic_is_given_its_vowels(espeak: EspeakPhonemes, folder: Path) -> None:
    config = config_of(folder, espeak={"voice": "ar"})
    mine, theirs = make_phonemizer(config, "voice"), reference(config)
    assert isinstance(mine, LetterPhonemizer)
    check(mine, theirs, ARABIC)
    assert mine.phonemes(ARABIC) != LetterPhonemizer(config, espeak).phonemes(ARABIC)
    owned = {word for sentence in mine.sentences(ARABIC) for word in sentence.words}
    assert owned - {NO_WORD} == set(range(len(word_spans(ARABIC)))) - {8, 9, 10}


@pytest.mark.parametrize("text", ["abc déf.", "Привіт, світе!", "한국어 텍스트", "a\u0301\u0323 b"])
def test_text_voices_take_the_letters_themselves(text: str, folder: Path) -> None:
    config = config_of(folder, phoneme_type="text", espeak={"voice": "uk"})
    check(LetterPhonemizer(config, None), reference(config), text)


def test_vowels_a_voice_knows_as_one_are_joined(espeak: EspeakPhonemes, folder: Path) -> None:
    config = config_of(folder, vowel_clusters=[["a", "ɪ"], ["o", "ʊ"]])
    spoken = LetterPhonemizer(config, espeak).phonemes("I go high")
    assert [p.symbol for p in spoken[0] if len(p.symbol) > 1] == ["aɪ", "oʊ", "aɪ"]


@pytest.mark.parametrize(
    "text",
    [
        "Hello there, this is a test of 3 words.",
        "It costs $3.50 or 1,000,000 yen, e.g. at 12:30!",
        "One of the best: wait—what? “Quoted” (words) and so on...",
        "[[ həlˈoʊ ]] world",
    ],
)
def test_every_word_owns_phonemes_in_its_order(
    text: str, espeak: EspeakPhonemes, folder: Path
) -> None:
    sentences = LetterPhonemizer(config_of(folder), espeak).sentences(text)
    owned = [word for sentence in sentences for word in sentence.words if word != NO_WORD]
    assert owned == sorted(owned)
    raw = {0, 1, 2} if text.startswith("[[") else set()
    assert set(owned) == set(range(len(word_spans(text)))) - raw


def test_a_sentence_of_many_phonemes_is_given_to_the_network_in_parts(
    espeak: EspeakPhonemes, folder: Path
) -> None:
    # A voice reads letters of a script that is not its own one by one, by their names.
    mine = LetterPhonemizer(config_of(folder), espeak)
    whole = [phoneme for each in mine.phonemes("абвгд" * 60) for phoneme in each]
    parts = [part for each in mine.phonemes("абвгд" * 60) for part in bounded(each)]
    assert [phoneme for part in parts for phoneme in part] == whole
    assert len(parts) > 5
    assert max(map(len, parts)) <= MAX_PHONEMES
    assert all(part[-1].symbol == " " for part in parts[:-1])
    assert len(mine.sentences("абвгд" * 60)) == len(parts)


def test_phonemes_without_a_space_are_parted_all_the_same() -> None:
    parts = list(bounded([Phoneme("a", 0)] * (2 * MAX_PHONEMES + 1)))
    assert [len(part) for part in parts] == [MAX_PHONEMES, MAX_PHONEMES, 1]
    assert list(bounded([])) == []


def test_ipa_belongs_to_the_word_that_it_stands_for(espeak: EspeakPhonemes, folder: Path) -> None:
    text = "Ask [[wɪn]], please."
    spoken = [
        each for part in LetterPhonemizer(config_of(folder), espeak).phonemes(text) for each in part
    ]
    assert "".join(each.symbol for each in spoken if each.word == 1) == "wɪn"
    assert {each.word for each in spoken if each.word != NO_WORD} == {0, 1, 2}
