"""What the operators of a network take: onnxruntime's own profile, where one is asked for.

https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html. The variable
ONNX_PROFILE_FOLDER of the server names a folder, which has to exist; each session then writes a
trace (JSON of Chrome's tracing) into it when its model is unloaded, or its process ends.
"""

import atexit
import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "ONNX_PROFILE_FOLDER"
_NUMBERS = itertools.count()


def ask_for_profile(options: Any, name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Has a session of these SessionOptions write a trace `NAME-NUMBER-PROCESS_….json`.

    False, and nothing is changed, where no folder is named.
    """
    folder = environ.get(FOLDER, "")
    if not folder:
        return False
    short = re.sub(r"[^\w.-]+", "-", Path(name).name) or "network"
    options.enable_profiling = True
    options.profile_file_prefix = f"{folder}/{short}-{next(_NUMBERS)}-{os.getpid()}"
    return True


def end_with_process(session: Any) -> None:
    """Writes the trace of a session that lives as long as its process."""
    atexit.register(session.end_profiling)
