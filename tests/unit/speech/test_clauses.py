# ruff: noqa: RUF001
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vdx.core.config import ClauseConfig
from vdx.core.events import Clause
from vdx.speech.text.clauses import LONGEST_CLAUSE, ClauseChunker
from vdx.speech.text.long_tokens import FORCED

CONFIG = ClauseConfig()
MARKDOWN = (
    "# Title\n\nSome **bold** and *it* with `code_x` and [a link](http://x.y/z_(a)).\n"
    "- one thing\n- two things\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n```py\nprint(1)\n```\n"
    "Bye 😀 now! 🎉"
)


def chunk(text: str, language: str = "en", sizes: tuple[int, ...] = ()) -> list[Clause]:
    """Fed whole, or in pieces of these sizes."""
    chunker = ClauseChunker(CONFIG, language)
    clauses, start = [], 0
    for size in sizes:
        clauses += chunker.feed(text[start : start + size])
        start += size
    return [*clauses, *chunker.feed(text[start:]), *chunker.finish()]


def texts(text: str, language: str = "en") -> list[str]:
    return [clause.text for clause in chunk(text, language)]


LONG = "This is the first clause of it. "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes. I can do that for you.", ["Yes.", "I can do that for you."]),
        ("Of course I can, if you like that.", ["Of course I can,", "if you like that."]),
        ("Well, then. Go on with it!", ["Well, then.", "Go on with it!"]),
        ('"Really?" she said. (Yes, indeed.) Ok', ['"Really?"', "she said. (Yes, indeed.) Ok"]),
        ("Hello! Is it you? It is; good.", ["Hello!", "Is it you? It is;", "good."]),
    ],
)
def test_first_clause_comes_early(text: str, expected: list[str]) -> None:
    got = texts(text)
    assert got[0] == expected[0]
    assert " ".join(got) == " ".join(expected)


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "I saw Dr. Smith and Mr. J. R. Brown of the U.S. Army, e.g. today."),
        ("en", "It costs 3.14 dollars or 1,000.50 or No. 5 of vol. 7 today."),
        ("en", "We leave at 5 p.m. and at 10:30 for apples, pears etc. and more."),
        ("en", "See https://example.com/a.b?c=1.5,2 or www.x.org/y or mail me@x.co.uk please."),
        ("en", "Version 2.51.0 of the file setup.cfg is 1.5x as fast as v1.0-rc.1 was."),
        ("de", "Am 3. Mai kommt Dr. Maier, z.B. mit Nr. 5 usw. nach Berlin."),
        ("fr", "M. Dupont habite p.ex. 10 av. Foch, n. 5 etc. depuis toujours."),
        ("es", "El Sr. García vive en la av. Mayor, núm. 5, con la Dra. Ruiz."),
    ],
)
def test_no_cut_inside_numbers_addresses_and_abbreviations(language: str, sentence: str) -> None:
    assert texts(LONG + sentence + " Then more.", language)[1] == sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Here are apples, pears etc. The rest is gone.", "Here are apples, pears etc."),
        ("We take the train at 5 p.m. The bus is late.", "We take the train at 5 p.m."),
        ("The answer to that is no. I am sorry.", "The answer to that is no."),
        ("He was born in 1985. That is long ago.", "He was born in 1985."),
    ],
)
def test_sentences_that_end_in_an_abbreviation_or_number(text: str, expected: str) -> None:
    assert texts(LONG + text)[1] == expected


def test_cut_is_made_when_white_space_and_one_more_character_have_come() -> None:
    chunker = ClauseChunker(CONFIG)
    assert chunker.feed("That is 3") == []
    assert chunker.feed(".") == []
    assert chunker.feed("14 or so.") == []
    assert chunker.feed(" ") == []
    assert [c.text for c in chunker.feed("N")] == ["That is 3.14 or so."]
    assert [c.text for c in chunker.finish()] == ["N"]


