# ruff: noqa: RUF001
"""What reaches the voice: the table of texts, and where each word came from."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vdx.bench.spoken_texts import table
from vdx.core.config import ClauseConfig
from vdx.core.events import Clause
from vdx.speech.output.reply_audio import ClauseSpan, played_text
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.languages import known_languages
from vdx.speech.text.normalise import Normaliser, prepare
from vdx.speech.text.normalise.words import spoken_languages


def clauses(text: str, language: str = "en", config: ClauseConfig | None = None) -> list[Clause]:
    chunker = ClauseChunker(config or ClauseConfig(), language, Normaliser(language))
    found = chunker.feed(text)
    found += chunker.feed(chunker.leave_code())
    return [*found, *chunker.finish()]


def said(text: str, language: str = "en") -> str:
    return " ".join(clause.text for clause in clauses(text, language))


@pytest.mark.parametrize("language", known_languages())
def test_the_table_of_texts(language: str) -> None:
    texts = [(written, spoken) for each, written, spoken in table() if each == language]
    assert len(texts) >= 15
    assert [(written, said(written, language)) for written, _ in texts] == texts


def test_the_table_has_every_language_and_300_texts() -> None:
    assert {language for language, _, _ in table()} == set(known_languages())
    assert len(list(table())) >= 300
    assert spoken_languages() == known_languages()


def test_a_language_without_a_file_is_left_as_it_is() -> None:
    assert said("Det kostar 5 kr, -4.", "sv") == "Det kostar 5 kr, -4."


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Use `a*b*c` and `__init__` now", "Use a*b*c and __init__ now"),
        ("Run `head -5` and ``x`y 1/2`` now", "Run head -5 and x`y 1/2 now"),
        ("Use ```ls -4``` now", "Use ls -4 now"),
        ("a stray ` and 5 km", "a stray and 5 km"),
        ("[x]y and [[a]]b", "x y and a b"),
        ("the [docs][ref] say", "the docs ref say"),
        ("One\\\ntwo", "One two"),
        ("H₂O and CO₂, ½, ⅓", "H two O and CO two, one half, one third"),
        ("Wilhelm II. came late.", "Wilhelm the second came late."),
        ("Tom &amp; Jerry &lt;3 &nbsp;and <b>bold</b>", "Tom and Jerry less than three and bold"),
        ('<p class="x">One.</p><p>Two.</p>', "One. Two."),
        ("AT&T; a < b and c > d", "AT and T; a less than b and c greater than d"),
        ("ﬁne ＡＢＣ ５", "fine ABC five"),
        ("see www.example.org, ok", "see a link to example dot org, ok"),
        ("<https://example.org/a_b>", "a link to example dot org"),
        ("f = `https://x.org`", "f equals https://x.org"),
        ("key 123e4567-e89b-12d3-a456-426614174000.", "key a long code."),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.doz_3, ok", "token a long code, ok"),
        ("a state-of-the-art-2024-design-of-ours", "a state-of-the-art-two thousand"),
        ("MP3 and v1.2.3 and 10,000", "MP three and v one point two point three and ten thousand"),
        ("I wait. I am Charles I", "I wait. I am Charles the first"),
        ("James I know, but Robert I", "James I know, but Robert I"),
        ("It costs US$5 and 5 USD.", "It costs five dollars and five dollars."),
        (
            "123456789012345",
            "one two three four five six seven eight nine zero one two three four five",
        ),
    ],
)
def test_what_is_said_of(text: str, spoken: str) -> None:
    assert said(text).startswith(spoken)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Look:\n~~~\ncode()\n~~~\nDone now.", "Look: Done now."),
        ("Look:\n````md\n```\ncode\n```\n````\nDone now.", "Look: Done now."),
        (
            "Look:\n```py\nx = 1\n\nThat is what you need. Good?",
            "Look: That is what you need. Good?",
        ),
        ("Look:\n```py\nx = 1\n\ny = 2", "Look:"),
        ("```py\nprint(1)\n```\n", "The answer is code. You can see it on the screen."),
        ("> Look:\n> ```py\n> x = 1\n> ```\n> Done now.", "Look: Done now."),
        ("> ~~~\n> x = 1\n> ~~~\n\nDone now.", "Done now."),
        ("- ```sh\n  ls\n  ```\n- Then rest.", "Then rest."),
        ("- ```ls``` lists\n- Then rest.", "ls lists Then rest."),
        (
            "> Look:\n> ````\n> x = 1\n\nThat is what you need. Good?",
            "Look: That is what you need. Good?",
        ),
        ("~~~~\nx = 1\n~~~\ny = 2\n~~~~\nDone now.", "Done now."),
        ("Look:\n~~~\nx = 1\n\nThat is what you need.", "Look: That is what you need."),
        ("````\nx = 1\n````", "The answer is code. You can see it on the screen."),
        ("~~~py\nx = 1\n~~~\n", "The answer is code. You can see it on the screen."),
        ("```py\nprint(1)", "The answer is code. You can see it on the screen."),
    ],
)
def test_blocks_of_code(text: str, spoken: str) -> None:
    assert said(text) == spoken
    chunker = ClauseChunker(ClauseConfig(), "en", Normaliser("en"))
    by_letter = [clause for char in text for clause in chunker.feed(char)]
    by_letter += chunker.feed(chunker.leave_code())
    assert " ".join(clause.text for clause in [*by_letter, *chunker.finish()]) == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        (
            "2024-03-05T10:30:00.123+02:00",
            "March fifth, twenty twenty-four ten thirty UTC plus two",
        ),
        (
            "At 10:30:45 or 2024-03-05T10:30:00Z.",
            "At ten thirty forty-five or March fifth, twenty twenty-four ten thirty UTC.",
        ),
        (
            "It ended 3:2, at 16:9.",
            "It ended three to two, at sixteen to nine.",
        ),
        (
            "Open 10:00-11:00 or 9am-5pm.",
            "Open ten o'clock to eleven o'clock or nine am to five pm.",
        ),
        (
            "Call 1-800-555-1234 or 020 7946 0958.",
            (
                "Call one, eight zero zero, five five five, one two three four or "
                "zero two zero, seven nine four six, zero nine five eight."
            ),
        ),
        (
            "Go to 192.168.0.1:8080 now.",
            (
                "Go to one hundred ninety-two point one hundred sixty-eight point zero point one, "
                "eight thousand eighty now."
            ),
        ),
        (
            "Count 3-2-1.",
            "Count three, two, one.",
        ),
        (
            "A fact.[12] Two words[3] here¹ now.",
            "A fact. Two words here now.",
        ),
        (
            "It is $5-10 or $5M-$10M.",
            "It is five to ten dollars or five million dollars to ten million dollars.",
        ),
        (
            "It is $1.5M and A$5 and $.50.",
            "It is one point five million dollars and five Australian dollars and fifty cents.",
        ),
        (
            "From -.5 to .5 and ≥5 or <5.",
            "From minus zero point five to zero point five and at least five or less than five.",
        ),
        (
            "10^6 is 1 000 000 and 10⁶.",
            "ten to the power of six is one million and ten to the power of six.",
        ),
        (
            "Mar. 5, 2024 or Jan. 5–10.",
            "March fifth, twenty twenty-four or January fifth to tenth.",
        ),
        (
            "Run 1/2 km or 2 1/2 km, 24/7.",
            "Run one half kilometer or two and a half kilometers, twenty-four seven.",
        ),
        (
            "5-3=2 and 5x3 is 15.",
            "five minus three equals two and five times three is fifteen.",
        ),
        (
            "Elizabeth II's 5TH crown, 5bn people.",
            "Elizabeth the second's fifth crown, five billion people.",
        ),
        (
            "At 9.8 m/s² or 10 Mbps.",
            "At nine point eight meters per second squared or ten megabits per second.",
        ),
        (
            "3 < 5",
            "three less than five",
        ),
        ("a  b &  c", "a b and c"),
        ("f(a[1])", "f(a[one])"),
        ("- \n...\n%", ""),
        ("((((-5))))", "((((minus five))))"),
        ("Привет 5 你好 6 abc", "Привет five 你好 six abc"),
    ],
)
def test_unusual_forms(text: str, spoken: str) -> None:
    assert said(text) == spoken


def test_a_reply_that_is_only_code_is_told_whole() -> None:
    source = "```\nx = 1\n```"
    (clause,) = clauses(source)
    assert source[clause.source_start : clause.source_end] == source
    assert clause.only_code
    assert not clauses("It is:\n```\nx\n```")[0].only_code
    assert said(source, "de") == "Die Antwort ist Code. Sie steht auf dem Bildschirm."


@pytest.mark.parametrize(
    "token",
    [
        "https://bucket.s3.example.org/a?X-Signature=" + "0af3" * 100,
        "eyJ" + "hbGciOiJ1" * 60 + "." + "aB3" * 200,
        "абвгд" * 60,
        "0123456789abcdef" * 500,
        "bcdfg" * 60,
        "1234567890" * 40,
    ],
)
def test_what_follows_a_long_token_is_said(token: str) -> None:
    found = clauses(f"Here: {token} and that is all of it. Good bye.")
    assert found[-1].text == "Good bye."
    assert "that is all of it." in " ".join(clause.text for clause in found)
    assert all(len(clause.text) <= 2 * ClauseConfig().max_chars for clause in found)
    assert max(len(word) for clause in found for word in clause.text.split()) <= 80


def test_a_long_token_ends_where_its_script_does() -> None:
    link = "https://example.org/" + "a1" * 400
    spoken = said(f"请看{link}，然后回来。", "zh")
    assert spoken == "请看一个指向 example 点 org 的链接， 然后回来。"
    assert [clause.text for clause in clauses(f"See it at {link}. Good bye.")] == [
        "See it at a link to example dot org.",
        "Good bye.",
    ]


@pytest.mark.parametrize(
    "unit", ["1", "1,", "5-", "$5 ", "a.", "5.5.2024 ", "A II ", "½", "x = -3 "]
)
def test_no_slice_takes_long(unit: str) -> None:
    """The limit is 50 ms on a quiet machine; a whole token was once cut at its end."""
    prepare("en")
    chunker, longest = ClauseChunker(ClauseConfig(), "en", Normaliser("en")), 0.0
    text = (unit * 256 * 8)[: 256 * 8]
    for at in range(0, len(text), 256):
        began = time.thread_time()
        chunker.feed(text[at : at + 256])
        longest = max(longest, time.thread_time() - began)
    assert longest < 0.3


def test_links_may_be_read_in_full() -> None:
    config = ClauseConfig(links="full")
    text = " ".join(clause.text for clause in clauses("https://x.org/abc", config=config))
    assert text == "https://x.org abc"


def test_a_plain_list_of_short_lines_is_heard_as_one() -> None:
    text = "You need:\nmilk\nbread\nsome butter\n\n"
    text += "That is a line which is long enough to have been\nwrapped."
    assert [(clause.text, clause.line_breaks) for clause in clauses(text)] == [
        ("You need:", 1),
        ("milk", 1),
        ("bread", 1),
        ("some butter", 2),
        ("That is a line which is long enough to have been wrapped.", 0),
    ]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("de", "Er kam i. d. R. um acht u. a. zu Dr. med. Lin und zu Wilhelm II. von Preußen."),
        ("en", "We work for Smith and Co. Ltd. until five p. m. or six p.m. EST today."),
        ("en", "Here are at most Max. 5 of them, and Min. 3 in all."),
        ("en", "He was born on March 5, 2024 or between 3 – 5 days later."),
    ],
)
def test_no_cut_inside(language: str, sentence: str) -> None:
    chunker = ClauseChunker(ClauseConfig(), language)
    first = "This is the first clause of it. "
    found = [*chunker.feed(first + sentence + " Then more."), *chunker.finish()]
    assert [clause.text for clause in found][1:] == [sentence, "Then more."]


def test_a_name_in_capitals_ends_a_sentence() -> None:
    assert [
        c.text for c in clauses("We meet in the afternoon, at 5 p.m. EST. The bus is late.")
    ] == [
        "We meet in the afternoon,",
        "at five P M EST.",
        "The bus is late.",
    ]


def test_what_was_played_is_in_the_words_of_the_source() -> None:
    source = "It costs $5.50 for **each** now."
    (clause,) = clauses(source)
    assert clause.text == "It costs five dollars and fifty cents for each now."
    words = clause.text.split()
    frames = len(clause.text)
    span = ClauseSpan(clause, 0, frames, complete=True)
    heard = {played_text(source, [span], n * 960) for n in range(frames + 1)}
    assert heard == {
        "", "It", "It costs", "It costs $5.50", "It costs $5.50 for", "It costs $5.50 for **each**",
        source,
    }  # fmt: skip
    assert len(words) == 10


PIECES = [
    "km",
    "Dr.",
    "&amp;",
    "<b>",
    "http://a.b",
    "½",
    "II",
    "５",
    "\n```\n",
    "字",
    "p.m.",
    "Co.",
]
ODD = st.lists(
    st.one_of(
        st.sampled_from(list("1234567890-.,:/%$€#~*`<>&;() \n")),
        st.sampled_from(PIECES),
        st.characters(),
    ),
    max_size=100,
).map("".join)


@settings(max_examples=50)
@given(ODD, st.sampled_from(sorted(known_languages())))
def test_offsets_stay_in_order_and_in_the_source(text: str, language: str) -> None:
    position = 0
    for clause in clauses(text, language):
        assert len(clause.offsets) == len(clause.text)
        assert list(clause.offsets) == sorted(clause.offsets)
        assert clause.source_start == position
        assert all(0 <= offset < len(text) for offset in clause.offsets)
        clause.text.encode()
        position = clause.source_end
    assert position <= len(text)


@settings(max_examples=50)
@given(ODD, st.lists(st.integers(0, 40), max_size=10))
def test_deltas_make_no_difference(text: str, sizes: list[int]) -> None:
    chunker = ClauseChunker(ClauseConfig(), "en", Normaliser("en"))
    found, at = list[Clause](), 0
    for size in sizes:
        found += chunker.feed(text[at : at + size])
        at += size
    found += chunker.feed(text[at:])
    found += chunker.feed(chunker.leave_code())
    assert [*found, *chunker.finish()] == clauses(text)


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("en", "about５０％off", "about fifty percent off"),
        ("en", "save50%now, 5%,10%", "save fifty percent now, five percent,ten percent"),
        ("en", "50%/year and 5%-10%", "fifty percent year and five percent to ten percent"),
        ("en", "Ｐｒｉｃｅ＄５００now", "Price five hundred dollars now"),
        ("en", "500€off at 20°Fahrenheit", "five hundred euros off at twenty degrees Fahrenheit"),
        ("en", "５０％，ok（－４）", "fifty percent, ok (minus four)"),
        ("en", "ｘ＝５，１／２ ａｎｄ ３．５", "x equals five, one half and three point five"),
        ("en", "ｗｅｂ＆ｄｂ at ５㎞", "web and db at five kilometers"),
        ("de", "etwa５０％der Leute", "etwa fünfzig Prozent der Leute"),
        ("fr", "５０％des voix", "cinquante pour cent des voix"),
        ("es", "５０％de", "cincuenta por ciento de"),
        ("it", "５０％di", "cinquanta percento di"),
        ("pt", "５０％de", "cinquenta por cento de"),
        ("nl", "５０％van", "vijftig procent van"),
        ("pl", "５０％z", "pięćdziesiąt procent z"),
        ("ru", "５０％людей", "пятьдесят процентов людей"),
        ("uk", "５０％людей", "пʼятдесят відсотків людей"),
        ("tr", "％５０si", "yüzde elli si"),
        ("hi", "５０％लोग", "पचास प्रतिशत लोग"),
        ("ar", "٥٠٪من", "خمسون بالمائة من"),
        ("ko", "５０％할인", "오십 퍼센트할인"),
        ("ja", "価格￥５００、１＋１＝２です", "価格五百円、一プラス一イコール二です"),
        ("zh", "增长５０％了（－４）", "增长百分之五十了（负四）"),
        ("zh", "１／２的人", "二分之一的人"),
    ],
)
def test_signs_that_touch_words(language: str, text: str, spoken: str) -> None:
    assert said(text, language) == spoken


@pytest.mark.parametrize("language", sorted(spoken_languages()))
@pytest.mark.parametrize("number", ["1.000 000", "1.000\u00a0000 km", "1.000:000", "2'000.500 100"])
def test_a_number_grouped_in_two_ways_is_said(language: str, number: str) -> None:
    assert not re.search(r"\d", "".join(clause.text for clause in clauses(number, language)))
