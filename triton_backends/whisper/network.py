"""Checks that the variables of a model.bin make a whole Whisper network.

CTranslate2 trusts its input: a shape that does not fit, or no attention heads, ends the process.
"""

import struct
from dataclasses import dataclass

from triton_backends.shared.errors import InvalidArgument
from triton_backends.whisper.model_bin import Shape, Variable

INT8, INT16 = 1, 2
FLOATS = (0, 4, 5)  # float32, float16, bfloat16
MAX_LAYERS, MAX_WIDTH, MAX_POSITIONS = 64, 8192, 1500
MELS = (80, 128)


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the network is: `window` is its longest input in frames of 10 ms."""

    mels: int
    width: int
    window: int
    encoder_layers: int
    decoder_layers: int
    heads: int
    vocabulary: int
    text_positions: int


def check_network(variables: dict[str, Variable]) -> Architecture:
    """The architecture that the variables make.

    Raises InvalidArgument naming the variable that is missing, of the wrong shape or unknown.
    """
    return _Network(variables).check()


class _Network:
    """Compares the variables with those of a Whisper network of the same width."""

    def __init__(self, variables: dict[str, Variable]) -> None:
        self._variables = variables
        self._left = set(variables)

    def check(self) -> Architecture:
        width, mels, taps = self._shape("encoder/conv1/weight", 3)
        window = self._shape("encoder/position_encodings/encodings", 2)[0]
        vocabulary = self._shape("decoder/embeddings/weight", 2)[0]
        positions = self._shape("decoder/position_encodings/encodings", 2)[0]
        if (
            mels not in MELS
            or taps != 3
            or not 0 < width <= MAX_WIDTH
            or not 0 < window <= MAX_POSITIONS
        ):
            raise InvalidArgument(
                f"model.bin: no Whisper has {mels} mels, width {width} and {window} positions"
            )
        if not 8 <= positions <= 4096:
            raise InvalidArgument(f"model.bin: {positions} positions for text")
        heads = [self._heads(stack, width) for stack in ("encoder", "decoder")]
        layers = [self._layers(stack) for stack in ("encoder", "decoder")]
        expected = _expected(width, mels, window, vocabulary, positions, *layers)
        for stack, count in zip(("encoder", "decoder"), layers, strict=True):
            for number in range(count):
                expected |= self._feed_forward(f"{stack}/layer_{number}/ffn", width)
        for name, shape in expected.items():
            self._expect(name, shape)
        self._no_unknown_variables(vocabulary)
        return Architecture(
            mels, width, 2 * window, layers[0], layers[1], heads[1], vocabulary, positions
        )

    def _shape(self, name: str, rank: int) -> Shape:
        variable = self._variables.get(name)
        if variable is None or len(variable.shape) != rank:
            raise InvalidArgument(f"model.bin: {name} is missing or no {rank}-dimensional array")
        return variable.shape

    def _heads(self, stack: str, width: int) -> int:
        variable = self._variables.get(f"{stack}/num_heads")
        heads = 0
        if variable is not None and not variable.shape and variable.dtype == INT16:
            (heads,) = struct.unpack("<h", variable.value)
        if not (0 < heads <= width and width % heads == 0):
            raise InvalidArgument(f"model.bin: {heads} attention heads for width {width}")
        return int(heads)

    def _layers(self, stack: str) -> int:
        prefix = f"{stack}/layer_"
        numbers = {n[len(prefix) :].partition("/")[0] for n in self._left if n.startswith(prefix)}
        numbers.discard("norm")  # layer_norm
        if numbers != {str(n) for n in range(len(numbers))} or not 0 < len(numbers) <= MAX_LAYERS:
            raise InvalidArgument(f"model.bin: the layers of the {stack} are not in a row")
        return len(numbers)

    def _feed_forward(self, name: str, width: int) -> dict[str, Shape]:
        """Four times as wide as the network in released models, in others what is consistent."""
        inner = self._shape(f"{name}/linear_0/weight", 2)[0]
        return _linear(f"{name}/linear_0", inner, width) | _linear(f"{name}/linear_1", width, inner)

    def _expect(self, name: str, shape: Shape) -> None:
        variable = self._variables.get(name)
        if variable is None:
            raise InvalidArgument(f"model.bin: {name} is missing")
        if variable.shape != shape:
            raise InvalidArgument(
                f"model.bin: {name} has shape {list(variable.shape)}, not {list(shape)}"
            )
        self._left.discard(name)
        weight = name.endswith("/weight")
        if variable.dtype not in (*FLOATS, *((INT8, INT16) if weight else ())):
            raise InvalidArgument(f"model.bin: {name} is of type {variable.dtype}")
        scale = self._variables.get(f"{name}_scale")
        if scale is not None:
            if scale.dtype not in FLOATS or scale.shape not in ((), (shape[0],)):
                raise InvalidArgument(f"model.bin: {name}_scale has shape {list(scale.shape)}")
            self._left.discard(f"{name}_scale")
        elif variable.dtype == INT8 and name != "decoder/projection/weight":  # an alias shares it
            raise InvalidArgument(f"model.bin: {name}_scale is missing")

    def _no_unknown_variables(self, vocabulary: int) -> None:
        if "decoder/projection/bias" in self._left:
            self._expect("decoder/projection/bias", (vocabulary,))
        for name in sorted(self._left):
            if self._variables[name].shape:
                raise InvalidArgument(f"model.bin: {name[:80]!r} belongs to no Whisper")
            _check_setting(name, self._variables[name].value)


SETTINGS: dict[str, tuple[int, ...]] = {
    "decoder/activation": (3,),  # GELU
    "decoder/alibi": (0,),
    "decoder/alibi_use_positive_positions": (0, 1),
    "decoder/alignment_heads": (1,),
    "decoder/alignment_layer": (-1,),
    "decoder/pre_norm": (1,),
    "decoder/scale_alibi": (0,),
    "decoder/scale_embeddings": (0, 1),
    "decoder/start_from_zero_embedding": (0,),
    "encoder/activation": (3,),
    "encoder/pre_norm": (1,),
}
"""What a Whisper's scalars may be; one that a converter adds is let pass when it is off."""


