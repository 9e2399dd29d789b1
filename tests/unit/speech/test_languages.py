"""Every language of the tables: what is cut where, and that nothing is lost or said twice."""

# ruff: noqa: RUF001
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.texts import SENTENCES, TEXTS, UNSPACED
from vdx.core.config import BargeInConfig, ClauseConfig
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.languages import known_languages, language_table
from vdx.speech.text.lexicon import Lexicon, words_of
from vdx.speech.text.writing_systems import NEVER_FIRST, _is_traditional, is_word_char, weight

CONFIG = ClauseConfig()
PLAIN = BargeInConfig()
OPENINGS = {"zh": "这是第一句说得很清楚的话。", "ja": "これは最初の文です。"}
OPENING = "This is the first clause of it. "


def clauses(text: str, language: str) -> list[str]:
    chunker = ClauseChunker(CONFIG, language)
    return [clause.text for clause in [*chunker.feed(text), *chunker.finish()]]


def spoken(text: str) -> str:
    return "".join(text.split())


def test_the_languages_of_the_tables() -> None:
    assert set(known_languages()) == set(SENTENCES)
    assert language_table("de_AT") is language_table("de")
    assert language_table("cmn-Hans") is language_table("zh")
    assert language_table("../de") == language_table("xx")


@pytest.mark.parametrize("language", SENTENCES)
def test_each_sentence_is_one_clause(language: str) -> None:
    """No number, date, time or abbreviation of it is cut."""
    first = OPENINGS.get(language, OPENING)
    gap = "" if language in UNSPACED else " "
    long = SENTENCES[language][0]
    got = clauses(first + long + gap + long, language)
    assert got == [first.strip(), long, long]


@pytest.mark.parametrize("language", SENTENCES)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_nothing_is_lost_or_doubled(language: str, data: st.DataObject) -> None:
    """Whole sentences, words and signs of a language, in any order and in any pieces."""
    piece = st.sampled_from([*SENTENCES[language], *TEXTS[language].split(), *TEXTS[language]])
    gap = st.sampled_from(["", " "])
    # Begun by a word: a sign at the start of a line may be the mark of a list, which is not said.
    text = "a " + "".join(a + b for a, b in data.draw(st.lists(st.tuples(piece, gap), max_size=60)))
    chunker = ClauseChunker(CONFIG, language)
    got, rest = [], text
    while rest:
        size = data.draw(st.integers(1, 50))
        got += chunker.feed(rest[:size])
        rest = rest[size:]
    got += chunker.finish()
    assert [clause.text for clause in got] == clauses(text, language)
    said = spoken("".join(clause.text for clause in got))
    assert spoken(text).startswith(said)
    unsaid = spoken(text)[len(said) :]
    assert not any(char.isalnum() for char in unsaid)
    for clause in got:
        for char, offset in zip(clause.text, clause.offsets, strict=True):
            assert char == " " or text[offset] == char
        assert sum(map(weight, clause.text)) <= CONFIG.max_chars


@pytest.mark.parametrize("language", SENTENCES)
def test_a_text_without_an_end_is_cut_by_length(language: str) -> None:
    endless = "".join(char for char in TEXTS[language] if is_word_char(char) or char == " ") * 40
    got = clauses(endless, language)
    assert spoken("".join(got)) == spoken(endless)
    assert len(got) > 5
    for clause in got[1:-1]:
        assert CONFIG.max_chars / 3 < sum(map(weight, clause)) <= CONFIG.max_chars
        assert clause[0] not in NEVER_FIRST
        assert not unicodedata.category(clause[0]).startswith("M")


