"""The starter language model and llama.cpp, fetched once and kept in the user's cache."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from vdx.core.config import LocalConfig
from vdx.core.paths import Paths, locate
from vdx.serving.language_model import LanguageModelServer, language_model_server, llama_options
from vdx.serving.language_model_files import packages_folder, require_language_model

NAME = "SmolLM2-135M-Instruct"


@cache
def fetched() -> tuple[Paths, Path]:
    """The paths of a home in the cache that has both, and the model's file."""
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vdx-tests"
    paths = replace(locate(), home=cached / "llm-home")
    return paths, require_language_model(paths, LocalConfig(), print)


@asynccontextmanager
async def serving_released(**options: Any) -> AsyncIterator[LanguageModelServer]:
    """The model served by llama.cpp, with one thread, for the length of a block."""
    paths, file = fetched()
    local = LocalConfig.model_validate({"threads": 1, "path": file, "model": NAME} | options)
    wanted = llama_options(local, file)
    async with language_model_server(wanted, packages_folder(paths)) as server:
        yield server
