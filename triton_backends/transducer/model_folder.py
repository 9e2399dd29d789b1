"""From the files of a model to an encoder, a search and a vocabulary that go together."""

from dataclasses import dataclass, field
from pathlib import Path

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.network import Device, Network
from triton_backends.transducer.beam import BeamTransducer
from triton_backends.transducer.encoder import Encoder
from triton_backends.transducer.nemo import (
    AUDIO,
    MOST_SYMBOLS,
    FrontEnd,
    NemoEncoder,
    RecurrentPredictor,
)
from triton_backends.transducer.search import (
    GreedyCtc,
    GreedyTransducer,
    Predictor,
    Search,
    Vocabulary,
)
from triton_backends.transducer.tokens import (
    BACKCHANNEL,
    END_OF_UTTERANCE,
    FILE,
    UNKNOWN,
    Tokens,
    read_tokens,
)
from triton_backends.transducer.zipformer import StatelessPredictor, ZipformerEncoder

PARTS = ("encoder", "decoder", "joiner")
INT8 = ".int8."
PRECISIONS = ("int8", "fp32")


@dataclass(frozen=True, slots=True)
class Options:
    """How a model is opened. `precision` chooses where a file is there in int8 and in full.

    `front_end` `sherpa` gives NeMo's models the features of sherpa-onnx, and makes every model wait
    for one frame more and keep its state after `<EOU>`, as sherpa-onnx does; for comparisons.
    More than one of `paths` are searched side by side.
    """

    device: Device = field(default_factory=Device)
    precision: str = PRECISIONS[0]
    front_end: FrontEnd = "nemo"
    temperature: float = 1.0
    paths: int = 1


@dataclass(frozen=True, slots=True)
class Model:
    """What an utterance is recognised with; `languages` is empty where no file says them."""

    encoder: Encoder
    search: Search
    tokens: Tokens
    languages: tuple[str, ...] = ()
    marks: frozenset[int] = frozenset()
    """Tokens that say something of the turn instead of words: `<EOU>`, `<EOB>`."""


def open_model(folder: Path, options: Options) -> Model:
    """Raises InvalidArgument naming the file and what is wrong with it."""
    if not folder.is_dir():
        raise InvalidArgument(f"voicepack: no folder at {folder}")
    tokens = read_tokens(folder)
    names = sorted(file.name for file in folder.iterdir() if file.suffix == ".onnx")
    chosen = _choose_parts(names, options.precision)
    if not any(chosen.values()):
        return _ctc(folder, names, tokens, options)
    for part, name in chosen.items():
        if not name:
            raise InvalidArgument(f"there is no {part}*.onnx beside {_first(chosen)}")
    encoder, decoder, joiner = (
        Network(folder, chosen[part], options.device, over_time=part == PARTS[0]) for part in PARTS
    )
    _require_one_precision(encoder, decoder, joiner)
    if AUDIO in encoder.inputs:
        return _nemo(encoder, decoder, joiner, tokens, options)
    return _zipformer(encoder, decoder, joiner, tokens, options)


def _choose_parts(names: list[str], precision: str) -> dict[str, str]:
    """The file of each part: the encoder in this precision, the others in that of the encoder."""
    encoder = _choose(names, PARTS[0], precision)
    if encoder:
        precision = PRECISIONS[0] if INT8 in encoder else PRECISIONS[1]
    others = {part: _choose(names, part, precision) for part in PARTS[1:]}
    return {PARTS[0]: encoder, **others}


def _choose(names: list[str], part: str, precision: str) -> str:
    """The file of a part in this precision, or in the one that is there; empty without any."""
    found = [name for name in names if name.startswith(part)]
    part = part or "network"
    small = [name for name in found if INT8 in name]
    full = [name for name in found if INT8 not in name]
    wanted = (small or full) if precision == PRECISIONS[0] else (full or small)
    if len(wanted) > 1:
        raise InvalidArgument(f"{len(wanted)} files may be the {part}: {', '.join(wanted)}")
    return wanted[0] if wanted else ""


