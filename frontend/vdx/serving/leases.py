"""Leases: which sessions use which models, until when. No clock and no I/O.

Times are seconds of the caller's clock. A lease that is not renewed for `expiry_s` ends, so a
frontend that is killed holds none for longer.
"""

from dataclasses import dataclass, field

NEVER = float("inf")


@dataclass(slots=True)
class Leases:
    """At most one lease per session and model; session ids are the caller's."""

    expiry_s: float
    _until: dict[str, dict[str, float]] = field(default_factory=dict)
    """Model -> session -> when its lease ends."""
    _earliest: float = NEVER
    """No lease ends before: every call expires leases, and most find none without a search."""

    def lease(self, session: str, model: str, now: float) -> None:
        """Takes or renews one."""
        self._until.setdefault(model, {})[session] = now + self.expiry_s
        self._earliest = min(self._earliest, now + self.expiry_s)

    def renew(self, session: str, now: float) -> int:
        """Renews every lease of a session; how many it holds."""
        held = [sessions for sessions in self._until.values() if session in sessions]
        for sessions in held:
            sessions[session] = now + self.expiry_s
        return len(held)

    def release(self, session: str, model: str) -> bool:
        """Ends one; False where there is none, as when it is released twice."""
        sessions = self._until.get(model, {})
        found = sessions.pop(session, None) is not None
        if not sessions:
            self._until.pop(model, None)
        return found

    def models_of(self, session: str) -> frozenset[str]:
        """The models that a session leases."""
        return frozenset(model for model, held in self._until.items() if session in held)

    def sessions_of(self, model: str) -> frozenset[str]:
        """The sessions that lease a model."""
        return frozenset(self._until.get(model, ()))

    def all(self) -> set[tuple[str, str]]:
        """Session and model of every lease."""
        return {(session, model) for model, held in self._until.items() for session in held}

    def count(self, model: str) -> int:
        """How many sessions lease a model."""
        return len(self._until.get(model, ()))

    @property
    def next_end(self) -> float:
        """No lease ends before, whatever is taken or renewed until then; NEVER: there is none."""
        return self._earliest

    def expire(self, now: float) -> dict[str, float]:
        """Ends what was not renewed; model -> when the last of its ended."""
        ended: dict[str, float] = {}
        if now < self._earliest:
            return ended
        for model, sessions in list(self._until.items()):
            for session, until in list(sessions.items()):
                if until <= now:
                    ended[model] = max(ended.get(model, until), until)
                    self.release(session, model)
        ends = (until for sessions in self._until.values() for until in sessions.values())
        self._earliest = min(ends, default=NEVER)
        return ended
