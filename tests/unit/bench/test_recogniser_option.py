"""`--recogniser` of the benches that hear, and of the studies of transducers their layouts."""

from collections.abc import Callable

import pytest
import typer

from benchmarks.commands import transducer_talk
from vdx.cli.bench.conversations import partials, turn
from vdx.cli.bench.models import words
from vdx.cli.bench.running import DEFAULT, OnServer


@pytest.mark.parametrize("bench", [partials, turn, words])
def test_the_bench_s_own_server_hears_with_it(bench: Callable[..., OnServer]) -> None:
    assert bench(recogniser="moonshine-v1-tiny-en").models == ("", "moonshine-v1-tiny-en")
    assert bench().models == DEFAULT


def test_one_layout_or_both_talk() -> None:
    assert [transducer_talk(2, layout).steps for layout in ("", "zipformer")] == [4, 2]
    with pytest.raises(typer.BadParameter, match="neither zipformer nor fastconformer"):
        transducer_talk(1, "emformer")
