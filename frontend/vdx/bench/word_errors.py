"""Word error rates, counted by jiwer, which the extra `bench` of the package brings."""

from collections.abc import Sequence
from importlib.util import find_spec

from vdx.core.errors import SetupError


def require_jiwer() -> None:
    """Raises SetupError where jiwer is not installed; to be called before anything is measured."""
    if find_spec("jiwer") is None:
        raise SetupError("word error rates need jiwer: pip install 'vdx[bench]'")


def word_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Wrong, missing and added words over the words said, in percent, of texts in the same order.

    Words are what stands between white space, as it is written; some text must have a word.
    """
    import jiwer

    return 100.0 * float(jiwer.wer(list(said), list(heard)))
