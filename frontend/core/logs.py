"""Logging: one line per event with its values, for people or as JSON."""

import logging
import sys
from typing import Any

import structlog

from frontend.core.config import LogConfig


def configure(config: LogConfig) -> None:
    """Sets up logging of this process on standard error; call once, from a command."""
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


def logger(name: str) -> Any:
    """A bound logger; `name` is the module."""
    return structlog.get_logger(name)
