"""The same tokens, times and probabilities as sherpa-onnx, of tiny models in every layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sherpa_onnx
from numpy.typing import NDArray

from tests.unit.backends.transducer import tiny
from tests.unit.backends.transducer.drive import (
    chirp,
    done,
    emitted,
    open_engine,
    pieces,
    started,
)
from triton_backends.shared.contract import ASR_RATE
from triton_backends.transducer.encoder import output_ms


def reference(recogniser: Any, pcm: NDArray[np.int16]) -> Any:
    stream = recogniser.create_stream()
    for piece in pieces(pcm, 320):
        stream.accept_waveform(ASR_RATE, piece.astype(np.float32) / 32768)
        while recogniser.is_ready(stream):
            recogniser.decode_stream(stream)
    return recogniser.get_result_all(stream)


def paths(folder: Path) -> dict[str, Any]:
    names = ("encoder", "decoder", "joiner")
    files = {name: str(next(folder.glob(f"{name}*.onnx"))) for name in names}
    return {"tokens": str(folder / "tokens.txt"), "num_threads": 1, **files}


def transducer(folder: Path) -> Any:
    return sherpa_onnx.OnlineRecognizer.from_transducer(**paths(folder))


def beam(folder: Path) -> Any:
    return sherpa_onnx.OnlineRecognizer.from_transducer(
        **paths(folder), decoding_method="modified_beam_search", max_active_paths=4
    )


def ctc(folder: Path) -> Any:
    return sherpa_onnx.OnlineRecognizer.from_zipformer2_ctc(
        tokens=str(folder / "tokens.txt"), model=str(folder / "model.onnx"), num_threads=1
    )


MODELS = {
    "zipformer": (tiny.zipformer, transducer, 2.0),
    "beam": (tiny.zipformer, beam, 2.0),
    "ctc": (tiny.zipformer_ctc, ctc, 1.0),
    "nemo": (tiny.nemo, transducer, 1.0),
}
"""How each is made and opened, and the temperature of sherpa-onnx's probabilities."""


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [112, 320, 7 * 320, 250 * 320, 10**6])
def test_the_same_tokens_as_sherpa_onnx(tmp_path: Path, name: str, size: int) -> None:
    make, recogniser, temperature = MODELS[name]
    folder, pcm = make(tmp_path), chirp()
    expected = reference(recogniser(folder), pcm)
    options = {"front_end": "sherpa", "temperature": temperature}
    engine = open_engine(folder, **options, paths=4 if name == "beam" else 1)
    utterance = started(engine)
    found = emitted(utterance)
    for piece in pieces(pcm, size):
        done(utterance.accept(piece))
    found += utterance._stream.emissions
    engine.close()
    assert len(expected.tokens) > 20
    symbols = [engine.model.tokens[emission.token].replace("▁", " ") for emission in found]
    assert symbols == list(expected.tokens)
    frame_s = output_ms(engine.model.encoder) / 1000
    times = [emission.frame * frame_s for emission in found]
    np.testing.assert_allclose(times, expected.timestamps, atol=1e-3)
    if expected.ys_probs:
        sure = [emission.log_probability for emission in found]
        np.testing.assert_allclose(sure, expected.ys_probs, atol=1e-5)
    assert bool(expected.ys_probs) == (name != "ctc")


def test_the_same_text_as_sherpa_onnx_of_byte_level_tokens(tmp_path: Path) -> None:
    folder, pcm = tiny.zipformer(tmp_path), chirp()
    characters = "一二三四五六七八九十天地人日月火水木金土一二"
    letters = letters_of_bytes()
    symbols = ["".join(letters[byte] for byte in each.encode()) for each in characters]
    lines = ["<blk> 0", *(f"▁{each} {n}" for n, each in enumerate(symbols, 1)), "<unk> 23"]
    (folder / "tokens.txt").write_text("\n".join(lines) + "\n", "utf-8")
    expected = reference(transducer(folder), pcm)
    engine = open_engine(folder, front_end="sherpa")
    utterance = started(engine)
    heard = emitted(utterance)
    done(utterance.accept(pcm))
    found = engine.transcript().followed_by(heard).text
    engine.close()
    assert len(found) > 20
    assert found == expected.text.replace(" ", "")


def letters_of_bytes() -> list[str]:
    """icefall's letter of each byte, in order."""
    ranges = ((256, 287), (32, 126), (288, 305), (308, 318), (321, 328), (330, 382), (384, 422))
    return [chr(each) for first, last in ranges for each in range(first, last + 1)]
