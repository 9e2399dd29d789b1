"""Grammars, language models and sentences: what is understood, and what is wrong by line."""

import contextlib
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triton_backends.pocketsphinx.decoders import PocketsphinxDecoders, Vocabulary
from triton_backends.pocketsphinx.engine import PocketsphinxEngine
from triton_backends.pocketsphinx.grammar import arpa_words, grammar_words, sentence_words
from triton_backends.pocketsphinx.pool import DecoderPool
from triton_backends.shared.contract import AsrRequest
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters

AUDIO = Path(__file__).parents[2] / "data" / "audio"
MENU = """#JSGF V1.0;
// what the robot understands; not this
grammar menu;
public <command> = <go> | [ please ] show me /0.5/ the ( ace | king ) {card};
/* go
   and come */
<go> = (go | move) (forward | backward now) <number>+ (meters | meter);
<number> = one | two | ten;
"""
SENTENCES = "Go forward ten meters.\n\nWhat time is it?\nTurn the light on\n"
NOTHING = AsrRequest(np.zeros(0, np.int16))


def hear(vocabulary: Vocabulary, name: str, seconds: float = 60.0) -> tuple[str, int]:
    """What is heard of a recording's first seconds, and of how many pronunciations."""
    decoders = PocketsphinxDecoders(3000, vocabulary)
    pool = DecoderPool(decoders.build, size=1, ready=1)
    engine = PocketsphinxEngine(pool, complete_sentences_only=vocabulary.grammar is not None)
    with wave.open(str(AUDIO / f"{name}.wav")) as file:
        pcm = np.frombuffer(file.readframes(int(seconds * 16000)), np.int16)
    utterance = engine.start(NOTHING)
    for at in range(0, pcm.size // 320 * 320, 960):
        utterance.accept(pcm[at : at + 960 // 320 * 320][: (pcm.size - at) // 320 * 320])
    utterance.flush()
    heard = utterance.finish()
    utterance.close()
    engine.close()
    assert [word.word for word in heard.words] == heard.text.split()
    return heard.text, decoders.pronunciations


@pytest.fixture
def menu(tmp_path: Path) -> Path:
    file = tmp_path / "menu.jsgf"
    file.write_text(MENU)
    return file


def test_a_grammar_is_understood(menu: Path) -> None:
    text, size = hear(Vocabulary(grammar=menu), "ps_goforward")
    assert text == "go forward ten meters"
    assert size < 40


def test_half_a_sentence_of_a_grammar_is_none(menu: Path) -> None:
    assert hear(Vocabulary(grammar=menu), "ps_goforward", seconds=1.2)[0] == ""


def test_sentences_become_a_language_model(tmp_path: Path) -> None:
    file = tmp_path / "robot.txt"
    file.write_text(SENTENCES)
    assert hear(Vocabulary(sentences=file), "ps_goforward")[0] == "go forward ten meters"


def test_a_language_model_with_words_of_ones_own(tmp_path: Path) -> None:
    model, own = tmp_path / "own.lm", tmp_path / "own.dict"
    model.write_text(
        "\\data\\\nngram 1=5\n\n\\1-grams:\n-1.0 <s> -0.3\n-1.0 </s>\n-0.5 goforward -0.3\n"
        "-0.5 ten -0.3\n-0.5 meters -0.3\n\n\\end\\\n"
    )
    own.write_text(";; mine\ngoforward G OW F AO R W ER D\n")
    with pytest.raises(InvalidArgument, match=r"own\.lm .*line 7: 'goforward'"):
        PocketsphinxDecoders(3000, Vocabulary(language_model=model))
    heard, size = hear(Vocabulary(language_model=model, dictionary=own), "ps_goforward")
    assert heard == "goforward ten meters"
    assert size < 10


@pytest.mark.parametrize(
    ("text", "line", "named"),
    [
        ("hello", 1, "#JSGF"),
        ("", 1, "#JSGF"),
        ("#JSGF V1.0; grammar x;\n<a> = go;", 1, "no public rule"),
        ("#JSGF V1.0; grammar x;\npublic <a> = go", 2, "no ';'"),
        ("#JSGF V1.0; grammar x;\n\npublic <a> = (go | <b>;", 3, "'(' is not closed"),
        ("#JSGF V1.0; grammar x;\npublic <a> =\n go );", 3, "')' closes nothing"),
        ("#JSGF V1.0; grammar x;\npublic <a> = go\n | <b>;", 3, "no rule <b>"),
        ("#JSGF V1.0; grammar x;\npublic <a> = ;", 2, "<a> is empty"),
        ("#JSGF V1.0; grammar x;\npublic go = 3;", 2, "'<name> = …;'"),
        ("#JSGF V1.0; grammar x;\nimport <x.y>;\npublic <a> = go;", 2, "import"),
        ('#JSGF V1.0; grammar x;\npublic <a> = "go;', 2, "not understood"),
        ("#JSGF V1.0; grammar x;\npublic <a> = go\n\n Go pizzzza;", 4, "'Go' (did you mean 'go'?)"),
        (
            "#JSGF V1.0; grammar x;\npublic <a> = go\n\n Go pizzzza;",
            4,
            "'pizzzza' (did you mean 'pizzazz'?)",
        ),
        (b"#JSGF V1.0; grammar x;\npublic <a> = \xff;", 2, "not UTF-8"),
        ("#JSGF V1.0;\npublic <a> = go;", 2, "'grammar <name>;'"),
    ],
)
def test_what_is_wrong_with_a_grammar(
    tmp_path: Path, text: str | bytes, line: int, named: str
) -> None:
    file = tmp_path / "wrong.jsgf"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidArgument) as told:
        PocketsphinxDecoders(3000, Vocabulary(grammar=file)).build()
    assert str(file) in str(told.value)
    assert named in str(told.value)
    assert f"line {line}: " in str(told.value)


@pytest.mark.parametrize(
    ("kind", "text", "named"),
    [
        ("sentences", "hello\nflibbert it\n", "line 2: 'flibbert'"),
        ("sentences", "\n ... \n", "no sentence"),
        ("language_model", "hello", "line 1: not a language model"),
        ("language_model", "\\1-grams:\nx y\n", "line 2: 'x y'"),
        ("dictionary", "good G UH D\nhello HH XX", "line 2: 'XX' is no phone"),
        ("dictionary", "hello", "line 1: 'hello' has no pronunciation"),
    ],
)
def test_what_is_wrong_with_other_files(tmp_path: Path, kind: str, text: str, named: str) -> None:
    file = tmp_path / "wrong.txt"
    file.write_text(text)
    with pytest.raises(InvalidArgument) as told:
        PocketsphinxDecoders(3000, Vocabulary(**{kind: file}))
    assert str(file) in str(told.value)
    assert named in str(told.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for kind in ("grammar", "language_model", "sentences", "dictionary"):
        with pytest.raises(InvalidArgument, match=r"gone cannot be read"):
            PocketsphinxDecoders(3000, Vocabulary(**{kind: tmp_path / "gone"}))
    broken = tmp_path / "broken.bin"
    broken.write_bytes(b"no model" * 100)
    with pytest.raises(InvalidArgument, match=r"broken\.bin is no language model"):
        PocketsphinxDecoders(3000, Vocabulary(language_model=broken))


def test_parameters_choose_one(tmp_path: Path) -> None:
    given = Vocabulary.of(Parameters({"grammar": "1/a.jsgf", "dictionary": "/b"}), tmp_path)
    assert given == Vocabulary(grammar=tmp_path / "1/a.jsgf", dictionary=Path("/b"))
    with pytest.raises(InvalidArgument, match="grammar and sentences: choose one"):
        Vocabulary.of(Parameters({"grammar": "a", "sentences": "b"}), tmp_path)


def test_words_and_their_lines(menu: Path, tmp_path: Path) -> None:
    found = {word.word: word.line for word in grammar_words(menu)}
    assert found["ace"] == 4
    assert (found["backward"], found["now"], found["ten"]) == (7, 7, 8)
    assert found.keys().isdisjoint({"menu", "card", "not", "0.5", "come"})
    file = tmp_path / "s.txt"
    file.write_text("Don’t go.\nGO on")  # noqa: RUF001
    words, sentences = sentence_words(file)
    assert [(word.word, word.line) for word in words] == [("don't", 1), ("go", 1), ("on", 2)]
    assert sentences == ["don't go", "go on"]


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.jsgf"
    file.write_bytes(b"#JSGF V1.0;\npublic <a> = " + text.encode("utf-8", "surrogatepass"))
    for read in (grammar_words, arpa_words, sentence_words):
        with contextlib.suppress(InvalidArgument):
            read(file)
