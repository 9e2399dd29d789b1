"""The local language models of the configuration, each in a process beside the server.

Their files are fetched on first use (`serving/language_model_files.py`).
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from vdx.cli.console import warn
from vdx.core.config import (
    LOCAL_FIRST_CLAUSE_CHARS,
    STARTER_INSTRUCTIONS,
    ClauseConfig,
    Config,
    LocalConfig,
    ProfileConfig,
    ResponderConfig,
)
from vdx.core.paths import locate
from vdx.core.threads import in_thread
from vdx.dialog.profiles import DEFAULT_PROFILE

if TYPE_CHECKING:
    from vdx.app import Application
    from vdx.serving.language_model import LanguageModelServer

Tell = Callable[[str], None]


@asynccontextmanager
async def local_language_models(
    config: Config, tell: Tell
) -> AsyncIterator[tuple[Config, list["LanguageModelServer"]]]:
    """The configuration with the sockets of its local language models, which run meanwhile.

    Each distinct `responder.local` has a process; none is started where no profile uses one.
    """
    from vdx.serving.language_model import language_model_server, llama_options
    from vdx.serving.language_model_files import packages_folder, require_language_model

    paths = locate()
    servers: dict[LocalConfig, LanguageModelServer] = {}
    async with AsyncExitStack() as stack:
        for local in wanted(config):
            file = await in_thread(require_language_model, paths, local, tell)
            tell("starting the language model …")
            running = language_model_server(llama_options(local, file), packages_folder(paths))
            servers[local] = await stack.enter_async_context(running)
        yield _with_sockets(config, servers), list(servers.values())


async def keep_answering(server: "LanguageModelServer", host: "Application") -> None:
    """Restarts the process of a language model whenever it ends or does not answer."""
    from vdx.serving.supervision import Supervisor

    title = f"the language model {server.options.name}"
    changed = partial(host.language_model_changed, server)
    await Supervisor(title, server, warn, is_live=server.is_live, changed=changed).run()


def wanted(config: Config) -> list[LocalConfig]:
    """The distinct local language models of all profiles that no server runs for yet."""
    local = [
        each.local
        for each in used_responders(config)
        if each.kind == "local" and each.local.socket is None
    ]
    return list(dict.fromkeys(local))


def used_responders(config: Config) -> list[ResponderConfig]:
    """That of each profile, the default one included where it is not written down."""
    profiles = {DEFAULT_PROFILE: ProfileConfig(), **config.profiles}
    return [profile.responder or config.responder for profile in profiles.values()]


def _with_sockets(config: Config, servers: dict[LocalConfig, "LanguageModelServer"]) -> Config:
    def responder(given: ResponderConfig) -> ResponderConfig:
        server = servers.get(given.local)
        if given.kind != "local" or server is None:
            return given
        local = given.local.model_copy(update={"socket": server.socket, "model": given.local.name})
        return given.model_copy(update={"local": local})

    def profile(given: ProfileConfig) -> ProfileConfig:
        before = given.responder or config.responder
        used = responder(before)
        if used is before:
            return given
        clauses = _first_one_shorter(given.clauses or config.clauses)
        own: dict[str, object] = {"responder": used, "clauses": clauses}
        if used.is_starter and given.instructions == usual:
            own["instructions"] = STARTER_INSTRUCTIONS
        return given.model_copy(update=own)

    usual = ProfileConfig().instructions
    named = {DEFAULT_PROFILE: ProfileConfig(), **config.profiles}
    profiles = {name: profile(each) for name, each in named.items()}
    return config.model_copy(
        update={"responder": responder(config.responder), "profiles": profiles}
    )


def _first_one_shorter(clauses: ClauseConfig) -> ClauseConfig:
    if "first_max_chars" in clauses.model_fields_set:
        return clauses
    return clauses.model_copy(update={"first_max_chars": LOCAL_FIRST_CLAUSE_CHARS})
