"""A server's error object as the exception that this side raises for the same fault."""

from vdx.core.error_words import error_words
from vdx.core.errors import ConfigError, InvalidInput, Unauthorized, VdxError


def refusal(error: object, prefix: str = "", otherwise: type[VdxError] = VdxError) -> VdxError:
    """What an `error` of the HTTP API or the protocol is here, its message after `prefix`.

    A request that is wrong is an InvalidInput, a missing key Unauthorized, all else `otherwise`:
    so that a command ends with the same status whichever side finds the fault. A server of others
    may send any JSON: it is told in words.
    """
    known: list[type[VdxError]] = [InvalidInput, *_below(InvalidInput), Unauthorized, ConfigError]
    kinds = {kind.code: kind for kind in known}
    code = error.get("code") if isinstance(error, dict) else None
    kind = kinds.get(str(code), otherwise)
    return kind(prefix + (error_words(error) or "refused without a reason"))


def error_in(body: object) -> object:
    """The `error` of an answer's JSON; all of it where it has none."""
    return body["error"] if isinstance(body, dict) and body.get("error") else body


def _below(kind: type[VdxError]) -> list[type[VdxError]]:
    return [each for child in kind.__subclasses__() for each in (child, *_below(child))]
