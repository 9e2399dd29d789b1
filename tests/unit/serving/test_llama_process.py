"""What llama.cpp is told to do, with parameters that only note it."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

from vdx.serving.llama_process import _parameters

OPTIONS: dict[str, Any] = {
    "name": "tiny",
    "model": "/models/tiny.gguf",
    "socket": "/run/m.sock",
    "threads": 2,
    "parallel": 3,
    "context_tokens": 100,
    "batch_tokens": 32,
    "max_tokens": 7,
    "prompt_cache_mib": 1,
    "temperature": 0.1,
    "top_p": 0.9,
    "repeat_penalty": 1.2,
    "penalty_tokens": 5,
}


def test_a_model_answers_without_thinking_and_each_reply_has_its_context() -> None:
    told = _parameters(SimpleNamespace(CommonParams=MagicMock), OPTIONS)
    assert told.enable_reasoning == 0
    assert (told.n_ctx, told.n_parallel, told.n_predict) == (300, 3, 7)
    assert (told.model.path, told.hostnames) == ("/models/tiny.gguf", ["/run/m.sock"])