def test_unspaced_texts_are_cut_between_phrases() -> None:
    ja = "国境の長いトンネルを抜けると雪国であった夜の底が白くなった信号所に汽車が止まった"
    assert clauses(ja, "ja")[0] == "国境の長いトンネルを抜けると"
    zh = "人工智能是研究使用计算机来模拟人的某些思维过程和智能行为的学科"
    assert clauses(zh, "zh")[0] == "人工智能是研究使用计算机来模拟人的某些"


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("zh", "今天天气很好,我们去公园吧!你想去吗?", 3),
        ("ko", "오늘은 날씨가 아주 좋습니다.우리 공원에 갈까요?", 2),
        ("hi", "आज मौसम बहुत अच्छा है।क्या हम पार्क चलें?", 2),
        ("ar", "الطقس جميل جدا اليوم؟هل نذهب إلى الحديقة", 2),
        ("ur", "آج موسم بہت اچھا ہے۔کیا ہم پارک چلیں", 2),
        ("de", "Er sagte nur noch: „Halt an.“ Dann war es still.", 2),
    ],
)
def test_sentence_ends_of_every_script(language: str, text: str, expected: int) -> None:
    got = clauses(text, language)
    assert len(got) == expected
    assert spoken("".join(got)) == spoken(text)


def test_marks_for_the_eye_are_not_spoken() -> None:
    assert clauses("\u202bمرحـــبا\u061c بك\u202c", "ar") == ["مرحبا بك"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("it", "Ehi, aspetta un attimo!"),
        ("pt", "Espera aí"),
        ("nl", "wacht even"),
        ("pl", "Przestań już"),
        ("ru", "СТОЙ, подожди"),
        ("uk", "Зачекай!"),
        ("tr", "HAYIR"),
        ("tr", "BİR DAKİKA"),
        ("zh", "停"),
        ("zh", "嗯，等一下我想说"),
        ("zh-TW", "別說了"),
        ("ja", "ちょっと待ってください"),
        ("ja", "ああ、違う"),
        ("ko", "잠깐만요"),
        ("hi", "रुको ज़रा"),
        ("hi", "माफ\u0940 नहीं"),
        ("ar", "توقّف"),
        ("ar", "انتظر لحظة"),
    ],
)
def test_interrupting(language: str, text: str) -> None:
    assert Lexicon(language, PLAIN).interrupts(text)
    assert not Lexicon(language, PLAIN).only_listening_sounds(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("it", "Mhm, ho capito"),
        ("pt", "Uhum, tá bom"),
        ("nl", "oké, ik snap het"),
        ("pl", "No tak, jasne"),
        ("ru", "Хмммм, ну да"),
        ("uk", "Угу, саме так"),
        ("tr", "IIII, tamam"),
        ("zh", "嗯嗯，好的"),
        ("ja", "うんうん、なるほど"),
        ("ko", "네네, 그렇군요"),
        ("hi", "हाँ हाँ, ठीक है"),
        ("hi", "हां"),
        ("ar", "آه، حسناً"),
    ],
)
def test_listening(language: str, text: str) -> None:
    assert Lexicon(language, PLAIN).only_listening_sounds(text)
    assert not Lexicon(language, PLAIN).interrupts(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [("zh", "停车场在哪里"), ("ja", "いやな天気"), ("hi", "मौसम"), ("ar", "لازم")],
)
def test_a_piece_of_a_longer_word_is_no_phrase(language: str, text: str) -> None:
    if language != "ja":  # "いや" begins it: without a dictionary it cannot be told apart
        assert not Lexicon(language, PLAIN).interrupts(text)
    assert not Lexicon(language, PLAIN).only_listening_sounds(text)


def test_words_of_every_script() -> None:
    assert words_of("Wait—don’t, ＯＫ?") == ["wait", "don't", "ok"]
    assert words_of("रुकिए, नमस्ते") == ["रुकिए", "नमस्ते"]
    assert words_of("等一下OK") == ["等", "一", "下", "ok"]


@pytest.mark.parametrize(
    ("tag", "traditional"),
    [
        ("zh-TW", True),
        ("zh_Hant", True),
        ("zh-MO", True),
        ("zh", False),
        ("zh-Hans-HK", False),
        ("zh-CN", False),
        ("ja", False),
        ("", False),
    ],
)
def test_which_characters_a_tag_is_written_in(tag: str, traditional: bool) -> None:
    assert _is_traditional(tag) is traditional
