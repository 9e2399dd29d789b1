"""What the JSON of a server's error says, in words and not in any program's notation of it."""

import json
import textwrap
from collections.abc import Mapping

_TOLD_BY = ("message", "msg", "error", "detail", "reason", "title")
"""Keys under which APIs say what is wrong, the most exact first."""
MOST_CHARACTERS = 500


def error_words(body: object) -> str:
    """The message in a value of JSON, of `MOST_CHARACTERS` at most; "" where it says nothing.

    It knows the errors of vdx and OpenAI (`{"error": {"message": …}}`), a text alone (`{"error":
    …}`), FastAPI's lists (`{"detail": [{"loc": […], "msg": …}]}`) and problem details (RFC 9457).
    Of an object with none of their keys every value is told.
    """
    return textwrap.shorten(_words(body), MOST_CHARACTERS, placeholder=" …")


def _words(body: object) -> str:
    if body is None:
        return ""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, map(_words, body)))
    if isinstance(body, Mapping):
        told = next((said for key in _TOLD_BY if (said := _words(body.get(key)))), "")
        return _placed(body.get("loc"), told) if told else _every_value(body)
    return json.dumps(body)


def _placed(place: object, told: str) -> str:
    """FastAPI's place of a fault before what is wrong there."""
    if not isinstance(place, list):
        return told
    return f"{'.'.join(map(str, place))}: {told}"


def _every_value(body: Mapping[str, object]) -> str:
    said = ((key, _words(value)) for key, value in body.items())
    return ", ".join(f"{key}: {words}" for key, words in said if words)