def test_a_text_that_stops_coming_is_not_waited_for() -> None:
    chunker = ClauseChunker(CONFIG)
    assert chunker.feed("Let me look. ") == []
    assert [c.text for c in chunker.wait_no_longer()] == ["Let me look."]
    assert chunker.feed("It is here. \n") == []
    assert chunker.wait_no_longer() == []
    assert [(c.text, c.line_breaks) for c in chunker.feed("\n")] == [("It is here.", 2)]
    assert chunker.finish() == []


def test_long_sentences_are_cut_at_commas_or_words() -> None:
    plain = texts("word " * 100)
    assert all(len(text) <= CONFIG.max_chars for text in plain)
    assert len(plain[0]) <= CONFIG.first_max_chars
    assert " ".join(plain) == ("word " * 100).strip()
    half = "some words go on and on and on and on and on and on and on and on "
    assert texts(LONG + half + "and on and on and on and on and on, " + half * 3)[1].endswith(",")


def test_digit_groups_stay_together() -> None:
    got = texts("Please call me at the office: 49 170 555 123 4567 890 12345 678 or tell us")
    assert got == ["Please call me at the office:", "49 170 555 123 4567 890 12345 678 or tell us"]
    groups = "123 456 " * 10
    assert texts(f"Please call {groups}or tell us about it")[0] == "Please call"
    assert texts("Il y a 20 000 000 habitants ici.", "fr") == ["Il y a 20 000 000 habitants ici."]


def test_an_address_stays_in_one_clause() -> None:
    url = "https://example.com/" + "a" * 100
    assert unspaced(texts(LONG + "Look at " + url + " now.")[1]) == unspaced(f"Look at {url} now.")


def unspaced(text: str) -> str:
    return "".join(text.split())


LONG_TOKENS = {
    "latin": "bcdfg" * 60,
    "cyrillic": "абвгд" * 60,
    "greek": "αβγδε" * 60,
    "arabic": "مكتبة" * 60,
    "devanagari": "किताबें" * 60,
    "hangul": "가나다라" * 60,
    "tibetan": "བོད་སྐད་" * 60,
    "digits": "1234567890" * 30,
    "address": "https://example.com/a-path/" * 12 + "end",
    "marks over a letter": "a" + "\u0301" * 300,
}


@pytest.mark.parametrize("token", LONG_TOKENS.values(), ids=LONG_TOKENS)
def test_what_is_too_long_for_a_word_is_parted(token: str) -> None:
    source = f"Before {token} after."
    clauses = chunk(source)
    words = [word for clause in clauses for word in clause.text.split()]
    assert (words[0], words[-1]) == ("Before", "after.")
    assert "".join(words[1:-1]) == token
    assert max(map(len, words)) <= FORCED
    assert all(len(clause.text) <= CONFIG.max_chars for clause in clauses)
    for clause in clauses:
        for char, offset in zip(clause.text, clause.offsets, strict=True):
            assert char in (source[offset], " ")
    for piece in words[1:-1]:
        # No vowel sign or accent is taken from the letter it stands over.
        assert unicodedata.category(piece[0]) not in ("Mn", "Mc") or len(words[1]) == FORCED


def test_a_long_address_is_parted_behind_its_marks() -> None:
    url = "https://example.com/the-longest/path/of/all?with=a&query=that-goes-on"
    assert " ".join(texts(url)) == (
        "https://example.com/the-longest/path/of/ all?with=a&query=that-goes-on"
    )


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("สวัสดีครับผมชื่อสมชายและผมอาศัยอยู่ในกรุงเทพมหานครซึ่งเป็นเมืองหลวงของประเทศไทยครับ", "th"),
        (
            "这是一个没有任何标点符号的很长的句子它的长度远远超过四十个字符但是不应该被分开",
            "zh",
        ),
        (
            "これは句読点がまったくないとても長い文でありその長さは四十文字をはるかに超えている",
            "ja",
        ),
        ("သူသည်မြန်မာနိုင်ငံတွင်နေထိုင်ပြီးနေ့စဉ်နေ့တိုင်းစာအုပ်များကိုဖတ်ရှုလေ့ရှိသည်", "my"),
        ("Donaudampfschifffahrtsgesellschaften", "de"),
        ("supercalifragilisticexpialidocious", "en"),
    ],
)
def test_words_of_any_script_are_left_as_they_are(text: str, language: str) -> None:
    assert "".join(texts(text, language)) == text


