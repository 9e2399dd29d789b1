"""One ONNX model as a session of the onnxruntime wheel."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from triton_backends.onnxruntime.options import SessionSettings
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.onnx_session import open_session, run

FILE = "model.onnx"


class OnnxModel:
    """A loaded model; `run` may be called from several threads at once."""

    def __init__(
        self, path: Path, settings: SessionSettings, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        if not path.is_file():
            raise InvalidArgument(f"{path.name} is missing in version {path.parent.name}")
        self._session: Any = _session(path, settings)
        self._outputs = list(outputs)
        _compare("input", inputs, [each.name for each in self._session.get_inputs()])
        _compare("output", outputs, [each.name for each in self._session.get_outputs()], some=True)

    @property
    def providers(self) -> list[str]:
        """What it really runs on, best first."""
        names: list[str] = self._session.get_providers()
        return names

    def run(
        self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str] = ()
    ) -> list[NDArray[Any]]:
        """The named outputs, or all declared ones; raises Internal when the model fails."""
        return run(self._session, inputs, list(outputs) or self._outputs)


def _session(path: Path, settings: SessionSettings) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, settings.level)
    options.intra_op_num_threads = settings.intra_threads
    options.inter_op_num_threads = settings.inter_threads
    if settings.parallel:
        options.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
    options.enable_cpu_mem_arena = settings.memory_arena
    options.enable_mem_pattern = settings.memory_pattern
    return open_session(path.name, str(path), options, settings.providers)


def _compare(kind: str, declared: Sequence[str], there: list[str], *, some: bool = False) -> None:
    unknown = [name for name in declared if name not in there]
    missing = [] if some else [name for name in there if name not in declared]
    if unknown or missing:
        raise InvalidArgument(
            f"the configuration's {kind} {(unknown or missing)[0]!r} does not match the model's "
            f"{', '.join(there)}"
        )
