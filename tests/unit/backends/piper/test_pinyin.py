"""Mandarin as piper-tts makes it of the same readings: g2pW, its source of them, is left out."""

import random
import sys
import types
from pathlib import Path

import pytest
from unicode_rbnf import RbnfEngine

from benchmarks.piper_voice import make_voice
from tests.unit.backends.piper.voices import load
from triton_backends.piper.config import VoiceConfig, read_config
from triton_backends.piper.phonemes import NO_WORD
from triton_backends.piper.pinyin import PinyinPhonemizer, _readings
from triton_backends.shared.contract import TtsRequest

TEXTS = (
    "你好，世界！今天天气怎么样？",
    "我们去银行取钱。绿色的女人，旅行、儿子。",
    "气温是-7°C，也可能是3.5 ℃。",
    "涨了12.5%，共 1024 元；百分之三，九十八点七六％。",
    "“引号”和*星号*，还有 **重点** 与英文 hello, world.",
    "他说：“好的……”——然后走了\n\n第二段（括号）开始",
    "嗯，哦。呣！",
    "长大了长度，重要的重量，行不行？ 乐器快乐，还要还钱。",
    "",
    "...",
    "abc def",
)
ALPHABET = "你好世界银行绿女儿长重乐的了不一二三百点 12.5%-7°C℃％，。？！…—“”*（）\n:;abcA."


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> VoiceConfig:
    reference = _module()
    table = {symbol: list(ids) for symbol, ids in reference.PHONEME_TO_ID.items()}
    voice = make_voice(
        "tiny",
        tmp_path_factory.mktemp("voices") / "voice",
        phoneme_type="pinyin",
        phoneme_id_map=table,
        language={"code": "zh_CN"},
    )
    return read_config(Path(f"{voice}.json"))


def _module() -> types.ModuleType:
    """The reference's module, which wants g2pW to be importable."""
    stand_in = types.ModuleType("g2pw")
    stand_in.G2PWConverter = object  # type: ignore[attr-defined]
    sys.modules.setdefault("g2pw", stand_in)
    import piper.phonemize_chinese

    module: types.ModuleType = piper.phonemize_chinese
    return module


def check(config: VoiceConfig, text: str) -> None:
    module = _module()
    theirs = module.ChinesePhonemizer.__new__(module.ChinesePhonemizer)
    theirs.number_engine = RbnfEngine.for_language("zh")
    theirs.g2p = lambda sentence: [[reading or None for reading in _readings(sentence)]]
    wanted = theirs.phonemize(text)
    mine = PinyinPhonemizer(config)
    assert [[p.symbol for p in each] for each in mine.phonemes(text)] == wanted, text
    ids = [tuple(module.phonemes_to_ids(each, config.phoneme_ids)) for each in wanted if each]
    assert [sentence.ids for sentence in mine.sentences(text)] == ids, text


@pytest.mark.parametrize("text", TEXTS)
def test_phonemes_and_ids_are_those_of_the_reference(config: VoiceConfig, text: str) -> None:
    check(config, text)


def test_any_characters_become_what_the_reference_makes_of_them(config: VoiceConfig) -> None:
    dice = random.Random(1)
    for _ in range(400):
        check(config, "".join(dice.choices(ALPHABET, k=dice.randint(1, 40))))


def test_readings_follow_the_words() -> None:
    assert _readings("银行行长乐了") == ["yin2", "hang2", "hang2", "zhang3", "le4", "le5"]
    assert _readings("绿a，") == ["lv4", "", ""]


def test_every_syllable_belongs_to_its_word(config: VoiceConfig) -> None:
    text = "你好 世界， 25 元"
    (sentence,) = PinyinPhonemizer(config).sentences(text)
    owned = [word for word in sentence.words if word != NO_WORD]
    assert owned == sorted(owned)
    assert set(owned) == {0, 1, 2, 3}


def test_a_mandarin_voice_speaks_its_words(tmp_path: Path) -> None:
    table = {symbol: list(ids) for symbol, ids in _module().PHONEME_TO_ID.items()}
    changes = {"phoneme_type": "pinyin", "phoneme_id_map": table, "language": {"code": "zh_CN"}}
    engine = load("tiny", tmp_path, **changes)
    chunks = list(engine.synthesize(TtsRequest("你好 世界。再见！", language="zh-CN")))
    assert sum(chunk.pcm.size for chunk in chunks) > engine.sample_rate // 10
    assert [word.word for chunk in chunks for word in chunk.words] == ["你好", "世界。再见！"]
    engine.close()


@pytest.mark.parametrize(
    ("digits", "read"),
    [
        ("6222021234567890123", "六二二二零二一二三四五六七八九零一二三"),
        ("0.0000005", "零点零零零零零零五"),
        ("１２３４５６７８９０１２３４５６７８９", "一二三四五六七八九零一二三四五六七八九"),
    ],
)
def test_numbers_nobody_has_a_word_for_are_read_out(
    config: VoiceConfig, digits: str, read: str
) -> None:
    mine = PinyinPhonemizer(config)
    assert _symbols(mine, f"卡号{digits}。") == _symbols(mine, f"卡号{read}。")


def _symbols(mine: PinyinPhonemizer, text: str) -> list[list[str]]:
    return [[phoneme.symbol for phoneme in each] for each in mine.phonemes(text)]


def test_it_can_read_what_it_is_calibrated_with(config: VoiceConfig) -> None:
    mine = PinyinPhonemizer(config)
    (sentence,) = mine.sentences(mine.calibration_text)
    assert len(sentence.ids) > 80
