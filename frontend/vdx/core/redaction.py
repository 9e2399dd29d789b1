"""Removes personal data and credentials from log lines.

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
    # Names in small letters may begin so too: vdx_model_load_seconds.
    r"\b(?:sk|pk|rk|ek|vdx|hf|gh[oprsu]|github_pat|xox[abprs])[-_]"
    r"(?=[\w-]{0,64}(?:[A-Z0-9]|[a-z]{16}))[\w-]{16,}"
    r"|\b(?:AKIA|AIza)[\w-]{16,}"
    r"|(?i:\bbearer\s+)[\w.~+/=-]{8,}"
    # Also behind an underscore: access_token, client_secret.
    r"|(?i:(?<![^\W_])(?:api[-_]?key|token|secret|password)\b[\"']?\s*[=:]\s*[\"']?)"
    r"[^\s\"',;&)]{4,}"
    r"|\beyJ[\w-]{8,512}\.[\w-]{8,4096}\.[\w-]{8,}"
)
AUDIO_PATH: Final = re.compile(
    # Bounded: from each slash of a long text all of the rest would be looked at.
    r"(?:~|\.{0,2})?/(?:[^\s/\"']{1,255}/){0,40}[^\s/\"']{1,255}"
    r"\.(?:wav|mp3|flac|ogg|opus|m4a|aac|webm|mp4|amr|pcm)\b",
    re.IGNORECASE,
)
NUMBER: Final = re.compile(
    # Not within a time or an address, but behind `tel:`.
    r"(?<![\w./-])(?<![\d:]:)\+?\(?\d(?:[ ().\-/]{0,2}\d){8,18}(?![\w:]|[.\-]\d)"
)
NAMED: Final = re.compile(r"(?<=_)\+\d{9,15}(?![A-Za-z0-9])")
"""A number in the name of a caller or of their room, as LiveKit's SIP service gives them:
`sip_+15105550100`, `call-_+15105550100_Wj9x`."""
DECIMAL: Final = re.compile(r"(?:0|[1-9]\d*)\.\d+")
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
    if "_+" in text:
        text = NAMED.sub("<phone number>", text)
    return NUMBER.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    written = found[0]
    digits = [int(character) for character in written if character.isdigit()]
    if DECIMAL.fullmatch(written):
        return written
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
