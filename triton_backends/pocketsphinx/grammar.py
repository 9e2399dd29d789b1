"""The words of a JSGF grammar, a language model or a list of sentences, with their lines.

pocketsphinx itself says of a bad file only that it failed; here an error names file, line and what
is wrong, before a model is ready.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from triton_backends.shared.errors import InvalidArgument

LARGEST_FILE = 64 * 1024 * 1024

_HEADER = re.compile(r"\s*#JSGF\b")
# Comments and tags are no words, a weight stands between slashes. pocketsphinx knows no quotes.
_TOKEN = re.compile(
    r"(?P<skip>//[^\n]*|/\*.*?\*/|\{(?:\\.|[^}\\])*\}|/[\d.eE+-]+/|\s+)"
    r"|(?P<rule><[^>\s]*>)|(?P<mark>[|()\[\]*+;=])"
    r"|(?P<word>[^\s|()\[\]*+;=<>{}\"/]+)|(?P<bad>.)",
    re.DOTALL,
)
_SPECIAL = frozenset(("<NULL>", "<VOID>"))
_PAIRS = {")": "(", "]": "["}
_SPOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class WrittenWord:
    """A word and the line it first stands on, counted from 1."""

    word: str
    line: int


def read_text(path: Path) -> str:
    """A text file; raises InvalidArgument naming it where it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InvalidArgument(f"{path} is larger than {LARGEST_FILE} bytes")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise InvalidArgument(f"{path}, line {line}: not UTF-8") from None
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}") from None


def grammar_words(path: Path) -> list[WrittenWord]:
    """The words of a JSGF grammar; raises InvalidArgument for what is not one, with its line."""
    text = read_text(path)
    if not _HEADER.match(text):
        raise InvalidArgument(f"{path}, line 1: a JSGF grammar begins with '#JSGF V1.0;'")
    return _Grammar(path, text).words()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


class _Grammar:
    """One file's tokens, statement by statement."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text
        self._defined: set[str] = set()
        self._used: dict[str, int] = {}
        self._words: dict[str, int] = {}
        self._named = self._public = False

    def words(self) -> list[WrittenWord]:
        statement: list[_Token] = []
        for token in self._tokens():
            if token.text != ";":
                statement.append(token)
            elif statement:
                self._take(statement)
                statement = []
        if statement:
            raise self._wrong(statement[0].line, "there is no ';' after what begins here")
        if not self._public:
            raise self._wrong(1, "there is no public rule in it")
        for rule, line in self._used.items():
            if rule not in self._defined and rule not in _SPECIAL:
                raise self._wrong(line, f"there is no rule {rule}")
        return [WrittenWord(word, line) for word, line in self._words.items()]

    def _tokens(self) -> Iterator[_Token]:
        start = self._text.find(";") + 1 or len(self._text)
        line = 1 + self._text.count("\n", 0, start)
        for match in _TOKEN.finditer(self._text, start):
            kind = match.lastgroup or "bad"
            if kind == "bad":
                raise self._wrong(line, f"{match[0]!r} is not understood here")
            if kind != "skip":
                yield _Token(kind, match[0], line)
            line += match[0].count("\n")

    def _take(self, statement: list[_Token]) -> None:
        line, texts = statement[0].line, [token.text for token in statement]
        if texts[0] == "grammar":
            self._named = True
            return
        if not self._named:
            raise self._wrong(line, "'grammar <name>;' must come before this")
        if texts[0] == "import":
            raise self._wrong(line, "grammars cannot import others; put the rules into this file")
        if texts[0] == "public":
            self._public = True
            statement, texts = statement[1:], texts[1:]
        if len(texts) < 2 or statement[0].kind != "rule" or texts[1] != "=":
            written = " ".join(texts[:3])
            raise self._wrong(line, f"a rule is written '<name> = …;', not {written!r}")
        if len(texts) == 2:
            raise self._wrong(line, f"the rule {texts[0]} is empty")
        self._defined.add(texts[0])
        self._take_body(statement[2:])

    def _take_body(self, body: list[_Token]) -> None:
        opened: list[_Token] = []
        for token in body:
            if token.kind == "rule":
                self._used.setdefault(token.text, token.line)
            elif token.kind == "word":
                self._words.setdefault(token.text, token.line)
            elif token.text in _PAIRS.values():
                opened.append(token)
            elif token.text in _PAIRS and (not opened or opened.pop().text != _PAIRS[token.text]):
                raise self._wrong(token.line, f"{token.text!r} closes nothing")
        if opened:
            raise self._wrong(opened[-1].line, f"{opened[-1].text!r} is not closed")

    def _wrong(self, line: int, what: str) -> InvalidArgument:
        return InvalidArgument(f"{self._path}, line {line}: {what}")


def arpa_words(path: Path) -> list[WrittenWord]:
    """The unigrams of an ARPA language model; raises InvalidArgument for what is not one."""
    words: list[WrittenWord] = []
    section = ""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.startswith("\\"):
            section = line.strip()
            if section == "\\end\\":
                break
        elif section == "\\1-grams:" and line.strip():
            fields = line.split()
            if len(fields) < 2 or not _is_number(fields[0]):
                raise InvalidArgument(f"{path}, line {number}: {line!r} is not '<log10> <word>'")
            if not fields[1].startswith("<"):
                words.append(WrittenWord(fields[1], number))
    if section != "\\end\\" or not words:
        raise InvalidArgument(f"{path}, line 1: not a language model in ARPA format")
    return words


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def sentence_words(path: Path) -> tuple[list[WrittenWord], list[str]]:
    """The words of a text with a sentence on each line, and the sentences in lower case."""
    words: dict[str, int] = {}
    sentences = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        found = [word.replace("’", "'") for word in _SPOKEN.findall(line.lower())]  # noqa: RUF001
        for word in found:
            words.setdefault(word, number)
        if found:
            sentences.append(" ".join(found))
    if not sentences:
        raise InvalidArgument(f"{path}, line 1: there is no sentence in it")
    return [WrittenWord(word, line) for word, line in words.items()], sentences
