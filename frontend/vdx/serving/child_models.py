"""Child models: the networks a voice runs in Triton under names of its own.

They are left out of listings, because no request names them. A model process that crashes leaves
them loaded. A child is called CHILD_PREFIX parent-started-part, where `started` is the time its
process started, in hexadecimal nanoseconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CHILD_PREFIX = "_vdx_child_"
ALIVE = frozenset({"READY", "LOADING"})
GRACE_S = 120.0
"""How long the children of a process that unloads, or was replaced, serve its last requests."""


def is_child(name: str) -> bool:
    return name.startswith(CHILD_PREFIX)


@dataclass(slots=True)
class UnusedChildModels:
    """Finds the child models that no model process uses."""

    _since: dict[str, float] = field(default_factory=dict)

    def find(self, children: Iterable[str], states: Mapping[str, str], now: float) -> list[str]:
        """Those to unload.

        `states` are the models of the index, `now` seconds of one clock. A child is unused
        when its parent is not loaded, or unloads or has had another process for GRACE_S.
        """
        families: dict[str, list[tuple[int, str]]] = {}
        for name in children:
            parent, started = _origin(name)
            families.setdefault(parent, []).append((started, name))
        unused, superseded = [], set()
        for parent, members in families.items():
            newest = max(started for started, _ in members)
            for started, name in members:
                state = states.get(parent)
                if state not in ALIVE and state != "UNLOADING":
                    unused.append(name)
                elif state == "UNLOADING" or started < newest:
                    superseded.add(name)
        self._since = {name: self._since.get(name, now) for name in superseded}
        return unused + [name for name, since in self._since.items() if now - since >= GRACE_S]


def _origin(name: str) -> tuple[str, int]:
    parent, _, rest = name.removeprefix(CHILD_PREFIX).rpartition("-")[0].rpartition("-")
    try:
        return parent, int(rest, 16)
    except ValueError:
        return parent, 0
