"""From the files of a model to an encoder, a decoder and a vocabulary that go together."""

from dataclasses import dataclass
from pathlib import Path

from triton_backends.moonshine.audio_encoder import AudioEncoder, WholeEncoder
from triton_backends.moonshine.decoder import Decoder, MergedDecoder, StreamingDecoder
from triton_backends.moonshine.settings import FILE, read_settings
from triton_backends.moonshine.streaming_encoder import StreamingEncoder
from triton_backends.moonshine.vocabulary import Vocabulary, read_vocabulary
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import exists
from triton_backends.shared.network import Device, Network

SUFFIXES = (".ort", ".onnx")
ATTENDING = "_with_attention"
"""Ending of the name of a decoder that tells what its tokens attend to."""
DECODER = "decoder_kv"
RESERVED = 32
"""One part in so many of a decoder's tokens may be missing in the table: the last 768 of 32,768 are
marks that the authors keep for later (`<<ST_0>>` …), and some of their tables leave them out."""
STREAMING = ("frontend", "encoder", "adapter", "cross_kv")


@dataclass(frozen=True, slots=True)
class Model:
    """What a window is recognised with.

    A window has at most `tokens_per_second` tokens: the decoder repeats itself now and then.
    """

    encoder: AudioEncoder
    decoder: Decoder
    vocabulary: Vocabulary
    tokens_per_second: float
    streams: bool
    word_times: bool


def open_model(folder: Path, device: Device, tokens_per_second: float) -> Model:
    """Raises InvalidArgument naming the file and what is wrong with it."""
    if not folder.is_dir():
        raise InvalidArgument(f"voicepack: no folder at {folder}")
    vocabulary = read_vocabulary(folder)
    if exists(folder / FILE):
        settings = read_settings(folder)
        frontend, encode, adapter, cross = (_network(folder, each, device) for each in STREAMING)
        last = _decoder(folder, device)
        encoder: AudioEncoder = StreamingEncoder(frontend, encode, adapter, settings)
        decoder: Decoder = StreamingDecoder(cross, last, settings)
    else:
        encoder = WholeEncoder(_network(folder, "encoder_model", device))
        last = _network(folder, "decoder_model_merged", device)
        decoder = MergedDecoder(last)
    missing = decoder.vocabulary - len(vocabulary)
    if not 0 <= missing <= decoder.vocabulary // RESERVED:
        raise InvalidArgument(
            f"the tokenizer has {len(vocabulary)} tokens, {last.name} {decoder.vocabulary}"
        )
    vocabulary.extend_with_marks(missing)
    times = any(name.startswith("cross_attentions") for name in last.outputs)
    return Model(encoder, decoder, vocabulary, tokens_per_second, exists(folder / FILE), times)


def _decoder(folder: Path, device: Device) -> Network:
    """The one that tells what its tokens attend to, where it is there."""
    attending = f"{DECODER}{ATTENDING}"
    there = any(exists(folder / f"{attending}{suffix}") for suffix in SUFFIXES)
    return _network(folder, attending if there else DECODER, device)


def _network(folder: Path, name: str, device: Device) -> Network:
    for suffix in SUFFIXES:
        if exists(folder / f"{name}{suffix}"):
            return Network(folder, f"{name}{suffix}", device, any_length=True)
    raise InvalidArgument(f"there is no {name}{SUFFIXES[0]} and no {name}{SUFFIXES[1]} in {folder}")
