"""Export the graph of a Piper network without its weights, for benchmarks/piper_voice.py.

The graph is the one a released voice has, node for node, because Piper's own training code and
exporter make it; only the numbers are missing. Needs an environment of its own (some GB):

    python -m venv /tmp/train && /tmp/train/bin/pip install "piper-tts[train]==1.8.0" torch==2.8.0
    /tmp/train/bin/python scripts/export_piper_graph.py medium benchmarks/data/piper
"""

import lzma
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from piper.train.vits.models import SynthesizerTrn

SMALL = 64
"""Tensors of at most this many elements keep their values: shapes, biases, flow parameters."""

LOW: dict[str, Any] = {
    "resblock": "2",
    "resblock_kernel_sizes": (3, 5, 7),
    "resblock_dilation_sizes": ((1, 2), (2, 6), (3, 12)),
    "upsample_rates": (8, 8, 4),
    "upsample_kernel_sizes": (16, 16, 8),
}
HIGH: dict[str, Any] = {
    "resblock": "1",
    "resblock_kernel_sizes": (3, 7, 11),
    "resblock_dilation_sizes": ((1, 3, 5),) * 3,
    "upsample_rates": (8, 8, 2, 2),
    "upsample_kernel_sizes": (16, 16, 4, 4),
}
TINY = {"hidden": 8, "filter": 16, "layers": 1, "first": 16, "gin": 8}
VOICES: dict[str, tuple[dict[str, Any], dict[str, int], int]] = {
    "tiny": (LOW, TINY, 1),
    "tiny-speakers": (LOW, TINY, 3),
    "tiny-high": (HIGH, TINY, 1),
    "medium": (LOW, {"hidden": 192, "filter": 768, "layers": 6, "first": 256, "gin": 512}, 1),
}
"""Decoder, sizes and speakers of each graph."""


def build(name: str) -> torch.nn.Module:
    """The network with random weights whose every layer carries a signal."""
    decoder, sizes, speakers = VOICES[name]
    torch.manual_seed(0)
    network = SynthesizerTrn(
        n_vocab=256,
        spec_channels=513,
        segment_size=32,
        inter_channels=sizes["hidden"],
        hidden_channels=sizes["hidden"],
        filter_channels=sizes["filter"],
        n_heads=2,
        n_layers=sizes["layers"],
        kernel_size=3,
        p_dropout=0.1,
        upsample_initial_channel=sizes["first"],
        n_speakers=speakers,
        gin_channels=sizes["gin"] if speakers > 1 else 0,
        use_sdp=True,
        **decoder,
    ).eval()
    with torch.no_grad():
        network.dec.remove_weight_norm()
        network.dp.flows[0].m[0] = -math.log(2.6)  # the speaking rate of people
        for key, weight in network.dec.named_parameters():
            if weight.dim() == 3:
                inputs = weight.shape[0] * 2 if key.startswith("ups") else weight.shape[1:].numel()
                weight.normal_(0, ((1.0 if "resblocks" in key else 2.0) / inputs) ** 0.5)
        for key, weight in network.flow.named_parameters():
            if ".post." in key:
                weight.normal_(0, 0.05)
        network.dec.conv_post.weight.mul_(0.05)
    return network


def export(network: torch.nn.Module, speakers: int, path: Path) -> None:
    """As piper.train's export_onnx does."""

    def forward(text: Any, lengths: Any, scales: Any, sid: Any = None) -> Any:
        audio = network.infer(
            text,
            lengths,
            noise_scale=scales[0],
            length_scale=scales[1],
            noise_scale_w=scales[2],
            sid=sid,
        )[0]
        return audio.unsqueeze(1)

    network.forward = forward
    ids = torch.randint(0, 256, (1, 50))
    sid = torch.LongTensor([0]) if speakers > 1 else None
    torch.onnx.export(
        model=network,
        args=(ids, torch.LongTensor([50]), torch.FloatTensor([0.667, 1.0, 0.8]), sid),
        f=str(path),
        opset_version=15,
        input_names=["input", "input_lengths", "scales", "sid"],
        output_names=["output"],
        dynamic_axes={
            "input": {0: "batch_size", 1: "phonemes"},
            "input_lengths": {0: "batch_size"},
            "output": {0: "batch_size", 2: "time"},
        },
        dynamo=False,
    )


def without_weights(model: onnx.ModelProto) -> bytes:
    """The model with each large tensor replaced by the mean and deviation of its values."""
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.size > SMALL:
            tensor.ClearField("raw_data")
            tensor.doc_string = f"{values.mean():.5g} {values.std():.5g}"
        elif values.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(values.round(5), tensor.name))
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    name, folder = sys.argv[1], Path(sys.argv[2])
    whole = folder / f"{name}.onnx"
    export(build(name), VOICES[name][2], whole)
    (folder / f"{name}.onnx.xz").write_bytes(lzma.compress(without_weights(onnx.load(whole))))
    whole.unlink()
