"""Logging: one line per event with its values, for people or as JSON."""

import contextlib
import logging
import sys
from typing import Any, TextIO, cast

from frontend.core.config import LogConfig
from frontend.core.masking import masked


def configure(config: LogConfig) -> None:
    """Sets up logging of this process on standard error; call once, from a command."""
    import structlog

    level = getattr(logging, config.level.upper())
    final: Any = (
        structlog.processors.JSONRenderer()
        if config.json_lines
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            final,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Surviving(sys.stderr))),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def _mask(_logger: Any, _method: str, event: Any) -> Any:
    """Hides passwords in URLs."""
    return {key: masked(value) if isinstance(value, str) else value for key, value in event.items()}


class _Surviving:
    """A stream whose reader may go away: a line nobody can read must not end a conversation."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a broken pipe, or closed
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _Logger:
    """Stands for a structlog logger until it is used: importing structlog costs 0.25 s."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        import structlog

        return getattr(structlog.get_logger(self._name), method)


def logger(name: str) -> Any:
    """A logger whose methods take an event and its values; `name` is the module."""
    return _Logger(name)
