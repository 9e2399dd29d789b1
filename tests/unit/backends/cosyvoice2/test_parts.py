"""The parts of the cosyvoice2 family that need none of its libraries."""

from pathlib import Path

import pytest

from tests.cosyvoice_voice import CONFIG
from triton_backends.cosyvoice2.checkout import VARIABLE, use_checkout
from triton_backends.cosyvoice2.hops import Hops
from triton_backends.cosyvoice2.loading import needed
from triton_backends.cosyvoice2.manner import Manner
from triton_backends.cosyvoice2.voicepack import load_engine
from triton_backends.shared.errors import InvalidArgument, Unavailable
from triton_backends.shared.parameters import Parameters


def taken(hops: Hops, tokens: int) -> list[tuple[int, int]]:
    """The pieces of so many tokens, as they come."""
    found = []
    for count in range(1, tokens + 1):
        if hops.due(count):
            start, end = hops.take()
            assert end == count, "as soon as its tokens are there"
            found.append((start, end))
    return found


def test_hops_grow_and_every_text_begins_with_the_first() -> None:
    expected = [(0, 28), (25, 78), (75, 178), (175, 278)]
    assert taken(Hops(0), 300) == expected
    assert taken(Hops(0), 300) == expected
    assert taken(Hops(0, growth=4), 130) == [(0, 28), (25, 128)]


@pytest.mark.parametrize(("prompt", "first"), [(75, 28), (76, 52), (99, 29)])
def test_the_first_hop_ends_with_a_chunk_of_the_prompt_and_it(prompt: int, first: int) -> None:
    (piece,) = taken(Hops(prompt), first)
    assert piece == (0, first)
    assert (prompt + first - 3) % 25 == 0


def test_only_what_speaking_needs_is_read_of_a_configuration() -> None:
    kept = needed(CONFIG)
    for key in ("sample_rate", "token_size", "llm", "flow", "hift", "get_tokenizer"):
        assert f"{key}: " in kept
    for text in ("apply:", "hifigan", "data_pipeline", "# plain", "training"):
        assert text not in kept


@pytest.mark.parametrize(
    ("speaker", "manner", "prompt"),
    [
        ("", Manner("", ""), ""),
        ("Ana", Manner("Ana", ""), ""),
        ("Ana: sadly, in a low voice", Manner("Ana", "sadly, in a low voice"), "<|endofprompt|>"),
        (":用四川话说", Manner("", "用四川话说"), "用四川话说<|endofprompt|>"),
    ],
    ids=["none", "name", "both", "style"],
)
def test_a_speaker_is_a_name_and_a_style(speaker: str, manner: Manner, prompt: str) -> None:
    assert Manner.of(speaker) == manner
    assert manner.prompt.endswith(prompt)


def test_a_configuration_that_runs_code_is_not_read_unless_trusted(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"can run any code .* `trusted: true`.*--trust"):
        load_engine(Parameters({"voicepack": "."}), tmp_path)


def test_without_a_checkout_it_says_where_one_is_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(Unavailable, match=r"set COSYVOICE_HOME to a checkout of https://github"):
        use_checkout()


def test_a_checkout_without_its_submodule_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cosyvoice" / "cli").mkdir(parents=True)
    for name in ("model.py", "frontend.py"):
        (tmp_path / "cosyvoice" / "cli" / name).touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(Unavailable, match=r"has no third_party/Matcha-TTS.*--recurse-submodules"):
        use_checkout()
