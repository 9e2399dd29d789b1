"""Logging: one line per event with its values, as text or as JSON.

No line holds words that were spoken or typed (unless `log.transcripts` asks for them), a key, or
the query of an address: errors are logged by `VdxError.for_log`, which quotes no request. What is
left of addresses, numbers and keys is redacted. Lines of a session carry its ids.
"""

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

from vdx.core.colour import wants_colour
from vdx.core.config import LogConfig
from vdx.core.log_ids import log_ids
from vdx.core.recent_log import RECENT
from vdx.core.redaction import redacted

NO_PROSE = frozenset({"level", "timestamp", "session", "trace", "client"})
"""Values that are never redacted: ids, and addresses of the network."""


def configure(config: LogConfig) -> None:
    """Sets up logging of this process on standard error; call once, from a command."""
    import structlog

    level = getattr(logging, config.level.upper())
    final: Any = (
        structlog.processors.JSONRenderer()
        if config.format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=wants_colour(sys.stderr),
            # The default shows the variables of every frame, words and keys among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_ids,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            _printable,
            _keep,
            final,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Surviving(sys.stderr))),
    )
    # Libraries log what they send and receive at their debug levels, which their own environment
    # variables can switch on; nothing below a warning of theirs is written, at any level of ours.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.WARNING)


def _printable(_logger: Any, _method: str, values: MutableMapping[str, Any]) -> Any:
    """Escapes control characters, so that values from clients cannot control a terminal."""
    for name, value in values.items():
        if isinstance(value, str) and not value.isprintable():
            # A traceback keeps its lines; the message at its end may quote a client.
            lines = value.split("\n") if name == "exception" else [value]
            values[name] = "\n".join(
                line if line.isprintable() else _escaped(line) for line in lines
            )
    return values


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def _keep(_logger: Any, _method: str, values: MutableMapping[str, Any]) -> Any:
    """Keeps the line for `vdx logs`."""
    RECENT.add(values)
    return values


def bound(**values: Any) -> contextlib.AbstractContextManager[None]:
    """Adds `values` to every line that this task, and tasks it starts meanwhile, write."""
    import structlog

    return structlog.contextvars.bound_contextvars(**values)


def _add_ids(_logger: Any, _method: str, values: MutableMapping[str, Any]) -> Any:
    """Adds the ids of the session, turn, reply and trace that the task works for."""
    if (ids := log_ids()) is not None:
        for name, value in ids.values().items():
            values.setdefault(name, value)
    return values


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
    """Hides personal data and credentials, passwords in URLs among it."""
    return {
        key: redacted(value) if isinstance(value, str) and key not in NO_PROSE else value
        for key, value in event.items()
    }


class _Surviving:
    """A stream that ignores errors: a closed standard error must not end a conversation."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a broken pipe, or closed
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _Logger:
    """Makes a structlog logger at its first use, because importing structlog takes 0.25 s."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        import structlog

        return getattr(structlog.get_logger(self._name), method)


def logger(name: str) -> Any:
    """A logger whose methods take an event and its values; `name` is the module."""
    return _Logger(name)
