"""Word error rates, counted by jiwer, which the extra `bench` of the package brings.

So is inflect, which `vdx.bench.words` writes numbers as words with.
"""

from collections.abc import Sequence
from importlib.util import find_spec

from vdx.core.errors import SetupError


def require_jiwer() -> None:
    """Raises SetupError where jiwer is missing; to be called before a measurement."""
    _require("jiwer", "word error rates")


def require_inflect() -> None:
    """Raises SetupError where inflect is missing; to be called before a measurement."""
    _require("inflect", "numbers as words")


def _require(library: str, what: str) -> None:
    if find_spec(library) is None:
        raise SetupError(f"{what} need {library}: pip install 'vdx[bench]'")


def word_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Wrong, missing and added words over the words said, in percent, of texts in the same order.

    Words are what stands between white space, as it is written; some text must have a word.
    """
    import jiwer

    return 100.0 * float(jiwer.wer(list(said), list(heard)))
