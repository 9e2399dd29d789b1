"""Options of earlier versions, which say what to use instead."""

from typing import Annotated

import typer

from vdx.core.config.old_keys import REMOVED
from vdx.core.errors import ConfigError


def _refuse(parameter: typer.CallbackParam, value: str | None) -> str | None:
    if value is not None:
        key = f"embedded.{parameter.name}"
        raise ConfigError(f"option {parameter.opts[0]} does not exist any more: {REMOVED[key]}")
    return value


RemovedPort = Annotated[str | None, typer.Option(hidden=True, callback=_refuse)]
