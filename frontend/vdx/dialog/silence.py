"""How long nobody has said anything, and what follows from it."""

from enum import Enum, auto

from vdx.core.events import SessionState
from vdx.dialog.profiles import SessionOptions


class SilenceStep(Enum):
    """What is to be done about a silence."""

    GO_ON = auto()
    """The responder goes on: the client has asked for it (`idle_timeout_ms`)."""
    ASK = auto()
    """`idle.text` is said."""
    SAY_GOODBYE = auto()
    """`idle.goodbye_text` is said, and the session ends."""


class Silence:
    """Looked at again and again; times in seconds of one clock."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._asked = False

    def broken(self) -> None:
        """The user has said or done something."""
        self._since, self._asked = None, False

    def due(
        self, state: SessionState, now: float, options: SessionOptions, *, busy: bool
    ) -> SilenceStep | None:
        """What the silence has lasted long enough for; told once.

        It counts from the end of the last reply, or from the beginning where nothing was said, and
        not while it is `busy`: somebody speaks, holds a key to speak, or waits for a tool.
        """
        step, after_ms = self._next(state, options)
        if step is None or busy:
            self._since = None
        elif self._since is None:
            self._since = now
        elif (now - self._since) * 1000 >= after_ms:
            self._since = None
            self._asked = options.idle.goodbye_after_ms > 0 or step is SilenceStep.ASK
            return step
        return None

    def _next(self, state: SessionState, options: SessionOptions) -> tuple[SilenceStep | None, int]:
        """What comes next, and after how many ms of silence."""
        idle, waits = options.idle, state is SessionState.WAITING_FOR_INPUT
        if not waits and state is not SessionState.IDLE:
            return None, 0
        if self._asked and idle.goodbye_after_ms:
            return SilenceStep.SAY_GOODBYE, idle.goodbye_after_ms
        if options.nudge_after_ms:  # what the client asks for comes first
            return (SilenceStep.GO_ON if waits else None), options.nudge_after_ms
        if idle.after_ms and not self._asked:
            return SilenceStep.ASK, idle.after_ms
        return None, 0
