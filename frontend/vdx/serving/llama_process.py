"""Serves one GGUF model over HTTP on a Unix socket with llama.cpp; a process of its own.

    python -I -S llama_process.py PACKAGES OPTIONS

PACKAGES is the folder that xllamacpp is installed in, OPTIONS a file with the JSON of
`LlamaOptions`. Nothing of vdx is imported: only the standard library is there.
"""

import json
import signal
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Serves until it is ended by a signal."""
    packages, file = sys.argv[1:]
    options = json.loads(Path(file).read_text(encoding="utf-8"))
    sys.path.insert(0, packages)
    import xllamacpp

    server = xllamacpp.Server(_parameters(xllamacpp, options))
    print(f"listening at {server.listening_address}", flush=True)
    while True:
        signal.pause()


def _parameters(xllamacpp: Any, options: dict[str, Any]) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = options["model"]
    parameters.model_alias = {options["name"]}
    parameters.hostnames = [options["socket"]]
    for threads in (parameters.cpuparams, parameters.cpuparams_batch):
        threads.n_threads = options["threads"]
    parameters.n_parallel = options["parallel"]
    parameters.n_ctx = options["context_tokens"] * options["parallel"]
    # A generation that is cancelled ends after a batch; the whole of a long prompt takes seconds.
    parameters.n_batch = parameters.n_ubatch = options["batch_tokens"]
    parameters.n_predict = options["max_tokens"]
    parameters.cache_prompt = True
    parameters.cache_ram_mib = options["prompt_cache_mib"]
    parameters.endpoint_slots = True
    parameters.ui = False
    # Thoughts are not spoken, and a model that thinks first answers many seconds later.
    parameters.enable_reasoning = 0
    sampling = parameters.sampling
    sampling.temp = options["temperature"]
    sampling.top_p = options["top_p"]
    sampling.penalty_repeat = options["repeat_penalty"]
    sampling.penalty_last_n = options["penalty_tokens"]
    return parameters


if __name__ == "__main__":
    main()
