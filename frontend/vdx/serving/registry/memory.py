"""The registry of one process, and what every registry can do."""

from dataclasses import dataclass, field
from typing import Protocol

from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.view import View


class Registry(Protocol):
    """The servers that are known. Nothing waits here: what leaves the process does so elsewhere.

    Times are in seconds of one clock of the caller.
    """

    def announce(self, server: ServerEntry, now: float) -> None:
        """Takes what a server of this process says of itself."""
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
        """Seconds since a server was last heard of."""
        ...


@dataclass(slots=True)
class MemoryRegistry:
    """What was announced, until it is `expiry_s` old."""

    expiry_s: float
    _heard: dict[str, float] = field(default_factory=dict)
    _view: View = field(default_factory=View)

    def announce(self, server: ServerEntry, now: float) -> None:
        """See `Registry`."""
        self._heard[server.name] = now
        self._view.put(server)

    def answered(self, name: str, now: float) -> None:
        """See `Registry`."""
        if name in self._heard:
            self._heard[name] = max(self._heard[name], now)

    def leave(self, name: str) -> None:
        """See `Registry`."""
        self._heard.pop(name, None)
        self._view.drop(name)

    def view(self, now: float) -> View:
        """The servers that were heard of within `expiry_s`."""
        for name in [name for name, heard in self._heard.items() if now - heard >= self.expiry_s]:
            self.leave(name)
        return self._view

    def age_s(self, name: str, now: float) -> float:
        """See `Registry`."""
        return max(now - self._heard.get(name, now), 0.0)
