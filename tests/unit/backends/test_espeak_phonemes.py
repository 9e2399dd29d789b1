"""IPA in a text for espeak-ng: it sounds as the word that is said so, and the word keeps its place.

The languages are asked for their sounds by espeak-ng itself.
"""

from collections.abc import Iterator

import pytest

from triton_backends.espeak.engine import EspeakEngine
from triton_backends.espeak.phonemes import rewritten
from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Word
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.espeak_library import EspeakLibrary


@pytest.fixture(scope="module")
def engine() -> Iterator[EspeakEngine]:
    made = EspeakEngine()
    yield made
    made.close()


def spoken(engine: EspeakEngine, text: str, language: str = "en-us") -> tuple[int, list[Word]]:
    """Samples of the audio, and the words in it."""
    chunks = list(engine.synthesize(TtsRequest(text, language=language)))
    return sum(each.pcm.size for each in chunks), [word for each in chunks for word in each.words]


@pytest.mark.parametrize(
    ("ipa", "word", "language"),
    [
        ("wˈɪn", "win", "en-us"),
        ("ˈtʃeɪnd͡ʒ", "change", "en-us"),
        ("ɡˈuːɡəl", "google", "en-us"),
        ("hˈaʊs", "Haus", "de"),
        ("kˈasa", "casa", "es"),
    ],
)
def test_ipa_sounds_as_the_word_that_is_said_so(
    engine: EspeakEngine, ipa: str, word: str, language: str
) -> None:
    samples, words = spoken(engine, f"Ask [[{ipa}]], please.", language)
    plain, wanted = spoken(engine, f"Ask {word}, please.", language)
    assert samples == pytest.approx(plain, rel=0.03)
    assert [each.word for each in words] == ["Ask", f"[[{ipa}]],", "please."]
    assert [each.start_ms for each in words] == pytest.approx(
        [each.start_ms for each in wanted], abs=30
    )
    text = f"Ask [[{ipa}]], please."
    assert [text[each.char_start : each.char_end] for each in words] == text.split()


def test_a_language_whose_sounds_are_not_known_refuses_ipa(engine: EspeakEngine) -> None:
    with pytest.raises(InvalidArgument, match="sounds of 'hi'"):
        spoken(engine, "[[kasa]]", "hi")
    assert spoken(engine, "Ask [[wɪn]].")[0]  # the engine goes on


def test_a_sound_that_is_not_there_is_left_out_or_the_nearest_one() -> None:
    table = {"k": "k", "æ": "a", "t": "t"}
    assert rewritten("a [[ˈkæǃt]] b", table).text == "a [['k|a|t]] b"
    assert rewritten("[[kat]]", table).text == "[[k|a|t]]"
    found = rewritten("a [[kæt]] b", table)
    assert found.offsets[found.text.index(" b")] == "a [[kæt]] b".index(" b")
    assert found.offsets[-1] == len("a [[kæt]] b")


def test_a_voice_that_is_chosen_already_is_not_chosen_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """espeak-ng leaks 1.4 kB each time: 50 MB of a process of 100 over 2,000 texts."""
    library = EspeakLibrary()
    choose, chosen = library._library.espeak_SetVoiceByName, list[bytes]()

    def counted(voice: bytes) -> int:
        chosen.append(voice)
        return int(choose(voice))

    monkeypatch.setattr(library._library, "espeak_SetVoiceByName", counted)
    for voice in ("de", "de", "nobody", "de", "en-us", "en-us"):
        assert library.has_voice(voice) == (voice != "nobody")
    assert chosen == [b"de", b"nobody", b"de", b"en-us"]
