"""What the numbers that a decoder emits are written as: `tokenizer.bin` or `tokenizer.json`.

`tokenizer.bin` (moonshine-ai/moonshine core/bin-tokenizer) has each token as its length and its
bytes: a length below 128 is one byte, a longer one two, `low + 128` and then the number of 128s.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import exists, read_json, regular_file

BINARY, JSON = "tokenizer.bin", "tokenizer.json"
MAX_BYTES = 32 << 20
MOST_TOKENS = 1 << 20
SPACE = "▁".encode()
FULL_STOPS = frozenset({b".", b" .", "。".encode()})

_BYTE = re.compile(rb"<0x([0-9A-Fa-f]{2})>")
_MARK = re.compile(rb"<[^<>]+>")


class Vocabulary:
    """The table; a token of the form `<...>` is a mark without text."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        self._texts = tuple(_text(token) for token in tokens)

    def extend_with_marks(self, count: int) -> None:
        """So many marks, which have no text, after the last of its tokens."""
        self._texts += (b"",) * count

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, number: int) -> bytes:
        """What a token adds to the text, in UTF-8; a byte of a character may be alone."""
        return self._texts[number]

    @property
    def punctuates(self) -> bool:
        return not FULL_STOPS.isdisjoint(self._texts)

    def written(self, tokens: Sequence[int]) -> str:
        """The text of some tokens; bytes that are no character yet are left out."""
        raw = b"".join(self._texts[token] for token in tokens)
        return raw.decode("utf-8", errors="ignore")


def read_vocabulary(folder: Path) -> Vocabulary:
    """The table of a model's folder; raises InvalidArgument naming what is wrong."""
    if exists(folder / BINARY):
        return Vocabulary(_binary(regular_file(folder, BINARY, MAX_BYTES).read_bytes()))
    if exists(folder / JSON):
        return Vocabulary(_json(folder))
    raise InvalidArgument(f"there is no {BINARY} and no {JSON} in {folder}")


def _text(token: bytes) -> bytes:
    if match := _BYTE.fullmatch(token):
        return bytes([int(match[1], 16)])
    return b"" if _MARK.fullmatch(token) else token.replace(SPACE, b" ")


def _binary(raw: bytes) -> list[bytes]:
    tokens: list[bytes] = []
    at = 0
    while at < len(raw):
        length, at = raw[at], at + 1
        if length >= 128:
            if at == len(raw):
                raise InvalidArgument(f"{BINARY} ends within the length of token {len(tokens)}")
            length, at = raw[at] * 128 + length - 128, at + 1
        if at + length > len(raw):
            raise InvalidArgument(f"{BINARY} ends within token {len(tokens)}")
        tokens.append(raw[at : at + length])
        at += length
    return tokens


def _json(folder: Path) -> list[bytes]:
    """Of the library `tokenizers`: a BPE model's vocabulary, and tokens that were added."""
    tree = read_json(folder, JSON, MAX_BYTES)
    try:
        known = {str(text): int(number) for text, number in tree["model"]["vocab"].items()}
        known |= {str(each["content"]): int(each["id"]) for each in tree.get("added_tokens") or ()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument(f"{JSON} has no vocabulary: {error!r}") from None
    size = max(known.values(), default=-1) + 1
    if not 0 < size <= MOST_TOKENS or min(known.values()) < 0:
        raise InvalidArgument(f"{JSON} has {size} tokens")
    tokens = [b""] * size
    for text, number in known.items():
        tokens[number] = text.encode(errors="replace")
    return tokens
