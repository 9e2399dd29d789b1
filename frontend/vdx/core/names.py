"""The error for an unknown name, with the nearest known one."""

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
    near = _nearest(name, names) or _nearest(name, sorted(others))
    hint = f"; did you mean {near!r}?" if near else ""
    there = ", ".join(names) if names else "none"
    if len(names) > MOST_SHOWN:
        there = f"{len(names)} of them"
    return UnknownName(
        f"there is no {what} {name!r}{hint} (there are: {there})", param=param or what
    )


def _nearest(name: str, names: list[str]) -> str:
    folded = {each.casefold(): each for each in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return folded[near[0]] if near else ""
