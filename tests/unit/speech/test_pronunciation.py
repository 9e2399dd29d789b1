"""How a profile's words are spoken: respelled or in IPA, and where each sound was written."""

from typing import Any

import pytest
from pydantic import ValidationError

from vdx.core.config import ClauseConfig, Config, ProfileConfig
from vdx.core.errors import InvalidInput
from vdx.core.events import Clause, Word
from vdx.dialog.profiles import resolve
from vdx.serving.default_models import DefaultModels
from vdx.serving.models import ModelInfo
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.normalise import Normaliser
from vdx.speech.text.pronunciation import in_phonemes, ipa_of, pronunciation_of


def clauses(text: str, entries: dict[str, str], language: str = "en") -> list[Clause]:
    chunker = ClauseChunker(
        ClauseConfig(), language, Normaliser(language), pronunciation_of(entries)
    )
    return [*chunker.feed(text), *chunker.finish()]


def said(text: str, **entries: str) -> str:
    return " ".join(clause.text for clause in clauses(text, entries))


def test_words_are_respelled() -> None:
    assert said("We use nginx here.", nginx="engine x") == "We use engine x here."


def test_a_word_in_lower_case_stands_for_every_case_and_another_for_itself_alone() -> None:
    assert said("Nginx, NGINX, nginx.", nginx="engine x") == "engine x, engine x, engine x."
    assert said("SQL and sql.", SQL="sequel") == "sequel and sql."
    assert said("Polish polish.", Polish="Poe lish", polish="pah lish") == "Poe lish pah lish."


def test_whole_words_alone_are_replaced() -> None:
    assert said("The cat concatenates cat's cats.", cat="dog") == "The dog concatenates dog's cats."
    assert "dog" not in said("a_cat cat_b 3cat", cat="dog")


def test_the_longest_entry_comes_first() -> None:
    found = clauses("New York is not York.", {"York": "Yolk", "New York": "the Big Apple"})
    assert found[0].text == "the Big Apple is not Yolk."


def test_entries_may_have_signs() -> None:
    found = clauses("C++ and C# and .NET", {"C++": "see plus plus", ".net": "dot net"})
    assert " ".join(each.text for each in found) == "see plus plus and C# and dot net"


def test_what_an_entry_says_is_not_looked_up_again() -> None:
    """Entries that name each other end, and swap two words."""
    assert said("cat dog", cat="dog", dog="cat") == "dog cat"
    assert said("cat", cat="cat cat") == "cat cat"


def test_what_an_entry_says_is_not_normalised() -> None:
    assert said("See Foo 2 times", Foo="No. 3 St.") == "See No. 3 St. two times"


@pytest.mark.parametrize(
    ("language", "text", "entries", "expected"),
    [
        ("de", "Der Käse ist gut.", {"käse": "Kehse"}, "Der Kehse ist gut."),
        ("ja", "東京へ行く。", {"東京": "とうきょう"}, "とうきょうへ行く。"),
        ("ru", "Это Яндекс.", {"яндекс": "Я́ндэкс"}, "Это Я́ндэкс."),
        ("xx", "Say nginx 3.", {"nginx": "engine x"}, "Say engine x 3."),
    ],
)
def test_every_script_and_language(
    language: str, text: str, entries: dict[str, str], expected: str
) -> None:
    assert "".join(each.text for each in clauses(text, entries, language)) == expected


def test_what_was_said_of_a_respelled_word_is_the_written_word() -> None:
    source = "We use nginx here."
    [clause] = clauses(source, {"nginx": "engine x"})
    before = clause.text.index(" engine")
    assert source[: clause.source_offset(before)] == "We use"
    half = clause.text.index(" x")
    assert source[: clause.source_offset(half)] == "We use "  # half of it is not said yet
    whole = clause.text.index(" here")
    assert source[: clause.source_offset(whole)] == "We use nginx"


def test_a_clause_cut_in_the_middle_of_a_stream_says_the_same() -> None:
    chunker = ClauseChunker(
        ClauseConfig(), "en", Normaliser("en"), pronunciation_of({"nginx": "engine x"})
    )
    found = [clause for char in "We use nginx here." for clause in chunker.feed(char)]
    assert [each.text for each in [*found, *chunker.finish()]] == ["We use engine x here."]


# --- phonemes -----------------------------------------------------------------------------------


