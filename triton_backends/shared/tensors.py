"""Between Triton's tensors and numpy, the only place besides the two backends that sees them."""

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
    """Names a request, and the session that it says it belongs to, in the log."""
    session = str(parameters_of(request).get("vdx_session", ""))[:MAX_NAME_CHARS]
    name = f"request {request.request_id() or 'without an id'}"
    return Origin(name, session if session.isprintable() else "")


def parameters_of(request: Any) -> dict[str, Any]:
    """The request's own parameters; vdx sends `vdx_session` and the two below."""
    parameters: dict[str, Any] = json.loads(request.parameters() or "{}")
    return parameters


def stop_wanted(parameters: Mapping[str, Any]) -> str:
    """The id of the request that this one asks to end, or nothing.

    A parameter instead of gRPC's cancellation, which crashes tritonserver 2.51 now and then.
    """
    return str(parameters.get("vdx_stop", ""))


def is_probe(parameters: Mapping[str, Any]) -> bool:
    """Whether the request only asks if the model lives; it is answered without the engine."""
    return bool(parameters.get("vdx_probe", False))


def text_tensor(name: str, text: str) -> Any:
    """A STRING tensor of shape [1]."""
    return pb_utils.Tensor(name, np.array([text.encode()], dtype=np.object_))


def failure(error: BackendError) -> Any:
    """A response that carries only the coded error."""
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
