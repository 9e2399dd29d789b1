"""Phonemes against those of Kokoro's reference, and the word each belongs to."""

import json
import sys
from pathlib import Path

import pytest

from tests.japanese_libraries import japanese_libraries
from triton_backends.kokoro.japanese import JapaneseFrontEnd
from triton_backends.kokoro.languages import FrontEnds
from triton_backends.kokoro.spoken import Spoken
from triton_backends.shared.word_spans import NO_WORD

DATA = Path(__file__).parents[3] / "data" / "kokoro" / "phonemes.json"
REFERENCE = [
    (tag, text, phonemes)
    for tag, lines in json.loads(DATA.read_text(encoding="utf-8")).items()
    for text, phonemes in lines
]
"""Made by misaki 0.9.4 (EspeakFallback, EspeakG2P) with phonemizer-fork 3.3.2, espeak-ng 1.52."""

JAPANESE = [
    ("今日は、とても良い天気です。", "kʲoː βa, totemo joi teŋkʲi desɨ."),
    ("「音声」合成", "“oɴseː” ɡoːseː"),
    ("きっと、もっと速くなります。", "kʲiʔto, moʔto hajakɯ naɾʲimasɨ."),
]
"""Made by misaki 0.9.4 (Cutlet) with the readings of OpenJTalk."""


@pytest.fixture(scope="module")
def front_ends() -> FrontEnds:
    return FrontEnds()


def words_of(spoken: Spoken, text: str) -> list[tuple[str, str]]:
    """Each word as it is written, and its phonemes."""
    return [
        (
            text[start:end],
            "".join(s for s, w in zip(spoken.symbols, spoken.words, strict=True) if w == index),
        )
        for index, (start, end) in enumerate(spoken.spans)
    ]


@pytest.mark.parametrize(("tag", "text", "phonemes"), REFERENCE)
def test_phonemes_are_those_of_the_reference(
    front_ends: FrontEnds, tag: str, text: str, phonemes: str
) -> None:
    spoken = front_ends.of(tag, "").read(text)
    assert spoken.symbols == phonemes
    assert len(spoken.words) == len(spoken.symbols)


def test_the_language_is_that_of_the_style_unless_one_is_asked_for(front_ends: FrontEnds) -> None:
    assert front_ends.of("", "bf_emma") is front_ends.of("en-GB", "")
    assert front_ends.of("", "af_heart") is front_ends.of("en", "")
    assert front_ends.of("pt", "") is front_ends.of("pt-BR", "")
    assert front_ends.of("es-MX", "af_heart") is front_ends.of("es", "")


def test_every_phoneme_has_its_word(front_ends: FrontEnds) -> None:
    text = "It costs 3.50, said (the) old man."
    found = words_of(front_ends.of("en", "").read(text), text)
    assert [word for word, _ in found] == text.split()
    assert all(phonemes for _, phonemes in found)
    assert found[0][1] == "ɪt"
    assert "pYnt" in found[2][1], "a point between digits is no full stop"


def test_a_text_of_signs_has_no_phonemes(front_ends: FrontEnds) -> None:
    spoken = front_ends.of("en", "").read("... !")
    assert not any(word >= 0 for word in spoken.words)


@pytest.fixture(scope="module")
def japanese() -> JapaneseFrontEnd:
    sys.path.append(str(japanese_libraries()))
    return JapaneseFrontEnd()


@pytest.mark.parametrize(("text", "phonemes"), JAPANESE)
def test_japanese(japanese: JapaneseFrontEnd, text: str, phonemes: str) -> None:
    assert japanese.read(text).symbols == phonemes


def test_words_of_japanese(japanese: JapaneseFrontEnd) -> None:
    text = "散歩に行きます。"
    found = words_of(japanese.read(text), text)
    assert found[:2] == [("散歩", "sampo"), ("に", "ɲi")]
    assert "".join(word for word, _ in found) == text


@pytest.mark.parametrize("text", ["ンィ2ヂ", "ーァ", "っ", "9" * 30, "①²㌔", "ㇰ々〃", "\0é😀"])
def test_japanese_that_nobody_writes_is_read_all_the_same(
    japanese: JapaneseFrontEnd, text: str
) -> None:
    spoken = japanese.read(text)
    assert len(spoken.words) == len(spoken.symbols)
    assert all(0 <= start <= end <= len(text) for start, end in spoken.spans)


def test_numbers_in_japanese_stay_in_their_place(japanese: JapaneseFrontEnd) -> None:
    text = "123円の本"
    spoken = japanese.read(text)
    assert text[slice(*spoken.spans[-1])] == "本"
    assert all(0 <= start <= end <= len(text) for start, end in spoken.spans)


@pytest.mark.parametrize(
    ("ipa", "symbols"),
    [("wɪn", "wɪn"), ("ˈtʃeɪn", "ˈʧAn"), ("t͡ʃaɪm", "ʧIm")],
)
def test_ipa_is_spoken_as_it_is_given(front_ends: FrontEnds, ipa: str, symbols: str) -> None:
    """In the alphabet of the network, with the word of the text that it is the sound of."""
    spoken = front_ends.of("en-US", "").read(f"Ask [[{ipa}]], please.")
    own = "".join(s for s, word in zip(spoken.symbols, spoken.words, strict=True) if word == 1)
    plain = front_ends.of("en-US", "").read("Ask x, please.")
    assert own == symbols
    assert spoken.symbols.split()[0] == plain.symbols.split()[0]
    assert spoken.symbols.split()[-1] == plain.symbols.split()[-1]
    assert f"{own}, " in spoken.symbols
    assert [spoken.spans[1], set(spoken.words) - {NO_WORD}] == [(4, 9 + len(ipa)), {0, 1, 2}]
