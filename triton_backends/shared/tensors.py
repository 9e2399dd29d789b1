"""Conversion between Triton's tensors and numpy arrays, and the parameters of requests."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from triton_backends.shared.contract import MAX_NAME_CHARS
from triton_backends.shared.errors import BackendError
from triton_backends.shared.fault_log import Origin


def tensors_of(request: Any) -> dict[str, NDArray[Any]]:
    """The request's inputs by name; views of memory that is valid until `execute` returns."""
    return {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}


def origin_of(request: Any) -> Origin:
    """Names a request, and the session and trace that it says it belongs to, in the log."""
    parameters = parameters_of(request)
    session, trace = (
        value if (value := str(parameters.get(key, ""))[:MAX_NAME_CHARS]).isprintable() else ""
        for key in ("vdx_session", "vdx_trace")
    )
    return Origin(f"request {request.request_id() or 'without an id'}", session, trace)


def parameters_of(request: Any) -> dict[str, Any]:
    """The request's own parameters; vdx sends `vdx_session`, `vdx_trace` and the two below."""
    parameters: dict[str, Any] = json.loads(request.parameters() or "{}")
    return parameters


def stop_wanted(parameters: Mapping[str, Any]) -> str:
    """The id of the request that this one asks to end, or an empty string.

    A parameter instead of gRPC's cancellation, which sometimes crashes tritonserver 2.51.
    """
    return str(parameters.get("vdx_stop", ""))


def is_probe(parameters: Mapping[str, Any]) -> bool:
    """Whether the request only asks if the model responds; it is answered without the engine."""
    return bool(parameters.get("vdx_probe", False))


def text_tensor(name: str, text: str) -> Any:
    """A STRING tensor of shape [1]."""
    return pb_utils.Tensor(name, np.array([text.encode()], dtype=np.object_))


def failure(error: BackendError) -> Any:
    """A response that carries only the coded error."""
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
