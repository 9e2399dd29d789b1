"""Logging: one line per event with its values, for people or as JSON."""

import logging
import sys
from typing import Any

from frontend.core.config import LogConfig


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
            final,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


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