def test_chinese_and_japanese_need_no_spaces() -> None:
    assert texts("你好。我是一个机器人，很高兴认识你。「再见！」好的") == [
        "你好。",
        "我是一个机器人，很高兴认识你。",
        "「再见！」好的",
    ]
    assert max(map(len, texts("字" * 500))) <= CONFIG.max_chars


def test_a_clause_knows_that_a_line_ends_with_it() -> None:
    clauses = chunk("To buy today:\n- milk\n- bread and butter. Then home")
    assert [(clause.text, clause.line_breaks) for clause in clauses] == [
        ("To buy today:", 1),
        ("milk", 1),
        ("bread and butter.", 0),
        ("Then home", 0),
    ]


@pytest.mark.parametrize("gap", ["\n\n", "\n \n\n", "\r\n\r\n"])
@pytest.mark.parametrize("first", ["Good morning.", "- milk", "# Shopping", "a line"])
def test_a_clause_knows_that_a_paragraph_ends_with_it(first: str, gap: str) -> None:
    clauses = chunk(f"{first}{gap}Then we go home.\nWe rest.")
    assert [clause.line_breaks for clause in clauses] == [2, 1, 0]
    assert clauses[0].voice_text.endswith("\n\n")


@pytest.mark.parametrize("first", ["First one here.", "Is it you?", "a line,", "他来了。"])
@pytest.mark.parametrize("spaces", [" ", "  ", "\t", " \u200b ", "\u00a0 "])
@pytest.mark.parametrize(("gap", "breaks"), [("\n\n", 2), ("\n- ", 1)])
def test_a_pause_outlives_white_space_before_the_line_end(
    first: str, spaces: str, gap: str, breaks: int
) -> None:
    clauses = chunk(f"{first}{spaces}{gap}Second one there.")
    assert [(clause.text, clause.line_breaks) for clause in clauses] == [
        (first, breaks),
        ("Second one there.", 0),
    ]
    assert (clauses[0].source_start, clauses[-1].source_start) == (0, clauses[0].source_end)


def test_a_line_break_waits_only_for_the_character_that_tells_what_it_is() -> None:
    chunker = ClauseChunker(ClauseConfig())
    assert chunker.feed("Good morning.\n") == []
    (paragraph,) = chunker.feed("\n")
    assert (paragraph.text, paragraph.line_breaks) == ("Good morning.", 2)
    assert chunker.feed("- some milk\n") == []
    assert [clause.text for clause in chunker.feed("x")] == ["some milk"]