def test_a_word_in_ipa_stays_as_it_is_written_and_has_its_phonemes() -> None:
    source = "Ask Nguyen, please."
    [clause] = clauses(source, {"Nguyen": "/wɪn/"})
    assert clause.text == source
    text, written = in_phonemes(clause)
    assert text == "Ask [[wɪn]], please."
    found = written(Word("[[wɪn]],", 100, 400, 4, 12))
    assert found == Word("Nguyen,", 100, 400, 4, 11)
    assert written(Word("Ask", 0, 100, 0, 3)) == Word("Ask", 0, 100, 0, 3)
    assert written(Word("please.", 400, 700, 13, 20)) == Word("please.", 400, 700, 12, 19)


def test_every_word_comes_back_to_where_it_was_written() -> None:
    source = "Nguyen and nginx met Nguyen 2 times."
    [clause] = clauses(source, {"Nguyen": "/wɪn/", "nginx": "engine x"})
    assert clause.text == "Nguyen and engine x met Nguyen two times."
    text, written = in_phonemes(clause)
    assert text == "[[wɪn]] and engine x met [[wɪn]] two times."
    at = 0
    for said_word, word in zip(text.split(), clause.text.split(), strict=True):
        start = text.index(said_word, at)
        at = start + len(said_word)
        found = written(Word(said_word, 0, 1, start, at))
        assert found.word == word == clause.text[found.char_start : found.char_end]
    assert clause.source_offset(len(clause.text) - len(" two times.")) == source.index(" 2")


def test_phonemes_follow_numbers_that_are_written_in_words() -> None:
    [clause] = clauses("It costs $5 at Nguyen.", {"Nguyen": "/wɪn/"})
    assert in_phonemes(clause)[0] == "It costs five dollars at [[wɪn]]."


def test_what_is_left_of_a_clause_has_its_phonemes_too() -> None:
    from vdx.speech.output.reply_audio import _after

    [clause] = clauses("First Nguyen and then Nguyen.", {"Nguyen": "/wɪn/"})
    rest = _after(clause, len("First Nguyen"))
    assert rest is not None
    assert in_phonemes(rest)[0] == "and then [[wɪn]]."


def test_ipa_stands_between_slashes() -> None:
    assert ipa_of("/ɡuːɡəl/") == "ɡuːɡəl"
    assert ipa_of("/goo/") == "ɡoo"
    assert ipa_of("engine x") == ipa_of("/") == ""


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "how", "told"),
    [
        ("", "x", "is no word"),
        (" cat", "dog", "is no word"),
        ("x" * 61, "dog", "is no word"),
        ("...", "dots", "no letter or digit"),
        ("cat", "", "nothing to say"),
        ("cat", " - ", "nothing to say"),
        ("cat", "x" * 151, "longer than a clause"),
        ("cat", "//", "nothing to say"),
        ("cat", "/kæt", "between two slashes"),
        ("cat", "/kæ/t/", "between two slashes"),
        ("cat", "/k@t/", "no symbols of IPA in /k@t/: @"),
        ("cat", "/kæt dɒɡ/", "no symbols of IPA"),
        ("cat", "a [[b]]", "cannot be spoken"),
    ],
)
def test_an_entry_that_cannot_be_spoken_is_named(word: str, how: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ProfileConfig.model_validate({"pronunciation": {word: how}})
    assert told in str(caught.value)


def model(family: str, kind: Any = "tts") -> ModelInfo:
    return ModelInfo("m", kind, family, ("en",), 22_050)


def test_a_voice_without_phonemes_is_refused_with_the_words_named() -> None:
    profile = ProfileConfig(pronunciation={"Nguyen": "/wɪn/", "nginx": "engine x"})
    words = resolve(Config(profiles={"vdx": profile}), "", DefaultModels()).words_in_phonemes
    assert words == ["Nguyen"]
    for family in ("piper", "kokoro", "espeak"):
        model(family).require_phonemes(words, "en-US")
    model("tone").require_phonemes([], "en")
    model("whisper", "asr").require_phonemes(words, "en")
    with pytest.raises(InvalidInput, match=r"'m' \(tone\) takes no IPA in en, .*Nguyen"):
        model("tone").require_phonemes(words, "en")
    with pytest.raises(InvalidInput, match="no IPA in ja"):
        model("kokoro").require_phonemes(words, "ja")