def _require_one_precision(encoder: Network, *others: Network) -> None:
    """All in int8 or none; parts in full precision may stand beside an encoder in int8.

    sherpa-onnx releases models like that, because the encoder takes nearly all of the time. The
    other way round saves nothing and costs words: it comes of files of two downloads.
    """
    if _is_int8(encoder):
        return
    for other in others:
        if _is_int8(other):
            raise InvalidArgument(
                f"{other.name} is in int8 and {encoder.name} in full precision; a decoder or "
                "joiner in full precision beside an encoder in int8 would go"
            )


def _is_int8(network: Network) -> bool:
    """By its name or its operators: some releases do not write it into the name."""
    return INT8 in network.name or network.alone


def _first(chosen: dict[str, str]) -> str:
    return next(name for name in chosen.values() if name)


def _zipformer(
    encoder: Network, decoder: Network, joiner: Network, tokens: Tokens, options: Options
) -> Model:
    network = ZipformerEncoder(encoder)
    predictor = StatelessPredictor(decoder, joiner, network.size)
    _require_size(tokens, predictor.vocabulary, joiner)
    blank = tokens.blank("<blk>")
    if blank != 0:
        raise InvalidArgument(f"{FILE}: <blk> is {blank}; this layout wants it to be 0")
    vocabulary = _vocabulary(tokens, blank, options)
    search: Search = GreedyTransducer(predictor, vocabulary, most_symbols=1)
    if options.paths > 1:
        search = BeamTransducer(predictor, vocabulary, options.paths)
    return Model(network, search, tokens)


def _nemo(
    encoder: Network, decoder: Network, joiner: Network, tokens: Tokens, options: Options
) -> Model:
    _require_one_path(options, "a NeMo model")
    network = NemoEncoder(encoder, options.front_end)
    _require_size(tokens, network.vocabulary, encoder)
    blank = tokens.blank("<blk>")
    if blank != len(tokens) - 1:
        raise InvalidArgument(f"{FILE}: <blk> is {blank}; this layout wants it last")
    layers, hidden = encoder.integer("pred_rnn_layers"), encoder.integer("pred_hidden")
    predictor: Predictor = RecurrentPredictor(decoder, joiner, blank, layers, hidden)
    search = GreedyTransducer(predictor, _vocabulary(tokens, blank, options), MOST_SYMBOLS)
    languages = network.prompts.languages if network.prompts else ()
    marks = tokens.numbers((END_OF_UTTERANCE, BACKCHANNEL))
    return Model(network, search, tokens, languages, marks)


def _ctc(folder: Path, names: list[str], tokens: Tokens, options: Options) -> Model:
    name = _choose(names, "", options.precision)
    if not name:
        raise InvalidArgument(f"there is no encoder*.onnx and no other .onnx beside {FILE}")
    _require_one_path(options, "CTC")
    network = Network(folder, name, options.device, over_time=True)
    encoder = ZipformerEncoder(network)
    _require_size(tokens, encoder.size, network)
    blank = tokens.blank("<blk>", "<eps>", "<blank>")
    # Unlike a transducer's search, sherpa-onnx's of CTC lets <unk> through; it has no text anyway.
    vocabulary = Vocabulary(blank)
    return Model(encoder, GreedyCtc(vocabulary), tokens)


def _vocabulary(tokens: Tokens, blank: int, options: Options) -> Vocabulary:
    resets = frozenset[int]()
    if options.front_end != "sherpa":
        resets = tokens.numbers([END_OF_UTTERANCE])
    ignored = tokens.numbers([UNKNOWN]) if blank == 0 else frozenset[int]()
    return Vocabulary(blank, ignored, resets, options.temperature)


def _require_one_path(options: Options, layout: str) -> None:
    if options.paths > 1:
        raise InvalidArgument(f"parameter paths: {options.paths}, but {layout} searches one path")


def _require_size(tokens: Tokens, size: int, network: Network) -> None:
    if len(tokens) != size:
        raise InvalidArgument(f"{FILE} has {len(tokens)} symbols, {network.name} {size}")
