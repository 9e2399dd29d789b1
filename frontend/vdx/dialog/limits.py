"""The limits of one session: its duration, idle time, messages, and bytes of history."""

from vdx.core.config import SessionConfig

MESSAGES_LEFT = 10
SECONDS_LEFT = 60.0
"""When the end of a session is announced; of a short one, in its last tenth."""


class Limits:
    """Times are seconds on the session's clock; a limit of 0 is none."""

    def __init__(self, config: SessionConfig, now: float) -> None:
        self._config = config
        self._began = self._active_at = now
        self.messages = 0
        self.unattended = False
        """What happens now was begun by the session itself, where the person has said nothing."""
        self._told: set[str] = set()

    def touch(self, now: float) -> None:
        """Restarts the idle time, unless nobody but the session does something."""
        if not self.unattended:
            self._active_at = now

    def reached(self, now: float) -> str | None:
        """The name of the time limit that is reached; None if none is."""
        if 0 < self._config.max_session_duration_seconds <= now - self._began:
            return "max_session_duration"
        if 0 < self._config.idle_timeout_seconds <= now - self._active_at:
            return "idle_timeout"
        return None

    def warning(self, now: float) -> str | None:
        """What is to be told of a limit that is near, once for each."""
        most, longest = (
            self._config.max_messages_per_session,
            self._config.max_session_duration_seconds,
        )
        left, left_s = most - self.messages, longest - (now - self._began)
        if 0 < left <= min(MESSAGES_LEFT, most // 10) and self._first("messages"):
            return f"after {left} more messages (session.max_messages_per_session is {most})"
        if 0 < left_s <= min(SECONDS_LEFT, longest / 10) and self._first("seconds"):
            return f"in {left_s:.0f} s (session.max_session_duration_seconds is {longest:g})"
        return None

    def _first(self, limit: str) -> bool:
        """Whether this limit was not told of before."""
        is_first = limit not in self._told
        self._told.add(limit)
        return is_first

    @property
    def max_history_bytes(self) -> int:
        return self._config.max_history_bytes

    @property
    def messages_exceeded(self) -> bool:
        """There are more than may be, as where no reply comes after which to end."""
        return 0 < self._config.max_messages_per_session < self.messages

    @property
    def messages_used_up(self) -> bool:
        return 0 < self._config.max_messages_per_session <= self.messages
