"""Licences that ask something of whoever uses a model: shown, and accepted once on each machine."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vdx.core.errors import InvalidInput, SetupError
from vdx.core.paths import Paths
from vdx.serving.voicepacks.declared import declared_families

Ask = Callable[[str], bool]
"""Shows the terms to a person and returns whether they accept them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a licence asks; `licence` is its name."""

    licence: str
    text: str


def terms_of_family(family: str) -> Terms | None:
    """Those of every model of a family, as its `family.yaml` says; None where it says nothing."""
    declared = declared_families().get(family)
    return Terms(declared.licence, declared.terms) if declared and declared.terms else None


def require_accepted(
    paths: Paths, model: str, terms: Terms | None, *, accepted: bool, ask: Ask
) -> None:
    """Goes on where there are no terms, or they are accepted: now, or on this machine before.

    `accepted`: the person has said so already; otherwise `ask` asks them. `model` says in the
    error what the terms are of.

    Raises:
        InvalidInput: they are not accepted; the message has the terms.
    """
    if terms is None:
        return
    place = _record(paths, terms.licence)
    if place.exists():
        return
    if not accepted and not ask(f"licence {terms.licence}: {terms.text}"):
        raise InvalidInput(
            f"{model}: {terms.text}; `--accept-licence` accepts that, once on this machine",
            param="accept_licence",
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{terms.text}\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{place} cannot be written: {error.strerror}") from error


def _record(paths: Paths, licence: str) -> Path:
    name = re.sub(r"[^\w.-]+", "-", licence)
    return paths.home / "accepted-licences" / f"{name}.txt"
