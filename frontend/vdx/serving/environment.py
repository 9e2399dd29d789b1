"""The environment variables of the processes vdx starts: what they need, and no secret.

Code that runs in them, or a crash report, could read the keys of vdx. So variables are passed on
by a list of allowed names, not by a list of excluded ones.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vdx.serving.backend_dir import TritonPython

CHECKOUTS = ("COSYVOICE_HOME",)
"""Where code lies that models run and vdx does not carry."""
NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "LANGUAGE", "TZ"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("XDG_CACHE_HOME", "XDG_DATA_HOME", "ESPEAK_DATA_PATH"),
        *CHECKOUTS,
        *("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE"),
    }
)
PREFIXES = (
    *("LC_", "CUDA_", "CUDNN_", "CUBLAS_", "NVIDIA_", "NCCL_", "ORT_", "CT2_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "MALLOC_", "GLIBC_"),
)
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
"""What numpy's matrices are computed by: more threads spin after each, beside the other models."""
SECRET = re.compile("KEY|SECRET|TOKEN|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
"""A variable with one of these in its name is never passed on (NVIDIA_API_KEY)."""


def child_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that a child process gets from vdx's own environment, or from `environ`."""
    env = os.environ if environ is None else environ
    return {name: value for name, value in env.items() if _is_usual(name)}


def checkouts() -> dict[str, str]:
    """The variables that tell where code of others lies, as far as they are set."""
    return named_variables(CHECKOUTS)


def named_variables(names: Iterable[str]) -> dict[str, str]:
    """The variables of vdx's own environment that `embedded.environment`, or CHECKOUTS, names."""
    return {name: os.environ[name] for name in names if name in os.environ}


def tracing_variables(endpoint: str) -> dict[str, str]:
    """What has models send spans of their own (`triton_backends/shared/spans.py`); empty: none."""
    return {"VDX_TRACING__ENDPOINT": endpoint} if endpoint else {}


def gpu_of(
    number: int,
    environ: Mapping[str, str] | None = None,
    devices: Path = Path("/proc/driver/nvidia/gpus"),
) -> dict[str, str]:
    """The variable that gives one of several servers its GPU; none on a machine with one.

    The GPUs are those of CUDA_VISIBLE_DEVICES, else all of the driver; they are dealt in turn.
    """
    env = os.environ if environ is None else environ
    named = [each for each in env.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
    if "CUDA_VISIBLE_DEVICES" not in env and devices.is_dir():
        named = [str(index) for index, _ in enumerate(devices.iterdir())]
    return {"CUDA_VISIBLE_DEVICES": named[number % len(named)]} if len(named) > 1 else {}


def _is_usual(name: str) -> bool:
    return (name in NAMES or name.startswith(PREFIXES)) and SECRET.search(name) is None


def server_environment(python: "TritonPython", extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of tritonserver and, inherited, of its model processes."""
    environment = child_environment()
    libraries = f"{python.library_dir}:{python.wheel_libraries}"
    # The stub embeds Python and finds its environment through the first python3 on PATH.
    path = f"{python.executable.parent}:{environment.get('PATH', '/usr/bin:/bin')}"
    environment |= {
        "LD_LIBRARY_PATH": libraries,
        "PATH": path,
        **ONE_THREAD,
        # With an arena for every thread, each load of a model would leave some more behind.
        "MALLOC_ARENA_MAX": "2",
    }
    return environment | dict(extra)
