"""How much memory the processes of a model take on this machine."""

import asyncio
import contextlib

from vdx.core.logs import logger
from vdx.serving.model_processes import listening_process, model_processes

log = logger(__name__)

MEGABYTE = 1_000_000


async def memory_mb(model: str, url: str) -> float | None:
    """Resident memory of the processes of `model` in the Triton at `url`, megabytes.

    None where it has none here. What it has in Triton's own process or on a GPU is not counted.
    """
    try:
        return await asyncio.to_thread(_measure, model, url)
    except (OSError, RuntimeError) as error:  # no descriptor, or no thread, is free
        log.warning("memory of a model was not measured", model=model, error=str(error))
        return None


def _measure(model: str, url: str) -> float | None:
    import psutil

    total, found = 0, False
    for pid in model_processes({model}, listening_process(url)):
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            total += psutil.Process(pid).memory_info().rss
            found = True
    return total / MEGABYTE if found else None
