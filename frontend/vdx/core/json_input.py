"""Parses JSON from other programs, within limits; the only module of vdx that does.

The standard parser raises RecursionError for deep nesting and a bare ValueError for long integers,
accepts NaN and halves of surrogate pairs, which cannot be encoded again, and needs 140 ms for a
megabyte of empty lists. Here all of these are InvalidInput.
"""

import json
import math
import reprlib
import sys
from collections.abc import Iterable
from typing import Any, Final

from vdx.core.errors import InvalidInput

MAX_VALUES: Final = 10_000
"""Values, keys included; a hundred times those of the largest valid request, parsed in 5 ms."""
MAX_DEPTH: Final = 64
SHOWN_CHARS: Final = 100


class _Refused(ValueError):
    """What is wrong; the message continues the name of the text."""


def parse_json(
    text: str | bytes, what: str, *, param: str | None = None, max_values: int | None = MAX_VALUES
) -> Any:
    """The value that `text` (bytes: UTF-8) stands for; `what` names the text in errors.

    `max_values` is None for large files, which are parsed in a thread.

    Raises:
        InvalidInput: it is not JSON, has more than `max_values` values, nests deeper than
            MAX_DEPTH, or holds a number or text that cannot be sent on: an integer of more than
            4,300 digits, NaN, an infinite number, half a surrogate pair.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        if max_values is not None and len(text) > max_values:
            _count(text, max_values)
        value = _DECODER.decode(text)
        _check(value)
    except _Refused as error:
        raise InvalidInput(f"{what} {error}", param=param) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{what} is not JSON: {error}", param=param) from None
    except RecursionError:
        raise InvalidInput(f"{what} nests deeper than {MAX_DEPTH} levels", param=param) from None
    except ValueError:  # the parser's own, of int()
        limit = sys.get_int_max_str_digits()
        message = f"{what} holds an integer of more than {limit} digits"
        raise InvalidInput(message, param=param) from None
    return value


def shown(value: object) -> str:
    """The repr of a received value for an error message, shortened."""
    short = reprlib.Repr()
    short.maxstring, short.maxlong, short.maxlevel = 2 * SHOWN_CHARS, SHOWN_CHARS, 4
    short.maxlist = short.maxdict = 10
    text = short.repr(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"


def utf8_size(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _no_constant(name: str) -> None:
    raise _Refused(f"holds {name}, which is not JSON")


def _count(text: str, most: int) -> None:
    """Raises _Refused, before parsing, if the text has more than `most` values."""
    count = at = 0
    while True:
        quote = text.find('"', at)
        end = len(text) if quote < 0 else quote
        count += 1 + sum(text.count(mark, at, end) for mark in ",[{")
        if count > most:
            raise _Refused(f"holds more than {most} values")
        if quote < 0:
            return
        _, at = _DECODER.raw_decode(text, quote)


def _check(root: object) -> None:
    level: list[Any] = [root]
    for _ in range(MAX_DEPTH):
        inside: list[Any] = []
        for value in level:
            inside.extend(_inside(value))
        if not inside:
            return
        level = inside
    raise _Refused(f"nests deeper than {MAX_DEPTH} levels")


def _inside(value: object) -> Iterable[object]:
    """The values in a list or an object, keys included; a single value is checked."""
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    if isinstance(value, list):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise _Refused("holds a number that is too large")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _Refused("holds half a surrogate pair, which is no character") from None
    return ()


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
