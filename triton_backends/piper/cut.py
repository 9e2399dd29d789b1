"""Cuts the network of a Piper voice in three: text and durations, flow, decoder.

Where is told by the names Piper's exporter gives (`/flow/…`, `/dec/conv_pre/Conv`, the one Ceil
that rounds durations), the tensors by following the graph; so every export of Piper can be cut.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triton_backends.piper.context import Context, context_of
from triton_backends.shared.errors import InvalidArgument

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

FLOW, DECODER_INPUT, DECODER_SPEAKER = "/flow/", "/dec/conv_pre/Conv", "/dec/cond/Conv"


@dataclass(frozen=True, slots=True)
class CutVoice:
    """Three models as ONNX bytes, and the names of the tensors between them.

    text: input, input_lengths, scales[, sid] -> latent, mask, durations[, speaker]
    flow: latent, mask[, speaker] -> decoded latent
    decoder: decoded latent[, speaker] -> output
    `speaker` is empty for a voice of one.
    """

    text: bytes
    flow: bytes
    decoder: bytes
    latent: str
    mask: str
    durations: str
    decoded: str
    output: str
    speaker: str
    flow_context: Context
    decoder_context: Context

    def without_models(self) -> "CutVoice":
        """What is needed to run the models once they are loaded: not their megabytes."""
        return replace(self, text=b"", flow=b"", decoder=b"")


def cut(name: str, model: "ModelProto") -> CutVoice:
    """Cuts; raises InvalidArgument when the model is not a Piper voice."""
    graph = _Graph(name, model)
    (output,) = graph.only(value.name for value in model.graph.output)[:1]
    decoded = graph.node(DECODER_INPUT).input[0]
    speaker_node = graph.find(DECODER_SPEAKER)
    speaker = speaker_node.input[0] if speaker_node is not None else ""
    (durations,) = graph.only(n.output[0] for n in model.graph.node if n.op_type == "Ceil")
    latent, mask = graph.flow_inputs(speaker)
    extra = [speaker] if speaker else []
    inputs = [value.name for value in model.graph.input]
    flow = graph.part([latent, mask, *extra], [decoded])
    decoder = graph.part([decoded, *extra], [output])
    return CutVoice(
        text=graph.part(inputs, [latent, mask, durations, *extra]).SerializeToString(),
        flow=flow.SerializeToString(),
        decoder=decoder.SerializeToString(),
        latent=latent,
        mask=mask,
        durations=durations,
        decoded=decoded,
        output=output,
        speaker=speaker,
        flow_context=context_of(flow, latent),
        decoder_context=context_of(decoder, decoded),
    )


class _Graph:
    """A model's nodes by name and by what they make."""

    def __init__(self, name: str, model: "ModelProto") -> None:
        self._name = name
        self._model = model
        self._by_name = {node.name: node for node in model.graph.node}
        self._maker = {output: node for node in model.graph.node for output in node.output}

    def find(self, name: str) -> "NodeProto | None":
        return self._by_name.get(name)

    def node(self, name: str) -> "NodeProto":
        found = self._by_name.get(name)
        if found is None or not found.input:
            raise InvalidArgument(f"{self._name} is no Piper voice: it has no node {name}")
        return found

    def only(self, values: Iterable[str]) -> list[str]:
        found = list(values)
        if len(found) != 1:
            raise InvalidArgument(
                f"{self._name} is no Piper voice: {len(found)} outputs or durations"
            )
        return found

    def flow_inputs(self, speaker: str) -> tuple[str, str]:
        """What the flow takes from outside: the latent first, then the mask it multiplies with."""
        made: set[str] = set()
        users: dict[str, set[str]] = {}
        for node in self._model.graph.node:  # in order, so what hangs on the flow comes after it
            named = node.name.startswith(FLOW)
            if named or any(name in made for name in node.input):
                made.update(node.output)
            if named:
                for name in node.input:
                    users.setdefault(name, set()).add(node.op_type)
        found = [name for name in users if name not in made | {speaker} and self._computed(name)]
        masks = [name for name in found if users[name] == {"Mul"}]
        latents = [name for name in found if name not in masks]
        if len(masks) != 1 or len(latents) != 1:
            raise InvalidArgument(f"{self._name} is no Piper voice: its flow takes {found[:5]}")
        return latents[0], masks[0]

    def _computed(self, name: str) -> bool:
        node = self._maker.get(name)
        return node is not None and node.op_type != "Constant"

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> "ModelProto":
        """The sub-model that computes `outputs` from `inputs`.

        Raises InvalidArgument if something else of the whole model's inputs is needed.
        """
        import onnx

        given = set(inputs)
        kept: set[str] = set()
        wanted = list(outputs)
        needed: set[str] = set()
        while wanted:
            name = wanted.pop()
            if not name or name in needed or name in given:
                continue
            needed.add(name)
            node = self._maker.get(name)
            if node is not None:
                kept.add(node.output[0])
                wanted += node.input
        whole = self._model.graph
        part = onnx.ModelProto()
        part.CopyFrom(onnx.ModelProto(ir_version=self._model.ir_version))
        part.opset_import.extend(self._model.opset_import)
        weights = [tensor for tensor in whole.initializer if tensor.name in needed]
        makeable = {tensor.name for tensor in weights} | set(self._maker)
        if missing := needed - makeable:
            raise InvalidArgument(f"{self._name} cannot be cut: {sorted(missing)[:3]} in the way")
        part.graph.name = whole.name
        part.graph.node.extend(node for node in whole.node if node.output[0] in kept)
        part.graph.initializer.extend(weights)
        declared = {value.name: value for value in (*whole.input, *whole.output)}
        for target, names in ((part.graph.input, inputs), (part.graph.output, outputs)):
            for name in names:
                if name in declared:
                    target.append(declared[name])
                else:
                    dims = [f"{name}_{axis}" for axis in ("batch", "channels", "frames")]
                    kind = onnx.TensorProto.FLOAT
                    target.append(onnx.helper.make_tensor_value_info(name, kind, dims))
        return part
