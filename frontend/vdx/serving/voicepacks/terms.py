"""Licences that ask something of whoever uses a model: shown, and accepted once on each machine."""

from collections.abc import Callable
from pathlib import Path

from vdx.core.errors import InvalidInput, SetupError
from vdx.core.paths import Paths
from vdx.serving.voicepacks.declared import declared_families

Ask = Callable[[str], bool]
"""Shows the terms to a person and returns whether they accept them."""


def require_accepted(paths: Paths, family: str, *, accepted: bool, ask: Ask) -> None:
    """Goes on where the terms of a family's models are accepted, now or by an earlier call.

    `accepted`: the person has said so already; otherwise `ask` asks them.

    Raises:
        InvalidInput: they are not accepted; the message has the terms.
    """
    declared = declared_families().get(family)
    if declared is None or not declared.terms:
        return
    place = _record(paths, declared.licence)
    if place.exists():
        return
    if not accepted and not ask(f"licence {declared.licence}: {declared.terms}"):
        raise InvalidInput(
            f"a model of {family} is under {declared.terms}; `--accept-licence` accepts that, once "
            "on this machine",
            param="accept_licence",
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{declared.terms}\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{place} cannot be written: {error.strerror}") from error


def _record(paths: Paths, licence: str) -> Path:
    return paths.home / "accepted-licences" / f"{licence}.txt"
