"""Ranges that NVIDIA's profilers (nsys, ncu) show above the kernels of a GPU.

https://docs.nvidia.com/cuda/profiler-users-guide/#nvtx; `torch.cuda.nvtx` writes them. Nothing
happens where torch is not imported or sees no GPU: a range then costs a look in a dictionary.
"""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

_NOTHING: AbstractContextManager[Any] = nullcontext()


def nvtx_range(name: str) -> AbstractContextManager[Any]:
    """A range of this name for a block, such as "csm frame"; not for code that yields."""
    # Families that compute with torch have imported it; to others it must not be brought.
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return _NOTHING
    found: AbstractContextManager[Any] = torch.cuda.nvtx.range(name)
    return found
