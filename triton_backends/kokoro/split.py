"""Splits the network in three: durations, melody, speech.

Kokoro predicts for each symbol how many frames it lasts, and repeats what it knows of the symbol so
often; for these frames it predicts pitch and energy. Both need the whole sentence and are cheap.
The decoder, which takes nine tenths of the time, can be computed for some of the symbols alone, by
giving the others no frames. The places are found by what the graph does (it has one node that
rounds) and by the name of the decoder's two first convolutions, which are the same in all exports.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from triton_backends.shared.errors import InvalidArgument

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

ROUND = "Round"
PITCH, ENERGY = "/F0_conv/", "/N_conv/"
CONVOLUTIONS = frozenset({"Conv", "ConvInteger"})
RESHAPING = frozenset({"Unsqueeze", "DynamicQuantizeLinear", "Cast"})
"""Nodes between the tensor and the convolution that takes it."""
FLOAT = 1
"""How ONNX writes the type."""
LIMITING = frozenset({"Clip", "Max"})


@dataclass(frozen=True, slots=True)
class Names:
    """Tensors of the network: its inputs, its audio, and those between its parts.

    `pitch` and `energy` have two numbers for each frame; `carried` is what the first part hands to
    the others besides the durations.
    """

    tokens: str
    style: str
    speed: str
    audio: str
    durations: str
    pitch: str
    energy: str
    carried: tuple[str, ...]


class Splitter:
    """One parsed network and the parts that it is split into."""

    def __init__(self, name: str, model: "ModelProto") -> None:
        self._name = name
        self._model = model
        graph = model.graph
        self._makers = {output: node for node in graph.node for output in node.output}
        self._users: dict[str, list[NodeProto]] = {}
        for node in graph.node:
            for each in node.input:
                self._users.setdefault(each, []).append(node)
        weights = {tensor.name for tensor in graph.initializer}
        inputs = [value.name for value in graph.input if value.name not in weights]
        self._inputs = inputs
        durations = self._durations()
        self._after = self._reached([durations])
        self.names = Names(
            tokens=self._input("tokens", "input_ids"),
            style=self._input("style"),
            speed=self._input("speed"),
            audio=graph.output[0].name,
            durations=durations,
            pitch=self._convolved(PITCH),
            energy=self._convolved(ENERGY),
            carried=self._carried(durations),
        )

    def text_part(self) -> bytes:
        """From the inputs to the durations and what is carried over."""
        import onnx

        wanted = [self.names.durations, *self.names.carried]
        outputs = [onnx.ValueInfoProto(name=name) for name in wanted]
        inputs = [value for value in self._model.graph.input if value.name in self._inputs]
        return self._part(inputs, outputs)

    def melody_part(self, kinds: Mapping[str, int]) -> bytes:
        """From durations to pitch and energy; `kinds` are the ONNX types of what is handed on."""
        import onnx

        outputs = [onnx.ValueInfoProto(name=name) for name in (self.names.pitch, self.names.energy)]
        return self._part(self._typed(kinds), outputs)

    def speech_part(self, kinds: Mapping[str, int]) -> bytes:
        """From durations, pitch and energy to the audio."""
        numbers = {self.names.pitch: FLOAT, self.names.energy: FLOAT}
        return self._part(self._typed({**kinds, **numbers}), [self._model.graph.output[0]])

    def _typed(self, kinds: Mapping[str, int]) -> list[Any]:
        import onnx

        return [onnx.helper.make_tensor_value_info(name, kinds[name], None) for name in kinds]

    def _convolved(self, name: str) -> str:
        """What the decoder's convolution of this name is given, before it is brought into shape."""
        for node in self._model.graph.node:
            if name in node.name and node.op_type in CONVOLUTIONS:
                given = node.input[0]
                while (maker := self._makers.get(given)) and maker.op_type in RESHAPING:
                    given = maker.input[0]
                return str(given)
        raise self._foreign(f"it has no convolution {name.strip('/')}")

    def _durations(self) -> str:
        rounding = [node for node in self._model.graph.node if node.op_type == ROUND]
        if len(rounding) != 1:
            raise self._foreign(f"it rounds {len(rounding)} times")
        name = str(rounding[0].output[0])
        while len(users := self._users.get(name, [])) == 1 and users[0].op_type in LIMITING:
            name = str(users[0].output[0])
        return name

    def _carried(self, durations: str) -> tuple[str, ...]:
        """What nodes after the durations use of those before, weights and constants left out."""
        given = {*self._reached(self._inputs), *self._inputs}
        used = {
            name
            for node in self._model.graph.node
            if self._after.intersection(node.output)
            for name in node.input
        }
        return tuple(sorted((used & given) - self._after - {durations}))

    def _reached(self, names: Iterable[str]) -> set[str]:
        """Every tensor that is computed from one of `names`."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            for node in self._users.get(waiting.pop(), []):
                fresh = [output for output in node.output if output not in found]
                found.update(fresh)
                waiting += fresh
        return found

    def _input(self, *known: str) -> str:
        for name in known:
            if name in self._inputs:
                return name
        raise self._foreign(f"it has no input {known[0]!r}")

    def _foreign(self, why: str) -> InvalidArgument:
        return InvalidArgument(f"{self._name} is no Kokoro network: {why}")

    def _part(self, inputs: list[Any], outputs: list[Any]) -> bytes:
        import onnx

        given = {value.name for value in inputs}
        needed: set[str] = set()
        waiting = [value.name for value in outputs]
        while waiting:
            name = waiting.pop()
            if name in needed:
                continue
            needed.add(name)
            if name not in given and name in self._makers:
                waiting += self._makers[name].input
        part = onnx.ModelProto(ir_version=self._model.ir_version)
        part.opset_import.extend(self._model.opset_import)
        graph: GraphProto = part.graph
        graph.name = self._name
        graph.input.extend(inputs)
        graph.output.extend(outputs)
        graph.node.extend(
            node
            for node in self._model.graph.node
            if any(output in needed and output not in given for output in node.output)
        )
        graph.initializer.extend(t for t in self._model.graph.initializer if t.name in needed)
        serialized: bytes = part.SerializeToString()
        return serialized