def _check_setting(name: str, value: bytes) -> None:
    if name in {"encoder/num_heads", "decoder/num_heads"}:
        return
    number = int.from_bytes(value, "little", signed=True)
    if number not in SETTINGS.get(name, (0,)):
        raise InvalidArgument(f"model.bin: {name[:80]!r} is {number}, which no Whisper has")


def _expected(
    width: int, mels: int, window: int, vocabulary: int, positions: int, *layers: int
) -> dict[str, Shape]:
    """Every array of a Whisper network but the feed-forward ones."""
    shapes: dict[str, Shape] = {
        "encoder/conv1/weight": (width, mels, 3),
        "encoder/conv1/bias": (width,),
        "encoder/conv2/weight": (width, width, 3),
        "encoder/conv2/bias": (width,),
        "encoder/position_encodings/encodings": (window, width),
        "decoder/position_encodings/encodings": (positions, width),
        "decoder/embeddings/weight": (vocabulary, width),
        "decoder/projection/weight": (vocabulary, width),
    }
    for stack, count in zip(("encoder", "decoder"), layers, strict=True):
        shapes |= _norm(f"{stack}/layer_norm", width)
        for number in range(count):
            shapes |= _block(f"{stack}/layer_{number}", width, crossed=stack == "decoder")
    return shapes


def _norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}/gamma": (width,), f"{name}/beta": (width,)}


def _linear(name: str, outputs: int, inputs: int) -> dict[str, Shape]:
    return {f"{name}/weight": (outputs, inputs), f"{name}/bias": (outputs,)}


def _block(name: str, width: int, *, crossed: bool) -> dict[str, Shape]:
    parts: dict[str, Shape] = {"self_attention": (3 * width, width)}
    if crossed:
        parts["attention"] = (width, 2 * width, width)
    shapes: dict[str, Shape] = {}
    for part, outputs in parts.items():
        shapes |= _norm(f"{name}/{part}/layer_norm", width)
        for number, size in enumerate(outputs):
            shapes |= _linear(f"{name}/{part}/linear_{number}", size, width)
    return shapes | _norm(f"{name}/ffn/layer_norm", width)
