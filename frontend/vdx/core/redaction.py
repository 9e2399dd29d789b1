"""Removes from log lines what names a person or opens a door.

E-mail addresses, phone numbers, card numbers, keys, and paths of audio files, which are often named
after a customer. Own code: libraries for this look for names with language models, and take
milliseconds a line.
"""

import ipaddress
import re
from typing import Final

from vdx.core.masking import masked

EMAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
KEY: Final = re.compile(
    r"\b(?:sk|pk|rk|vdx|hf|ghp|xoxb|xoxp|AKIA|AIza)[-_]?[A-Za-z0-9_-]{16,}"
    r"|(?i:\bbearer\s+)[\w.~+/=-]{8,}"
    r"|(?i:\b(?:api[-_]?key|token|secret|password)\b[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&)]{4,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
)
AUDIO_PATH: Final = re.compile(
    r"(?:~|\.{0,2})?/(?:[^\s/\"']+/)*[^\s/\"']+"
    r"\.(?:wav|mp3|flac|ogg|opus|m4a|aac|webm|mp4|amr|pcm)\b",
    re.IGNORECASE,
)
NUMBER: Final = re.compile(r"(?<![\w.:/-])\+?\(?\d(?:[ ().\-/]{0,2}\d){8,18}(?![\w:]|[.\-]\d)")
PHONE_DIGITS: Final = range(9, 16)
CARD_DIGITS: Final = range(13, 20)


def redacted(text: str) -> str:
    """`text` with each of them replaced by its kind in angle brackets; passwords of URLs by ***."""
    text = masked(text)
    if "@" in text:
        text = EMAIL.sub("<email>", text)
    text = KEY.sub("<key>", text)
    if "/" in text:
        text = AUDIO_PATH.sub("<audio file>", text)
    return NUMBER.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    written = found[0]
    digits = [int(character) for character in written if character.isdigit()]
    if len(digits) in CARD_DIGITS and _luhn(digits):
        return "<card number>"
    # A row of digits without a sign between them is more often a count or an id than a phone.
    spaced = written.startswith("+") or len(digits) != len(written)
    national = written.startswith("0")
    if len(digits) in PHONE_DIGITS and (spaced or national) and not _is_address(written):
        return "<phone number>"
    return written


def _luhn(digits: list[int]) -> bool:
    """Whether the last digit is the check digit of the others, as on every card."""
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _is_address(written: str) -> bool:
    try:
        ipaddress.ip_address(written)
    except ValueError:
        return False
    return True
