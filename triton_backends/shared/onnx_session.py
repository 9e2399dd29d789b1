"""Sessions of onnxruntime whose failures are errors of this package.

onnxruntime raises classes that it does not export, so everything it raises is caught here.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from triton_backends.shared.errors import Internal, InvalidArgument
from triton_backends.shared.onnx_profile import ask_for_profile, end_with_process

CPU: tuple[str, dict[str, Any]] = ("CPUExecutionProvider", {})
MAX_ERROR_CHARS = 300
MOST_THREADS = 4
"""What a window of a second is worth: its operations are too small for more."""


def cores_used(*, all_cores: bool = False) -> int:
    """How many threads a session of `window_options` has without a number of its own."""
    cores = len(os.sched_getaffinity(0))
    return min(max(cores if all_cores else cores // 2, 1), MOST_THREADS)


def window_options(threads: int, *, all_cores: bool = False) -> Any:
    """SessionOptions for a network whose inputs have another length each time.

    `threads` 0: half of the cores, or all with `all_cores`; MOST_THREADS at most. The other half
    hears, frames and computes for other sessions: a quick voice on all cores leaves holes of 0.1 s
    in its replies beside a language model that computes. All are for a network that takes more than
    half of a core for its speech alone, and for what is short and waited for.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or cores_used(all_cores=all_cores)
    options.inter_op_num_threads = 1
    # A thread that spins between the nodes of a run takes the core from other sessions.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    take_any_length(options)
    return options


def take_any_length(options: Any) -> None:
    """Memory planned for one length is never used again, and an arena would keep what each took."""
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False


def open_session(
    name: str,
    model: str | bytes,
    options: Any,
    providers: Sequence[tuple[str, dict[str, Any]]] = (CPU,),
) -> Any:
    """A session over a file's path or a model's bytes; `options` are SessionOptions.

    Raises InvalidArgument naming the model where onnxruntime does not load it.
    """
    import onnxruntime

    options.log_severity_level = 3
    profiled = ask_for_profile(options, name)
    try:
        session = onnxruntime.InferenceSession(model, options, providers=list(providers))
    except Exception as error:  # noqa: BLE001  (see the module)
        said = str(error)[:MAX_ERROR_CHARS]
        raise InvalidArgument(f"{name} cannot be loaded: {said}") from None
    if profiled:
        end_with_process(session)
    return session


def run(
    session: Any, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
) -> list[NDArray[Any]]:
    """The named outputs, or all in their order; raises Internal when the network fails."""
    try:
        found: list[NDArray[Any]] = session.run(outputs, inputs)
    except Exception as error:  # see the module
        raise Internal(f"the network failed: {str(error)[:MAX_ERROR_CHARS]}") from error
    return found
