"""Makes a Piper voice with the exact network of a released one and random weights.

    .venv-triton/bin/python benchmarks/piper_voice.py medium FOLDER [key=value ...]

writes NAME.onnx, NAME.onnx.json and metadata.yaml, in seconds and always the same. The graphs in
data/piper were exported by Piper's own training code (scripts/export_piper_graph.py) and lost only
their weights, so what holds for one of these voices (where it can be cut, what it costs, how much
context a window needs) holds for a released one. Runs in the environment of the models.
"""

import json
import lzma
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GRAPHS = Path(__file__).parent / "data" / "piper"
RATES = {"medium": 22_050, "tiny-high": 22_050, "tiny": 16_000, "tiny-speakers": 22_050}

_SYMBOLS = (
    "_^$ !'(),-.:;?abcdefhijklmnopqrstuvwxyzæçðøħŋœǀǁǂǃɐɑɒɓɔɕɖɗɘəɚɛɜɞɟɠɡɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻɽɾ"
    'ʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʜʝʟʡʢʲˈˌːˑ˞βθχᵻⱱ0123456789\u0327\u0303\u032a\u032f\u0329ʰˤε↓#"↑\u033a'
    "\u033bgʦX\u031d\u030aɝʷ"
)
"""In the order of Piper's default phoneme ids."""


def make_voice(graph: str, folder: Path, **changes: Any) -> Path:
    """Writes a voicepack named after the folder; returns the path of its network.

    `changes` are merged into the voice's JSON, such as phoneme_type="text".
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = folder / f"{folder.name}.onnx"
    network.write_bytes(_network(graph))
    speakers = 3 if graph.endswith("speakers") else 1
    config = _config(graph, speakers)
    _merge(config, changes)
    Path(f"{network}.json").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    return network


def _network(graph: str) -> bytes:
    import numpy as np
    import onnx

    model = onnx.load_model_from_string(lzma.decompress((GRAPHS / f"{graph}.onnx.xz").read_bytes()))
    for tensor in model.graph.initializer:
        if tensor.doc_string:
            mean, deviation = map(float, tensor.doc_string.split())
            dice = np.random.default_rng(zlib.crc32(tensor.name.encode()))
            values = dice.standard_normal(tuple(tensor.dims), np.float32) * deviation + mean
            tensor.raw_data = values.astype(np.float32).tobytes()
            tensor.ClearField("doc_string")
    return bytes(model.SerializeToString())


def _config(graph: str, speakers: int) -> dict[str, Any]:
    return {
        "audio": {"sample_rate": RATES[graph], "quality": graph},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US", "family": "en"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_map": {},
        "phoneme_id_map": {symbol: [index] for index, symbol in enumerate(_SYMBOLS)},
        "num_symbols": 256,
        "num_speakers": speakers,
        "speaker_id_map": {f"s{n}": n for n in range(speakers)} if speakers > 1 else {},
        "piper_version": "1.0.0",
    }


def _merge(config: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            config[key].update(value)
        else:
            config[key] = value


if __name__ == "__main__":
    options = dict(argument.split("=", 1) for argument in sys.argv[3:])
    make_voice(sys.argv[1], Path(sys.argv[2]), **{k: json.loads(v) for k, v in options.items()})
