"""Token numbers and text: prompts, languages, and words out of tokens."""

from collections.abc import Sequence
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.language_tags import primary_subtag, require_english
from triton_backends.whisper.model_folder import ModelFolder

# Written without spaces between words: there every character counts as a word.
SPACELESS = frozenset({"zh", "ja", "th", "lo", "my", "km", "yue"})
UNFINISHED = "\N{REPLACEMENT CHARACTER}"
# OpenAI's multilingual vocabulary has an empty token and its English one has not; both name all
# languages. CTranslate2 tells them apart by the same mark (src/models/whisper.cc).
MULTILINGUAL_MARK = ""
MULTILINGUAL_SIZE = 51_865


class Vocabulary:
    """The tokens of one model; numbers below `eot` are text."""

    def __init__(self, folder: ModelFolder) -> None:
        self._numbers = {token: number for number, token in enumerate(folder.tokens)}
        self.eot = self._numbers["<|endoftext|>"]
        self._start = self._numbers["<|startoftranscript|>"]
        self._task = self._numbers["<|transcribe|>"]
        self._translate = self._numbers.get("<|translate|>")
        self._before = self._numbers["<|startofprev|>"]
        self._encodes = folder.tokenizer is not None
        self._no_timestamps = self._numbers["<|notimestamps|>"]
        marked = MULTILINGUAL_MARK in self._numbers
        self.multilingual = marked or len(folder.tokens) >= MULTILINGUAL_SIZE
        between = folder.tokens[self._start + 1 : self._task]
        self.languages = tuple(
            token[2:-2] for token in between if token.startswith("<|") and 4 < len(token) <= 7
        )
        # Some of its names are withdrawn tags: "jw" is "jv" today.
        self._by_tag = {primary_subtag(name): name for name in self.languages}
        self._tokenizer = _tokenizer(folder)

    def language(self, tag: str) -> str:
        """The model's own name of a BCP-47 tag, or nothing where it is to be detected.

        Raises InvalidArgument for a language the model does not know.
        """
        if not self.multilingual:
            require_english(tag)
            return "en"
        primary = primary_subtag(tag)
        if primary and primary not in self._by_tag:
            raise InvalidArgument(f"LANGUAGE {tag!r}: this model does not understand it")
        return self._by_tag.get(primary, "")

    def require_translation(self) -> None:
        """Raises InvalidArgument where the model was not taught to translate."""
        if not self.multilingual or self._translate is None:
            raise InvalidArgument("TRANSLATE: this model understands only English")

    def tag(self, language: str) -> str:
        """The BCP-47 tag of the model's own name of a language."""
        return primary_subtag(language)

    def start_sequence(self, language: str, *, translate: bool = False) -> list[int]:
        """What a transcript begins with, before the mark that it carries no times."""
        if not self.multilingual:
            return [self._start]
        task = self._translate if translate and self._translate is not None else self._task
        return [self._start, self._numbers[f"<|{language}|>"], task]

    def prompt(
        self,
        language: str,
        prefix: Sequence[int] = (),
        likely: Sequence[int] = (),
        *,
        translate: bool = False,
    ) -> list[int]:
        """The decoder's prompt; `prefix` are text tokens the transcript has to begin with.

        `likely` are tokens of words to expect, which stand where text that was said before would.
        """
        before = [self._before, *likely] if likely else []
        start = self.start_sequence(language, translate=translate)
        return [*before, *start, self._no_timestamps, *prefix]

    def encode(self, text: str) -> tuple[int, ...]:
        """The text tokens of a text, as of one that follows another.

        Raises InvalidArgument where the model has no tokenizer of its own: its vocabulary alone
        does not say how words are cut.
        """
        if not self._encodes:
            raise InvalidArgument("PROMPT needs the model's tokenizer.json, which it has not")
        found = self._tokenizer.encode(f" {text}", add_special_tokens=False).ids
        return tuple(token for token in found if token < self.eot)

    def text_tokens(self, tokens: Sequence[int]) -> list[int]:
        return [token for token in tokens if token < self.eot]

    def text(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def words(self, tokens: Sequence[int], language: str) -> list[tuple[str, list[int]]]:
        """Text tokens grouped into words, each with the space before it.

        As in openai-whisper (whisper/tokenizer.py, `split_to_word_tokens`): a word begins at a
        space, or, in a language without spaces, with every whole character.
        """
        words: list[tuple[str, list[int]]] = []
        for text, piece in self._characters(tokens):
            if words and language not in SPACELESS and not text.startswith(" "):
                words[-1] = (words[-1][0] + text, words[-1][1] + piece)
            else:
                words.append((text, piece))
        return _without_blanks(words, "" if language in SPACELESS else " ")

    def _characters(self, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
        """The shortest groups of tokens that are whole characters."""
        found: list[tuple[str, list[int]]] = []
        open_: list[int] = []
        for token in tokens:
            open_.append(token)
            text = self.text(open_)
            if UNFINISHED not in text:
                found.append((text, open_))
                open_ = []
        if open_:
            found.append((self.text(open_).replace(UNFINISHED, ""), open_))
        return found


def _without_blanks(words: list[tuple[str, list[int]]], space: str) -> list[tuple[str, list[int]]]:
    """Words led in by `space`; blank pieces join the word after them, or the last one."""
    joined: list[tuple[str, list[int]]] = []
    blank: list[int] = []
    for text, tokens in words:
        blank = [*blank, *tokens]
        if text.strip():
            joined.append((space + text.strip(), blank))
            blank = []
    if blank and joined:
        joined[-1] = (joined[-1][0], [*joined[-1][1], *blank])
    return joined


def _tokenizer(folder: ModelFolder) -> Any:
    """The model's own tokenizer.json; without one, the byte-level decoder of its vocabulary."""
    from tokenizers import Tokenizer, decoders, models

    if folder.tokenizer is not None:
        try:
            tokenizer = Tokenizer.from_file(str(folder.tokenizer))
        except Exception as error:  # noqa: BLE001  (the library raises plain Exception)
            raise InvalidArgument(f"tokenizer.json: {error}") from None
        for number in (0, len(folder.tokens) // 2):
            if tokenizer.id_to_token(number) != folder.tokens[number]:
                raise InvalidArgument("tokenizer.json and the vocabulary number tokens differently")
        return tokenizer
    numbers = {token: number for number, token in enumerate(folder.tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=numbers, merges=[]))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
