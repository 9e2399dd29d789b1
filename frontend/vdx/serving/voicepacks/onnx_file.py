"""What an ONNX file says of itself, read with the protobuf library and an excerpt of its schema.

The excerpt is of onnx.proto3; every field it leaves out (the weights above all) is skipped. The
`onnx` package would do the same for 25 MB in an environment that never runs a network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vdx.core.errors import InvalidVoicepack

NEWEST_IR = 12
"""Of the onnxruntime that vdx runs; Piper's exports are 7 and 8."""
KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Operator sets that onnxruntime carries itself; any other would be a library to load."""
EXTERNAL = 1

_SCHEMA: dict[str, dict[int, tuple[str, str, bool]]] = {
    "Model": {
        1: ("ir_version", "int64", False),
        7: ("graph", "Graph", False),
        8: ("opset_import", "Opset", True),
        25: ("functions", "Function", True),
    },
    "Opset": {1: ("domain", "string", False), 2: ("version", "int64", False)},
    "Function": {7: ("node", "Node", True)},
    "Graph": {
        1: ("node", "Node", True),
        5: ("initializer", "Tensor", True),
        11: ("input", "Value", True),
        12: ("output", "Value", True),
    },
    "Node": {
        4: ("op_type", "string", False),
        5: ("attribute", "Attribute", True),
        7: ("domain", "string", False),
    },
    "Attribute": {
        5: ("t", "Tensor", False),
        6: ("g", "Graph", False),
        10: ("tensors", "Tensor", True),
        11: ("graphs", "Graph", True),
    },
    "Tensor": {13: ("external_data", "Entry", True), 14: ("data_location", "int32", False)},
    "Entry": {1: ("key", "string", False), 2: ("value", "string", False)},
    "Value": {1: ("name", "string", False)},
}
"""Message -> field number -> (name, type, repeated)."""


@dataclass(frozen=True, slots=True)
class OnnxFacts:
    """The names of a graph's inputs and outputs, in order, and the number of its nodes."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: int


def read_onnx(raw: bytes, path: Path) -> OnnxFacts:
    """The facts of an ONNX file, `path` being its name in errors.

    Raises:
        InvalidVoicepack: it is truncated or something else, too new, needs a foreign operator, or
            keeps weights in another file.
    """
    from google.protobuf.message import DecodeError

    try:
        model = _model_class().FromString(raw)
    except DecodeError:
        raise InvalidVoicepack(f"{path} is no ONNX file, or a truncated one") from None
    if not model.HasField("graph") or not model.graph.node or not model.opset_import:
        raise InvalidVoicepack(f"{path} is no ONNX file: it holds no network")
    if not 3 <= model.ir_version <= NEWEST_IR:
        raise InvalidVoicepack(
            f"{path} has ONNX IR version {model.ir_version}; vdx reads 3 to {NEWEST_IR}"
        )
    domains = {opset.domain for opset in model.opset_import}
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        domains |= _visit(graph, path)
    if foreign := sorted(domains - KNOWN_DOMAINS):
        raise InvalidVoicepack(f"{path} needs operators of {foreign[0]!r}, which vdx does not load")
    return OnnxFacts(
        inputs=tuple(value.name for value in model.graph.input),
        outputs=tuple(value.name for value in model.graph.output),
        nodes=len(model.graph.node),
    )


def _visit(graph: Any, path: Path) -> set[str]:
    """The operator domains of a graph and the graphs inside it; refuses external weights."""
    domains = set()
    for tensor in _tensors(graph):
        if tensor.external_data or tensor.data_location == EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}.get("location", "?")
            raise InvalidVoicepack(f"{path} keeps weights in another file ({place!r})")
    for node in graph.node:
        domains.add(node.domain)
        for attribute in node.attribute:
            alone = [attribute.g] if attribute.HasField("g") else []
            for each in (*attribute.graphs, *alone):
                domains |= _visit(each, path)
    return domains


def _tensors(graph: Any) -> Iterator[Any]:
    yield from getattr(graph, "initializer", ())
    for node in graph.node:
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


@cache
def _model_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="vdx_onnx.proto", package="vdx.onnx")
    for message, fields in _SCHEMA.items():
        described = file.message_type.add(name=message)
        for number, (name, kind, repeated) in fields.items():
            field = described.field.add(name=name, number=number)
            field.label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            if kind in _SCHEMA:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".vdx.onnx.{kind}"
            else:
                field.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("vdx.onnx.Model"))
