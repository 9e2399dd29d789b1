"""A server's error object as the exception that this side raises for the same fault."""

from typing import Any

from vdx.core.errors import ConfigError, InvalidInput, Unauthorized, VdxError


def refusal(
    error: dict[str, Any], prefix: str = "", otherwise: type[VdxError] = VdxError
) -> VdxError:
    """What an `error` of the HTTP API or the protocol is here, its message after `prefix`.

    A request that is wrong is an InvalidInput, a missing key Unauthorized, all else `otherwise`:
    so that a command ends with the same status whichever side finds the fault.
    """
    known: list[type[VdxError]] = [InvalidInput, *_below(InvalidInput), Unauthorized, ConfigError]
    kinds = {kind.code: kind for kind in known}
    kind = kinds.get(str(error.get("code")), otherwise)
    return kind(prefix + str(error["message"]))


def _below(kind: type[VdxError]) -> list[type[VdxError]]:
    return [each for child in kind.__subclasses__() for each in (child, *_below(child))]
