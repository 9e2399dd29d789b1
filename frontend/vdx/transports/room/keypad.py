"""Keys of a telephone (DTMF), collected into what their user types."""

import asyncio
from collections.abc import Callable
from typing import Final

from vdx.core.config import LiveKitConfig

KEYS: Final = frozenset("0123456789ABCD*#")
MOST: Final = 64
"""Keys of one input; it ends with this one."""


class Keypad:
    """Hands `entered` the keys of one input when it ends: `1234`, without the key that ended it.

    That is `livekit.dtmf_end_key`, or a pause of `livekit.dtmf_pause_ms`. The end key alone is an
    input of its own. `began` is called with the first key of each input.
    """

    def __init__(
        self, config: LiveKitConfig, began: Callable[[], None], entered: Callable[[str], None]
    ) -> None:
        self._end_key = config.dtmf_end_key
        self._pause_s = config.dtmf_pause_ms / 1000
        self._began = began
        self._entered = entered
        self._keys = ""
        self._timer: asyncio.TimerHandle | None = None

    def press(self, key: str) -> None:
        """Takes one key; what is none is left out. Call on the event loop."""
        if key not in KEYS:
            return
        if not self._keys:
            self._began()
        self._stop()
        ends = key == self._end_key
        if not (ends and self._keys):
            self._keys += key
        if ends or len(self._keys) == MOST:
            self._end()
        else:
            self._timer = asyncio.get_running_loop().call_later(self._pause_s, self._end)

    def clear(self) -> None:
        """Forgets the keys of an input that has not ended."""
        self._stop()
        self._keys = ""

    def _end(self) -> None:
        self._stop()
        keys, self._keys = self._keys, ""
        self._entered(keys)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
