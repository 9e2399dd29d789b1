"""Tags of sounds in a reply: given to voices that make them, and spoken by no other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdx.core.config import ClauseConfig
from vdx.core.events import Clause
from vdx.speech.text.clause_slices import cut_pieces
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.normalise import Normaliser
from vdx.speech.text.sounds import SoundTags, without_sounds

COSY = frozenset({"[laughter]", "[breath]", "<laughter>", "</laughter>", "[quick_breath]", "[mn]"})


def kept(text: str, makes: frozenset[str] = frozenset(), sizes: tuple[int, ...] = ()) -> str:
    """What of a text stays, fed whole or in pieces of these sizes."""
    tags, found, at = SoundTags(lambda: makes), "", 0
    for size in (*sizes, len(text)):
        found += "".join(piece.text for piece in tags.feed(text[at : at + size]))
        at += size
    return found + "".join(piece.text for piece in tags.finish())


def clauses(text: str, makes: frozenset[str] = frozenset()) -> list[Clause]:
    tags, chunker = SoundTags(lambda: makes), ClauseChunker(ClauseConfig(), "en", Normaliser("en"))
    found = cut_pieces([*tags.feed(text), *tags.finish()], chunker)
    return [*found, *chunker.finish()]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[laughs] Of course.", "Of course."),
        ("Well [sighs] yes.", "Well yes."),
        ("That is funny [laughs].", "That is funny."),
        ("No! <laugh> Really?", "No! Really?"),
        ("Oh <sigh/> dear.", "Oh dear."),
        ("[Clears throat] Ahem.", "Ahem."),
        ("[laughs softly] Hi. [long, deep sigh] Bye.", "Hi. Bye."),
        ("Ha [laughs][coughs] ha", "Ha ha"),
        ("[lacht] Ja. [seufzt tief] Nein.", "Ja. Nein."),
        ("好的[笑]我明白", "好的我明白"),
        ("हाँ [हँसी] ठीक", "हाँ ठीक"),
        ("**[laughs]** Right.", "**** Right."),
        ("The end. [sighs]", "The end. "),
    ],
)
def test_a_sound_that_the_voice_does_not_make_goes(text: str, left: str) -> None:
    assert kept(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "See [1] and [the docs](http://example.org/a) and [note].",
        "A [laughs](http://example.org) link.",
        "Press [Enter], then [x] or [ ].",
        "Write `[laughs]` for it, or ``<sigh>``.",
        "```\nlist[noise] = [pause]\n<laugh>\n```",
        "1 < 2 and 3 > 2, a <b>bold</b> word, [laughs",
        r"An escaped \[laughs] and ![laughs](cat.png)",
        "<small>laughs</small> [the big one] [a laughing stock exchange]",
    ],
)
def test_other_brackets_and_code_stay(text: str) -> None:
    assert kept(text) == text


def test_a_sound_that_the_voice_makes_reaches_it_as_the_voice_writes_it() -> None:
    text = "[Laughter] Of course. <laughter>Go on</laughter> and [quick_breath] so [mn] on. [sighs]"
    said = " ".join(clause.voice_text for clause in clauses(text, COSY))
    assert said == (
        "[laughter] Of course. <laughter>Go on</laughter> and [quick_breath] so [mn] on."
    )


def test_another_word_for_the_sound_is_enough() -> None:
    assert kept("[laughs] Yes [chuckles softly] no <giggle>.", COSY) == (
        "[laughter] Yes [laughter] no [laughter]."
    )


def test_characters_know_where_they_were_written() -> None:
    text = "Well, [laughter] I paid $5 [breath] **today**."
    for clause in clauses(text, COSY):
        for at, char in zip(clause.offsets, clause.text, strict=True):
            if char in "[]":
                assert text[at] == char
        assert set(clause.sounds) == {tag for tag in COSY if tag in clause.text}
    spans = [(each.source_start, each.source_end) for each in clauses(text, COSY)]
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)


def test_nothing_but_a_sound_is_spoken_by_a_voice_that_makes_it() -> None:
    assert [clause.text for clause in clauses("[laughs]", COSY)] == ["[laughter]"]
    assert clauses("[laughs]") == []


def test_a_voice_that_takes_over_is_given_blanks_for_the_tags() -> None:
    (clause,) = clauses("Yes [laughter] I do", COSY)
    other = without_sounds(clause, frozenset())
    assert other.text == f"Yes {' ' * len('[laughter]')} I do"
    assert without_sounds(clause, COSY) is clause


def test_a_private_character_of_the_text_is_no_sound() -> None:
    assert [clause.text for clause in clauses("One \ue000 two\ue000three", COSY)] == [
        "One two three"
    ]


@given(
    st.lists(
        st.sampled_from(["[laughs]", "<sigh>", " ", "a", ".", "`", "```\n", "\n", "[", "]", "(x)"]),
        max_size=12,
    ),
    st.lists(st.integers(1, 9), max_size=12),
    st.booleans(),
)
def test_how_a_text_comes_in_pieces_changes_no_word(
    parts: list[str], sizes: list[int], makes: bool
) -> None:
    text, tags = "".join(parts), COSY if makes else frozenset[str]()
    in_pieces, whole = kept(text, tags, tuple(sizes)), kept(text, tags)
    assert "".join(in_pieces.split()) == "".join(whole.split())
