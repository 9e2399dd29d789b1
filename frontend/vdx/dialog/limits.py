"""The limits of one session: its duration, idle time, messages, and bytes of history."""

from vdx.core.config import SessionConfig


class Limits:
    """Times are seconds on the session's clock; a limit of 0 is none."""

    def __init__(self, config: SessionConfig, now: float) -> None:
        self._config = config
        self._began = self._active_at = now
        self.messages = 0

    def touch(self, now: float) -> None:
        """Restarts the idle time."""
        self._active_at = now

    def reached(self, now: float) -> str | None:
        """The name of the time limit that is reached; None if none is."""
        if 0 < self._config.max_session_duration_seconds <= now - self._began:
            return "max_session_duration"
        if 0 < self._config.idle_timeout_seconds <= now - self._active_at:
            return "idle_timeout"
        return None

    @property
    def max_history_bytes(self) -> int:
        return self._config.max_history_bytes

    @property
    def messages_used_up(self) -> bool:
        return 0 < self._config.max_messages_per_session <= self.messages
