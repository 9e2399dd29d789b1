"""The same tokens and probabilities as transformers' classes, of tiny models of both generations.

Made by scripts/make_moonshine_fixtures.py.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.backends.moonshine.drive import DATA, never, pieces, window
from tests.unit.backends.moonshine.sound import chirp
from triton_backends.moonshine.agreement import Agreed
from triton_backends.moonshine.decoder import Answer
from triton_backends.moonshine.model_folder import Model, open_model
from triton_backends.moonshine.search import DecodedTokens, GreedySearch
from triton_backends.shared.network import Device

EXPECTED: dict[str, list[dict[str, Any]]] = json.loads((DATA / "expected.json").read_text("utf-8"))
CASES = [(layout, case) for layout, cases in EXPECTED.items() for case in cases]


@pytest.fixture(scope="module", params=EXPECTED)
def model(request: pytest.FixtureRequest) -> Model:
    return open_model(DATA / request.param, Device(), 6.5)


def require_equal(said: DecodedTokens | None, case: dict[str, Any]) -> None:
    assert said is not None
    assert said.tokens == case["tokens"]
    np.testing.assert_allclose(said.log_probabilities, case["log_probabilities"], atol=1e-4)


@pytest.mark.parametrize(
    ("layout", "case"), CASES, ids=[f"{layout} {case['samples']}" for layout, case in CASES]
)
@pytest.mark.parametrize("size", [320, 7 * 320, 10**6])
def test_the_same_tokens_as_transformers(layout: str, case: dict[str, Any], size: int) -> None:
    """The sound in pieces, listened to on the way: the encoder's windows join without a seam."""
    found = open_model(DATA / layout, Device(), 6.5)
    heard = window(found)
    for number, piece in enumerate(pieces(chirp(4.0)[: case["samples"]], size)):
        heard.hear(piece)
        if number % 11 == 3:
            heard.partial()
            heard.agreed = Agreed()  # what partials agreed on stays, which transformers knows not
    require_equal(heard.whole(), case)


class Counted:
    """A decoder that counts its runs."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self.runs: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)

    def run(self, tokens: list[int], cache: Any) -> Answer:
        self.runs.append(len(tokens))
        answer: Answer = self._decoder.run(tokens, cache)
        return answer


@pytest.mark.parametrize("right", [0, 1, 9, 14])
def test_a_draft_is_verified_in_one_run(model: Model, right: int) -> None:
    """The result is that of a search without a draft; only what follows the first fault is made."""
    heard = window(model)
    heard.hear(chirp(2.0))
    plain = heard.whole()
    assert plain is not None
    wrong = [(token + 1) % 40 + 3 for token in plain.tokens]
    draft = [*plain.tokens[:right], *wrong[right:]]
    memory, _ = model.encoder.listen(heard._state, last=True)
    decoder = Counted(model.decoder)
    most = len(plain.tokens)
    said = GreedySearch(decoder, None, never)(memory, most, draft)
    assert said is not None
    assert said.tokens == plain.tokens
    np.testing.assert_allclose(said.log_probabilities, plain.log_probabilities, atol=1e-4)
    rest = most - min(right, most)
    assert decoder.runs == [1 + most] + [1] * rest


def test_what_is_fixed_stays(model: Model) -> None:
    heard = window(model)
    heard.hear(chirp(2.0))
    memory, _ = model.encoder.listen(heard._state, last=True)
    said = GreedySearch(model.decoder, None, never)(memory, 8, [20, 21, 22, 23], fixed=3)
    assert said is not None
    assert said.tokens[:3] == [20, 21, 22]
    assert len(said.tokens) == 8


def test_a_search_that_is_not_wanted_any_more_ends(model: Model) -> None:
    heard = window(model)
    heard.hear(chirp(2.0))
    memory, _ = model.encoder.listen(heard._state, last=True)
    assert GreedySearch(model.decoder, None, lambda: True)(memory, 8) is None


def test_files_of_onnxruntime_are_read_too(tmp_path: Path) -> None:
    """As the streaming models are released: `.ort`."""
    import onnxruntime

    for file in (DATA / "streaming").iterdir():
        if file.suffix == ".onnx":
            options = onnxruntime.SessionOptions()
            options.optimized_model_filepath = str(tmp_path / f"{file.stem}.ort")
            options.add_session_config_entry("session.save_model_format", "ORT")
            onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        else:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    model = open_model(tmp_path, Device(), 6.5)
    heard = window(model)
    case = EXPECTED["streaming"][0]
    heard.hear(chirp(4.0)[: case["samples"]])
    require_equal(heard.whole(), case)
