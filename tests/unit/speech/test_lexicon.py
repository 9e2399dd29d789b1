import pytest

from vdx.core.config import BargeInConfig
from vdx.speech.text.languages import known_languages, language_table
from vdx.speech.text.lexicon import Lexicon, words_of

PLAIN = BargeInConfig()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "stop"),
        ("en", "Oh, WAIT a second!"),
        ("en", "please hold on"),
        ("en", "No."),
        ("en-GB", "stop it"),
        ("de", "Äh, warte mal"),
        ("de-AT", "HÖR AUF!"),
        ("fr", "non, attends"),
        ("fr", "ça suffit"),
        ("es", "¡Espera!"),
        ("es", "un momento por favor"),
    ],
)
def test_interrupting(language: str, text: str) -> None:
    lexicon = Lexicon(language, PLAIN)
    assert lexicon.interrupts(text)
    assert not lexicon.only_listening_sounds(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "uh"),
        ("en", "Mhm. Yeah, okay!"),
        ("en", "uh-huh"),
        ("en", "I see, got it"),
        ("de", "ja, genau"),
        ("de", "Ach so, alles klar"),
        ("fr", "euh, d’accord"),  # noqa: RUF001
        ("es", "sí, de acuerdo"),
    ],
)
def test_listening(language: str, text: str) -> None:
    lexicon = Lexicon(language, PLAIN)
    assert lexicon.only_listening_sounds(text)
    assert not lexicon.interrupts(text)


@pytest.mark.parametrize("text", ["", "  ", "...", "yeah but when", "the weather", "stopping", "i"])
def test_neither(text: str) -> None:
    lexicon = Lexicon("en", PLAIN)
    assert not lexicon.interrupts(text)
    assert not lexicon.only_listening_sounds(text)


def test_configuration_adds_words() -> None:
    config = BargeInConfig(
        interrupt_words={"en": ("Computer", "back up")}, listening_sounds={"*": ("Go on!",)}
    )
    lexicon = Lexicon("en-US", config)
    assert lexicon.interrupts("computer, please")
    assert lexicon.interrupts("can you back up")
    assert lexicon.only_listening_sounds("go on, yeah")
    assert not Lexicon("de", config).interrupts("Computer")
    assert Lexicon("de", config).only_listening_sounds("go on")


def test_configured_interruption_is_no_listening_sound() -> None:
    config = BargeInConfig(interrupt_words={"en": ("okay",)})
    lexicon = Lexicon("en", config)
    assert lexicon.interrupts("okay")
    assert not lexicon.only_listening_sounds("okay")


def test_unknown_language_knows_only_the_configuration() -> None:
    config = BargeInConfig(interrupt_words={"sw": ("subiri",)})
    assert Lexicon("sw", config).interrupts("subiri!")
    assert not Lexicon("sw", config).interrupts("stop")
    assert language_table("sw").abbreviations == frozenset()


@pytest.mark.parametrize("language", known_languages())
def test_no_phrase_is_both(language: str) -> None:
    table = language_table(language)
    assert table.interrupt_words
    assert table.listening_sounds
    assert not table.interrupt_words & table.listening_sounds
    for phrase in table.interrupt_words | table.listening_sounds:
        assert len(words_of(phrase)) <= 8
        assert phrase == phrase.casefold()
