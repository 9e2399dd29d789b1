"""What all transports of one process share: models, sessions, model switching."""

from vdx.app.application import Application

__all__ = ["Application"]
