"""Which keys of the registry were written again since they were last looked at: no clock, no I/O.

A process that lives writes its key anew before it expires. Where the clock of Redis went back, the
key of one that is dead may lie there for hours: that it is there says nothing, that it was written
again does.
"""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(slots=True)
class Renewals:
    """`least_s` is less than what two writings of one key are apart, and more than the time that
    reading one takes to vary; times are seconds of the caller's clock.
    """

    least_s: float
    _seen: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    """Key -> its text, and when it ends."""

    def is_renewed(self, key: str, text: bytes, ends: float) -> bool:
        """Whether a key is new, or has another text or another end than when it was renewed last.

        `ends` is when it expires, infinite for one that never does. An end that is earlier than it
        was is no less new: a clock that went back leaves one that is far away, and the next
        writing one that is near.
        """
        if (seen := self._seen.get(key)) is not None:
            before, ended = seen
            if text == before and (ends == ended or abs(ends - ended) < self.least_s):
                return False
        self._seen[key] = (text, ends)
        return True

    def keep(self, keys: Collection[str]) -> None:
        """Forgets all others: they are gone."""
        for key in self._seen.keys() - set(keys):
            del self._seen[key]
