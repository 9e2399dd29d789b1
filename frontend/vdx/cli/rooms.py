"""The LiveKit side of `vdx up` and `vdx frontend`: which server, and a worker in it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import SecretStr

from vdx.core.errors import ConfigError

if TYPE_CHECKING:
    from vdx.core.config import Config, LiveKitConfig
    from vdx.serving.livekit import DevelopmentLiveKit

Tell = Callable[[str], None]

LEAST_SECRET = 32


def with_environment(
    config: "LiveKitConfig", environ: Mapping[str, str] | None = None
) -> "LiveKitConfig":
    """Fills unset keys of `livekit` from LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET."""
    env = os.environ if environ is None else environ
    return config.model_copy(
        update={
            "url": config.url or env.get("LIVEKIT_URL", ""),
            "api_key": config.api_key or env.get("LIVEKIT_API_KEY", ""),
            "api_secret": config.api_secret
            if config.api_secret.get_secret_value()
            else SecretStr(env.get("LIVEKIT_API_SECRET", "")),
        }
    )


def check(config: "LiveKitConfig") -> None:
    """Raises ConfigError naming the missing settings of a worker."""
    missing = [
        f"livekit.{key} (or LIVEKIT_{key.upper()})"
        for key, value in (
            ("url", config.url),
            ("api_key", config.api_key),
            ("api_secret", config.api_secret.get_secret_value()),
        )
        if not value
    ]
    if missing:
        raise ConfigError(f"rooms need {', '.join(missing)}")
    if not config.url.startswith(("ws://", "wss://", "http://", "https://")):
        raise ConfigError(f"configuration key livekit.url: not ws:// or wss://, got {config.url!r}")
    if len(config.api_secret.get_secret_value()) < LEAST_SECRET:
        raise ConfigError(
            f"configuration key livekit.api_secret: needs {LEAST_SECRET} characters or more"
        )


@contextlib.asynccontextmanager
async def development_rooms(
    config: "Config", tell: Tell
) -> AsyncIterator[tuple["Config", "DevelopmentLiveKit | None"]]:
    """The configuration of the LiveKit server it names, else of one started here.

    Raises:
        SetupError: there is no livekit-server and none could be built.
        RoomError: it did not start.
    """
    from vdx.cli.livekit_server import require_livekit_server
    from vdx.serving.livekit import DevelopmentLiveKit

    wanted = with_environment(config.livekit)
    if wanted.url:
        check(wanted)
        yield config.model_copy(update={"livekit": wanted}), None
        return
    program = await asyncio.to_thread(require_livekit_server, tell)
    tell("starting LiveKit …")
    async with DevelopmentLiveKit(program, wanted.port) as server:
        rooms = wanted.model_copy(
            update={
                "url": server.url,
                "api_key": server.api_key,
                "api_secret": SecretStr(server.api_secret),
            }
        )
        yield config.model_copy(update={"livekit": rooms}), server


async def keep_running(server: "DevelopmentLiveKit", tell: Tell) -> None:
    """Restarts the development server whenever it ends; the worker registers again by itself."""
    from vdx.serving.supervision import Supervisor

    await Supervisor("LiveKit", server, tell).run()
