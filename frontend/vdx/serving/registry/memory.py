"""The registry of one process, and what every registry can do."""

from dataclasses import dataclass, field
from typing import Protocol

from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.view import View


class Registry(Protocol):
    """The servers that are known. Nothing waits here.

    Times are in seconds of one clock of the caller.
    """

    def announce(self, server: ServerEntry, now: float) -> None:
        """Takes what a server of this process says of itself; others are told."""
        ...

    def hear(self, server: ServerEntry, now: float) -> None:
        """Takes what is seen here of a server of somebody else; nobody is told."""
        ...

    def answered(self, name: str, now: float) -> None:
        """A call to a server was answered: it is kept, whatever became of its announcements."""
        ...

    def leave(self, name: str) -> None:
        """A server does not answer any more, until it is announced again."""
        ...

    def view(self, now: float) -> View:
        """The servers as they were last announced."""
        ...

    def age_s(self, name: str, now: float) -> float:
        """Seconds since a server was last announced."""
        ...


@dataclass(slots=True)
class MemoryRegistry:
    """What was announced, until it is `expiry_s` old."""

    expiry_s: float
    _until: dict[str, float] = field(default_factory=dict)
    _heard: dict[str, float] = field(default_factory=dict)
    _view: View = field(default_factory=View)

    def announce(self, server: ServerEntry, now: float, expiry_s: float | None = None) -> None:
        """See `Registry`; `expiry_s` is how long this announcement counts, where it is known."""
        self._until[server.name] = now + (self.expiry_s if expiry_s is None else expiry_s)
        self._heard[server.name] = now
        self._view.put(server)

    def hear(self, server: ServerEntry, now: float) -> None:
        """See `Registry`."""
        self.announce(server, now)

    def answered(self, name: str, now: float) -> None:
        """See `Registry`."""
        if name in self._until:
            self._until[name] = max(self._until[name], now + self.expiry_s)

    def keep(self, now: float) -> None:
        """Lets nothing that is known now expire within `expiry_s`."""
        for name in self._until:
            self.answered(name, now)

    def leave(self, name: str) -> None:
        """See `Registry`."""
        self._until.pop(name, None)
        self._heard.pop(name, None)
        self._view.drop(name)

    def view(self, now: float) -> View:
        """The servers that were heard of within `expiry_s`."""
        for name in [name for name, until in self._until.items() if until <= now]:
            self.leave(name)
        return self._view

    def age_s(self, name: str, now: float) -> float:
        """See `Registry`."""
        return max(now - self._heard.get(name, now), 0.0)
