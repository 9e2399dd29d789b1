"""The part of NVIDIA's onnxruntime_backend configuration that vdx uses, read from config.pbtxt.

Source: the README of triton-inference-server/onnxruntime_backend. A key that belongs to a
provider the wheel lacks is read and checked all the same, so that one repository runs on both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
PROVIDERS = {
    "cuda": CUDA,
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
LEVELS = {-1: "ORT_ENABLE_BASIC", 1: "ORT_ENABLE_EXTENDED", 2: "ORT_DISABLE_ALL"}
LEVEL_DEFAULT = "ORT_ENABLE_ALL"
SEARCHES = ("EXHAUSTIVE", "HEURISTIC", "DEFAULT")
MAX_THREADS = 256

Provider = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What a session is made with; 0 threads leaves the number to onnxruntime."""

    providers: tuple[Provider, ...]
    level: str
    intra_threads: int
    inter_threads: int
    parallel: bool
    memory_arena: bool
    memory_pattern: bool

    @classmethod
    def of(
        cls, config: Mapping[str, Any], *, device: int | None, available: Sequence[str]
    ) -> "SessionSettings":
        """From a model's configuration.

        `device` is the GPU its instance was given, None on the CPU; `available` the providers
        of this onnxruntime, the rest falls to the next one down to the CPU.
        """
        parameters = Parameters.of_config(config)
        optimization = config.get("optimization", {})
        wanted = _providers(optimization, parameters, device)
        return cls(
            providers=tuple(each for each in wanted if each[0] in available),
            level=_level(optimization),
            intra_threads=parameters.integer("intra_op_thread_count", 0, high=MAX_THREADS),
            inter_threads=parameters.integer("inter_op_thread_count", 0, high=MAX_THREADS),
            parallel=parameters.integer("execution_mode", 0, high=1) == 1,
            memory_arena=parameters.integer("enable_mem_arena", 1, high=1) == 1,
            memory_pattern=parameters.integer("enable_mem_pattern", 1, high=1) == 1,
        )


def _providers(
    optimization: Mapping[str, Any], parameters: Parameters, device: int | None
) -> list[Provider]:
    search = parameters.integer("cudnn_conv_algo_search", 0, high=len(SEARCHES) - 1)
    cuda = {"device_id": device or 0, "cudnn_conv_algo_search": SEARCHES[search]}
    accelerators = optimization.get("execution_accelerators", {})
    side = "cpu_execution_accelerator" if device is None else "gpu_execution_accelerator"
    names = [entry.get("name", "") for entry in accelerators.get(side, [])]
    for name in names:
        if name not in PROVIDERS:
            raise InvalidArgument(f"{side} {name!r} is none of {', '.join(PROVIDERS)}")
    if device is not None and "cuda" not in names:
        names.append("cuda")
    providers = [(PROVIDERS[name], cuda if name == "cuda" else {}) for name in names]
    return [*providers, (CPU, {})]


def _level(optimization: Mapping[str, Any]) -> str:
    level = int(optimization.get("graph", {}).get("level", 0))
    if level and level not in LEVELS:
        raise InvalidArgument(f"optimization graph level {level} is none of -1, 1, 2")
    return LEVELS.get(level, LEVEL_DEFAULT)
