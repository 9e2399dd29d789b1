"""Splits the network at the durations: what is computed once a sentence, and what for each window.

Kokoro predicts for each symbol how many frames it lasts, and repeats what it knows of the symbol so
often. Everything before that needs the whole sentence and is cheap; everything after it can be
computed for some of the symbols alone, by giving the others no frames. The place is found by what
the graph does (it has one node that rounds), so every export of the network is split alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from triton_backends.shared.errors import InvalidArgument

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

ROUND = "Round"
LIMITING = frozenset({"Clip", "Max"})


@dataclass(frozen=True, slots=True)
class Names:
    """Tensors of the network: its inputs, its audio, the durations, and what is `carried` over."""

    tokens: str
    style: str
    speed: str
    audio: str
    durations: str
    carried: tuple[str, ...]


class Splitter:
    """One parsed network and the two parts that it is split into."""

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
            carried=self._carried(durations),
        )

    def text_part(self) -> bytes:
        """From the inputs to the durations and what is carried over."""
        import onnx

        wanted = [self.names.durations, *self.names.carried]
        outputs = [onnx.ValueInfoProto(name=name) for name in wanted]
        inputs = [value for value in self._model.graph.input if value.name in self._inputs]
        return self._part(inputs, outputs)

    def speech_part(self, kinds: Mapping[str, int]) -> bytes:
        """From durations and what is carried over to the audio; `kinds` are their ONNX types."""
        import onnx

        given = [self.names.durations, *self.names.carried]
        make = onnx.helper.make_tensor_value_info
        inputs = [make(name, kinds[name], None) for name in given]
        return self._part(inputs, [self._model.graph.output[0]])

    def _durations(self) -> str:
        rounding = [node for node in self._model.graph.node if node.op_type == ROUND]
        if len(rounding) != 1:
            raise self._foreign(f"it rounds {len(rounding)} times")
        name = rounding[0].output[0]
        while len(users := self._users.get(name, [])) == 1 and users[0].op_type in LIMITING:
            name = users[0].output[0]
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
        return part.SerializeToString()
