"""An ONNX file that somebody else made, parsed and checked: plain nodes, weights inside it."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import regular_file

if TYPE_CHECKING:
    from onnx import ModelProto

MAX_MODEL_BYTES = 512 * 1024 * 1024
MAX_NODES = 50_000
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
STANDARD_DOMAINS = frozenset({"", "ai.onnx"})


def read_model(path: Path, domains: Collection[str] = STANDARD_DOMAINS) -> "ModelProto":
    """Parses an untrusted network, whose operators are of these domains.

    Raises InvalidArgument for what is not a plain ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    file = regular_file(path.parent, path.name, MAX_MODEL_BYTES)
    try:
        model = onnx.load_model_from_string(file.read_bytes())
    except OSError as error:
        raise InvalidArgument(f"{path.name} cannot be read: {error.strerror}") from None
    except DecodeError as error:
        raise InvalidArgument(f"{path.name} is not an ONNX model: {error}") from None
    _check(path.name, model, domains)
    return model


def _check(name: str, model: "ModelProto", domains: Collection[str]) -> None:
    import onnx

    graph = model.graph
    if not graph.node or len(graph.node) > MAX_NODES:
        raise InvalidArgument(f"{name} has {len(graph.node)} nodes")
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise InvalidArgument(f"{name} keeps {tensor.name!r} in another file")
    if model.functions or graph.sparse_initializer:
        raise InvalidArgument(f"{name} has functions or sparse weights")
    for node in graph.node:
        if not node.output or not all(isinstance(text, str) for text in (node.name, *node.input)):
            raise InvalidArgument(f"{name} has a damaged node")
        if node.op_type in CONTROL_FLOW or node.domain not in domains:
            raise InvalidArgument(f"{name} has a {node.domain}:{node.op_type} node {node.name!r}")
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs:
                raise InvalidArgument(f"{name} has a graph inside {node.name!r}")
            for tensor in (attribute.t, *attribute.tensors):
                if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
                    raise InvalidArgument(f"{name} keeps {node.name!r} in another file")
