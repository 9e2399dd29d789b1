"""Word error rates of the benches."""

import pytest

from vdx.bench.word_errors import require_inflect, require_jiwer, word_error_rate
from vdx.cli.bench.models import transcriptions, words
from vdx.cli.bench.running import LIGHT
from vdx.core.errors import SetupError


@pytest.mark.parametrize(
    ("said", "heard", "percent"),
    [
        (["a b c d"], ["a b c d"], 0),
        (["a b c d"], ["a x c"], 50),
        (["a"], [""], 100),
        (["a"], ["a b c"], 200),
        (["seven o'clock"], ["Seven o'clock."], 100),
        (["a b c", "d"], ["a c", "d"], 25),
        (["a b  c"], [" a b c "], 0),
    ],
)
def test_wrong_missing_and_added_words_count(
    said: list[str], heard: list[str], percent: float
) -> None:
    assert word_error_rate(said, heard) == pytest.approx(percent)


def test_a_bench_says_first_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    require_jiwer()
    require_inflect()
    monkeypatch.setattr("vdx.bench.word_errors.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install 'vdx\[bench\]'"):
        transcriptions()


def test_only_the_bench_of_words_needs_inflect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vdx.bench.word_errors.find_spec", lambda name: name != "inflect" or None)
    assert transcriptions().models == LIGHT
    with pytest.raises(SetupError, match="inflect"):
        words()
