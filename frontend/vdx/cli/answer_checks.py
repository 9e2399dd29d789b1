"""The checks of `vdx doctor` on what answers: a chat endpoint, or a language model here."""

import asyncio

import httpx2

from vdx.cli.checks import Check, Status
from vdx.cli.language_model import used_responders
from vdx.core.config import ChatConfig, Config, LocalConfig
from vdx.core.errors import ConfigError, VdxError
from vdx.core.paths import Paths
from vdx.serving.language_model_files import (
    check_gguf,
    model_file,
    packages_current,
    packages_folder,
)

NAME = "language model"
ANSWER_S = 3.0


async def answer_checks(config: Config, paths: Paths) -> list[Check]:
    """One check for each distinct language model that a profile answers with; else none."""
    responders = used_responders(config)
    chats = dict.fromkeys(each.chat for each in responders if each.kind == "chat")
    local = dict.fromkeys(each.local for each in responders if each.kind == "local")
    asked = await asyncio.gather(*(check_endpoint(chat) for chat in chats))
    return [*(check_local(each, paths) for each in local), *asked]


def check_local(local: LocalConfig, paths: Paths) -> Check:
    """Whether llama.cpp and the file of the model are there."""
    if local.socket is not None:
        return Check(NAME, Status.OK, f"served at {local.socket}")
    try:
        file = model_file(paths, local)
        if local.path is not None:
            check_gguf(file)
    except ConfigError as error:
        return Check(NAME, Status.FAIL, str(error))
    missing = [] if packages_current(paths) else [f"llama.cpp in {packages_folder(paths)}"]
    missing += [] if file.exists() else [str(file)]
    if missing:
        detail = f"not fetched yet: {', '.join(missing)}"
        return Check(NAME, Status.WARN, detail, "the first start does it, or: vdx setup --llm")
    return Check(NAME, Status.OK, str(file))


async def check_endpoint(chat: ChatConfig) -> Check:
    """Whether a chat endpoint answers and has the model."""
    import openai

    from vdx.speech.text.responder.chat_client import failure_of, make_client, place_of

    where = f"{chat.model} at {place_of(chat)}"
    try:
        client = make_client(chat)
    except VdxError as error:
        return Check(NAME, Status.FAIL, str(error))
    async with client:
        try:
            async with asyncio.timeout(ANSWER_S):
                names = {model.id async for model in client.models.list()}
        except TimeoutError:
            return Check(NAME, Status.WARN, f"{where}: no answer within {ANSWER_S:g} s")
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            told = failure_of(error, chat.api_key_env).message
            return Check(NAME, Status.WARN, f"{where}: {told}", "see responder.chat")
    if not any(name == chat.model or name.startswith(f"{chat.model}:") for name in names):
        known = ", ".join(sorted(names)[:5]) or "none"
        return Check(NAME, Status.WARN, f"{where} is not there; there are: {known}")
    return Check(NAME, Status.OK, f"{where} answers")
