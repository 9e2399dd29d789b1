"""What voices of several families refuse of a request, and how they say so."""

from collections.abc import Mapping
from typing import TypeVar

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.language_tags import primary_subtag

NAMES_TOLD = 60

V = TypeVar("V")


def spoken_language(tag: str, usual: str, known: tuple[str, ...], hint: str = "") -> str:
    """The language of a LANGUAGE, a BCP-47 tag; `usual` where it is empty.

    Raises InvalidArgument where it is none of `known`; `hint` is said behind them.
    """
    language = primary_subtag(tag) if tag else usual
    if language not in known:
        raise InvalidArgument(f"LANGUAGE {tag!r}: this model speaks {', '.join(known)}{hint}")
    return language


def require_usual_speed(speed: float, when: str = "") -> None:
    """Raises InvalidArgument for a SPEED other than 1; `when` is what the model cannot do it in."""
    if speed != 1:
        raise InvalidArgument(
            f"SPEED {speed:g}: this model cannot change how fast it speaks{when}; leave it 1"
        )


def require_one_voice(speaker: str, *, has_reference: bool) -> None:
    """Raises InvalidArgument for a SPEAKER by name beside a recording."""
    if speaker and has_reference:
        raise InvalidArgument(f"SPEAKER {speaker!r} beside REFERENCE_AUDIO: send one of the two")


def named_voice(voices: Mapping[str, V], wanted: str, usual: str) -> V:
    """A voice by its name; `usual` where it is empty.

    Raises InvalidArgument naming those that there are.
    """
    name = wanted or usual
    if not name:
        raise InvalidArgument(
            "this model has no voice of its own: REFERENCE_AUDIO of 3 to 30 s gives one"
        )
    found = voices.get(name)
    if found is None:
        known = ", ".join(list(voices)[:NAMES_TOLD])
        raise InvalidArgument(f"SPEAKER {name!r}: the voices here are {known or 'none'}")
    return found
