"""How long nobody has said anything behind a reply."""

from vdx.core.events import SessionState


class Silence:
    """Looked at again and again; times in seconds of one clock."""

    def __init__(self) -> None:
        self._since: float | None = None

    def lasted(self, state: SessionState, now: float, after_ms: int) -> bool:
        """Whether the person has been silent for `after_ms` (0: never) since the reply was over.

        True once; it counts anew from the end of the next reply.
        """
        if not after_ms or state is not SessionState.WAITING_FOR_INPUT:
            self._since = None
        elif self._since is None:
            self._since = now
        elif (now - self._since) * 1000 >= after_ms:
            self._since = None
            return True
        return False
