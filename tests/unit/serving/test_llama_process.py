"""What llama.cpp is told to do, with parameters that only note it."""

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from vdx.core.config import LocalConfig
from vdx.serving.language_model import LanguageModelServer, llama_options
from vdx.serving.llama_process import _parameters
from vdx.serving.scratch import Scratch

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


async def test_the_command_line_shows_no_path_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    told: list[dict[str, Any]] = []

    def spawn(_: object, command: list[str], scratch: Scratch, *__: object, **___: object) -> None:
        started.append(command)
        told.append(json.loads((scratch.folder / command[-1]).read_text()))
        scratch.remove()

    monkeypatch.setattr(LanguageModelServer, "_spawn", spawn)
    options = llama_options(LocalConfig(), tmp_path / "secret.gguf")
    folder: Any = SimpleNamespace(folder=tmp_path, descriptor=0)
    await LanguageModelServer(options, tmp_path, folder)._start()
    assert "secret.gguf" not in " ".join(started[0])
    assert told[0] == asdict(options) | {"socket": str(tmp_path / "m.sock")}
