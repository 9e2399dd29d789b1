"""What the two kinds of TritonPythonModel have in common: the model, its metrics, log and probe."""

import triton_python_backend_utils as pb_utils

from triton_backends.shared.errors import BackendError, Busy
from triton_backends.shared.fault_log import FaultLog
from triton_backends.shared.heap import FreedMemory, resident_bytes, return_freed_memory
from triton_backends.shared.metrics import (
    AFTER_LOAD,
    BEFORE_LOAD,
    GPU_AFTER_LOAD,
    Metrics,
    TritonMetrics,
)
from triton_backends.shared.model_info import ModelInfo
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.parent_watch import exit_with_parent
from triton_backends.shared.progress import Progress
from triton_backends.shared.spans import Spans
from triton_backends.shared.torch_memory import gpu_bytes


class ModelBackend:
    """Base of TtsBackend and AsrBackend."""

    model: ModelInfo
    _metrics: Metrics
    _faults: FaultLog
    _progress: Progress
    _spans: Spans
    _before_load: int
    """Bytes."""

    def _read_arguments(self, args: dict[str, str]) -> Parameters:
        """First of all in `initialize`: which model this is; returns its parameters."""
        exit_with_parent()
        return_freed_memory()
        self._before_load = resident_bytes()
        self.model = ModelInfo.of(args)
        return Parameters.of(args["model_config"])

    def _start_reports(self, parameters: Parameters, stuck_ms: int) -> None:
        """Once the engine is there: metrics, the log of faults, and what probes are answered with.

        `stuck_ms`: without progress for so long an engine with work counts as stuck, unless the
        parameter of that name says otherwise.
        """
        self._metrics = TritonMetrics(pb_utils, self.model.name)
        self._metrics.add(BEFORE_LOAD, self._before_load)
        self._metrics.add(AFTER_LOAD, resident_bytes())
        self._metrics.add(GPU_AFTER_LOAD, gpu_bytes())
        self._spans = Spans.of(self.model.name)
        self._faults = FaultLog(self.model.name, pb_utils.Logger.log_error)
        stuck_s = parameters.integer("stuck_ms", stuck_ms, low=100) / 1000
        self._progress = Progress(stuck_s, FreedMemory().give_back)


def count_error(metrics: Metrics, error: BackendError) -> None:
    """Count a request that was answered with an error."""
    busy = isinstance(error, Busy)
    metrics.add("vdx_rejections_total" if busy else "vdx_model_errors_total")
