"""The local language model of `vdx up --llm`: fetched on first use, then run beside the server."""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
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
from vdx.core.errors import ConfigError, SetupError
from vdx.core.paths import Paths, expanded, locate
from vdx.core.threads import in_thread
from vdx.dialog.profiles import DEFAULT_PROFILE

if TYPE_CHECKING:
    from vdx.app import Application
    from vdx.serving.language_model import LanguageModelServer

Tell = Callable[[str], None]

STAMP = "vdx-requirements.sha256"
GGUF = b"GGUF"
"""The first bytes of such a file."""


def packages_folder(paths: Paths) -> Path:
    """Where llama.cpp (the package xllamacpp) is installed."""
    return paths.home / "llama"


def packages_current(paths: Paths) -> bool:
    """Whether llama.cpp is there as the list pins it now."""
    stamp = packages_folder(paths) / STAMP
    return stamp.exists() and stamp.read_text() == _digest(paths)


def model_file(paths: Paths, local: LocalConfig) -> Path:
    """The GGUF file that the configuration names, else the starter's place.

    Raises:
        ConfigError: the home folder in `responder.local.path` is that of nobody.
    """
    from vdx.serving.voicepacks.language_models import place_of
    from vdx.serving.voicepacks.starters import language_model

    if local.path is None:
        return place_of(paths, language_model())
    return expanded(local.path, "responder.local.path")


def require_language_model(local: LocalConfig, tell: Tell) -> Path:
    """The model's file, after fetching what is not there; blocks on the network.

    Raises:
        ConfigError: `responder.local.path` is no GGUF file.
        SetupError, RegistryError: llama.cpp or the starter could not be fetched.
    """
    from vdx.serving.voicepacks.hub import Hub
    from vdx.serving.voicepacks.language_models import fetch_language_model
    from vdx.serving.voicepacks.starters import language_model

    paths = locate()
    file = model_file(paths, local)
    if local.path is not None:
        check_gguf(file)
    _require_packages(paths, tell)
    if local.path is None and not file.exists():
        fetch_language_model(Hub(), paths, language_model(), tell)
    return file


def check_gguf(file: Path) -> None:
    """Raises ConfigError for a file that is not there or is no GGUF model."""
    try:
        with file.open("rb") as stream:
            start = stream.read(len(GGUF))
    except OSError as error:
        raise ConfigError(f"responder.local.path: {file}: {error.strerror}") from None
    if start != GGUF:
        raise ConfigError(f"responder.local.path: {file} is no GGUF file")


def _require_packages(paths: Paths, tell: Tell) -> None:
    """Installs llama.cpp aside and moves it into place whole; others wait for the first."""
    from filelock import FileLock

    from vdx.cli.pinned import install_pinned

    folder = packages_folder(paths)
    if packages_current(paths):
        return
    try:
        paths.home.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(paths.home / ".llama.lock"),
            tempfile.TemporaryDirectory(dir=paths.home, prefix="llama-") as aside,
        ):
            if packages_current(paths):
                return
            tell("installing llama.cpp (package xllamacpp), 34 MB to download, once …")
            new = Path(aside) / "packages"
            mend = "llama.cpp could not be fetched; try again with: vdx setup --llm"
            install_pinned(_list(paths), new, paths, mend)
            (new / STAMP).write_text(_digest(paths))
            shutil.rmtree(folder, ignore_errors=True)
            new.rename(folder)
    except OSError as error:
        raise SetupError(f"{error.filename or folder}: {error.strerror}") from error


def _list(paths: Paths) -> Path:
    return paths.requirements / "llm.txt"


def _digest(paths: Paths) -> str:
    with contextlib.suppress(OSError):
        return hashlib.sha256(_list(paths).read_bytes()).hexdigest()
    return ""


@asynccontextmanager
async def local_language_models(
    config: Config, tell: Tell
) -> AsyncIterator[tuple[Config, list["LanguageModelServer"]]]:
    """The configuration with the sockets of its local language models, which run meanwhile.

    Each distinct `responder.local` has a process; none is started where no profile uses one.
    """
    from vdx.serving.language_model import language_model_server, llama_options

    servers: dict[LocalConfig, LanguageModelServer] = {}
    async with AsyncExitStack() as stack:
        for local in wanted(config):
            file = await in_thread(require_language_model, local, tell)
            tell("starting the language model …")
            running = language_model_server(llama_options(local, file), packages_folder(locate()))
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