def test_markdown_is_not_read_aloud() -> None:
    assert texts(MARKDOWN) == [
        "Title",
        "Some bold and it with code_x and a link.",
        "one thing",
        "two things",
        "a, b",
        "1, 2",
        "Bye now!",
    ]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("5 * 3 is 15", "5 * 3 is 15"),
        ("foo\\*bar\\*", "foo*bar*"),
        ("snake_case and __init__", "snake_case and init"),
        ("~~gone~~ about ~5 of C# and #1", "gone about ~5 of C# and #1"),
        ("![a cat](cat.png) there", "a cat there"),
        ("Hi 👩‍👩‍👧‍👦🇩🇪👍🏽 there ✅", "Hi there"),
        ("1️⃣ two", "1 two"),
        ("see [1] and list[0]", "see 1 and list[0]"),
        ("a\x00b\x07c\ud800d\u200be", "a b c de"),
        ("soft\nwrapped", "soft wrapped"),
        ("> quoted", "quoted"),
        ("**Note:** it works", "Note: it works"),
        ("it is 20\u202f000 now", "it is 20 000 now"),
        ("a -- b --- c", "a -- b c"),
        ("***\nafter a rule", "after a rule"),
        ("+49 170", "+49 170"),
        ("- [x] paid\n* [ ] due", "\u2611 paid \u2610 due"),
        ("- [X](http://x.y) it", "X it"),
        ("- [xylophone] [x] it", "xylophone x it"),
        ("- [x", "x"),
        ("- [ not one", "not one"),
        ("- [[x]] it", "x it"),
        ("[x] it", "x it"),
    ],
)
def test_cleaning(text: str, spoken: str) -> None:
    assert " ".join(texts(text)) == spoken


@pytest.mark.parametrize(
    "text", ["", " ", "...", "!? -- *** ---", "🎉🎉", "```\ncode\n```", "\n\n"]
)
def test_nothing_to_say_is_no_clause(text: str) -> None:
    assert texts(text) == []


def test_offsets_lead_back_to_the_source() -> None:
    source = "Some **bold** [link](http://x) 😀 and `code` here. Next **one**."
    for clause in chunk(source):
        for i, char in enumerate(clause.text):
            assert source[clause.offsets[i]] == char or char == " "
    first = chunk(source)[0]
    heard = first.text.index("bold") + len("bold")
    assert source[: first.source_offset(heard)] == "Some **bold**"


TASKS = "- [x] one\n- [ ] two\n* [X]three [x\n- [x](http://x.y)\n+ [x"
ODD = st.text(
    st.one_of(
        st.sampled_from(list("axB1. \u00a0,!?\n*_`#-|[]()>\\:~=+'\"😀。，字")),
        st.sampled_from("etc.No.Dr.ABCxyz 0123456789"),
        st.characters(),
    ),
    max_size=400,
)


@example(MARKDOWN, [7, 1, 30])
@example(TASKS, [1] * 40)
@given(ODD, st.lists(st.integers(0, 40), max_size=20))
def test_deltas_make_no_difference(text: str, sizes: list[int]) -> None:
    assert chunk(text, sizes=tuple(sizes)) == chunk(text)


@example(MARKDOWN * 5)
@example(TASKS)
@example("\u00a00 字\u00a0字。\u00a0字")
@given(ODD)
def test_spans_follow_each_other_and_limits_hold(text: str) -> None:
    position = 0
    for clause in chunk(text):
        assert clause.source_start == position
        assert clause.source_end > clause.source_start
        assert clause.text == clause.text.strip()
        assert any(char.isalnum() for char in clause.text)
        assert len(clause.text) <= LONGEST_CLAUSE
        assert len(clause.offsets) == len(clause.text)
        assert list(clause.offsets) == sorted(clause.offsets)
        assert clause.source_start <= clause.offsets[0]
        assert clause.offsets[-1] < clause.source_end
        clause.text.encode()
        position = clause.source_end
    assert position <= len(text)


@given(st.text(st.sampled_from("abcdefgh .,"), max_size=600))
def test_plain_text_is_said_whole(text: str) -> None:
    said = "".join("".join(texts(text)).split())
    letters = [char for char in text if char.isalpha()]
    assert [char for char in said if char.isalpha()] == letters


@pytest.mark.parametrize("unit", [". ", "x", "🎉", "*", "字", "| a ", "- ", "[", "a, ", "No. "])
def test_what_is_kept_stays_bounded(unit: str) -> None:
    chunker = ClauseChunker(CONFIG)
    kept = 0
    for char in unit * 2000:
        chunker.feed(char)
        kept = max(kept, len(chunker._held.chars))
    assert kept <= LONGEST_CLAUSE
