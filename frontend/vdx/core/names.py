"""The nearest known name, and the error for an unknown one."""

import difflib
from collections.abc import Iterable

from vdx.core.errors import UnknownName

MOST_SHOWN = 30


def unknown_name(
    what: str,
    name: str,
    known: Iterable[str],
    *,
    others: Iterable[str] = (),
    param: str | None = None,
) -> UnknownName:
    """The error for a `what` (model, voice …) called `name`: the nearest one, and all there are.

    `others` are of another kind, and are suggested only if no known one is near.
    """
    names = sorted(known)
    near = nearest(name, names) or nearest(name, sorted(others))
    hint = f"; did you mean {near!r}?" if near else ""
    there = ", ".join(names) if names else "none"
    if len(names) > MOST_SHOWN:
        there = f"{len(names)} of them"
    return UnknownName(
        f"there is no {what} {name!r}{hint} (there are: {there})", param=param or what
    )


def nearest(name: str, names: Iterable[str]) -> str:
    """The one that looks most like `name`, whatever their case; "" where none looks like it.

    Alike is a ratio of matching characters of 0.6 (Ratcliff and Obershelp, by difflib): most slips
    of a finger, and no other word.
    """
    folded = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[near[0]] if near else ""
