"""Words that are likely to be said: in the letters of the tokens, greedy, CTC and with a beam."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.unit.backends.transducer import tiny
from tests.unit.backends.transducer.drive import SILENCE, FramesAsLogits, chirp, done, sure
from triton_backends.shared.contract import AsrRequest
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.hot_words import HotWords, Matches, Spelling
from triton_backends.shared.parameters import Parameters
from triton_backends.transducer.beam import BeamTransducer
from triton_backends.transducer.engine import TransducerEngine
from triton_backends.transducer.search import GreedyCtc, GreedyTransducer, Vocabulary
from triton_backends.transducer.tokens import Tokens

SYMBOLS = ["<blk>", "▁mil", "▁mi", "l", "k", "ton", "▁", "你", "好", "<unk>"]
MIL, MI, L, K, TON = 1, 2, 3, 4, 5
TOKENS = Tokens(SYMBOLS)
SPELLING = Spelling(TOKENS)
VOCABULARY = Vocabulary(0, ignored=TOKENS.numbers(["<unk>"]))


def words(prompt: str) -> HotWords:
    return HotWords.of(SPELLING, prompt)


def frames(*likeliest: dict[int, float]) -> np.ndarray:  # type: ignore[type-arg]
    rows = np.full((len(likeliest), len(SYMBOLS)), -6.0, np.float32)
    for row, told in zip(rows, likeliest, strict=True):
        for token, logit in told.items():
            row[token] = logit
    return rows


SEARCHES = {
    "greedy": GreedyTransducer(FramesAsLogits(), VOCABULARY, 1),
    "ctc": GreedyCtc(VOCABULARY),
    "beam": BeamTransducer(FramesAsLogits(), VOCABULARY, 4),
}


def heard(search: str, logits: np.ndarray, prompt: str = "") -> list[int]:  # type: ignore[type-arg]
    found = SEARCHES[search]
    settled, state = found.step(found.start(words(prompt)), logits)
    return [emission.token for emission in settled + found.open_end(state)]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_hot_word_is_preferred_where_it_is_close(search: str) -> None:
    close = frames({MIL: 2.0}, {K: 1.0, TON: 1.4}, {0: 3.0})
    assert heard(search, close) == [MIL, TON]
    assert heard(search, close, "milk") == [MIL, K]
    assert heard(search, close, "Milton, milk") == [MIL, TON]
    far = frames({MIL: 2.0}, {K: -4.0, TON: 3.0}, {0: 3.0})
    assert heard(search, far, "milk") == [MIL, TON]


@pytest.mark.parametrize("search", ["greedy", "ctc"])
def test_silence_stays_silence(search: str) -> None:
    nearly = frames({0: 1.0, MIL: 0.9}, {0: 1.0, K: 0.9}, {0: 1.0})
    assert heard(search, nearly, "milk") == []


def test_a_word_that_is_not_finished_gains_nothing_in_the_end() -> None:
    begun = Matches.start(words("milton")).after(MIL)
    assert begun.worth == pytest.approx(1.5)
    assert begun.after(TON).worth == pytest.approx(3.0)
    assert begun.after(K).worth == 0.0
    assert begun.after(TON).after(MIL).worth == pytest.approx(4.5)  # said, and begun again


def test_it_does_not_matter_how_a_word_is_cut() -> None:
    start = Matches.start(words("milk"))
    ways = [(MIL, K), (MI, L, K)]
    for tokens in ways:
        matches = start
        for token in tokens:
            assert matches.bonuses[token] > 0
            matches = matches.after(token)
        assert matches.worth == pytest.approx(2.0)
    assert 0 not in start.bonuses
    assert start.after(0) is start


def test_what_no_tokens_write_is_named() -> None:
    found = words("Milk,  milk , zebra, 你好, mil")
    assert found.phrases == (" milk", " 你好", " mil")
    assert found.unknown == ("zebra",)
    assert words(" , ").phrases == ()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[tuple[TransducerEngine, list[str]]]:
    told: list[str] = []
    tiny.zipformer(tmp_path)
    parameters = Parameters({"voicepack": ".", "paths": "4"})
    made = TransducerEngine.of(parameters, tmp_path, tell=told.append)
    yield made, told
    made.close()


def test_a_prompt_is_heard_and_what_cannot_be_boosted_is_told_once(
    engine: tuple[TransducerEngine, list[str]],
) -> None:
    made, told = engine
    texts = []
    for prompt in ("", "fsssss pssss, hiii, 100 %", "fsssss pssss, hiii, 100 %"):
        utterance = made.start(AsrRequest(audio=SILENCE, prompt=prompt))
        done(utterance.accept(chirp(2.0)))
        texts.append(sure(utterance.finish()).text)
    assert texts[0] != texts[1]
    assert texts[1] == texts[2]
    assert told == ["hot word '100 %': no tokens of this model write it"]


def test_a_beam_is_for_models_that_can_be_searched_so(tmp_path: Path) -> None:
    for make in (tiny.nemo, tiny.zipformer_ctc):
        folder = make(tmp_path / make.__name__)
        parameters = Parameters({"voicepack": ".", "paths": "4"})
        with pytest.raises(InvalidArgument, match=r"parameter paths: 4, but .* searches one path"):
            TransducerEngine.of(parameters, folder)
