"""Echo cancellation: LiveKit's audio processing module (that of WebRTC).

The only module that imports it; `vdx talk` uses it at the loudspeaker, a session for clients that
cannot cancel their echo themselves.
"""

from typing import Any, Final

import numpy as np

from vdx.core.audio import LISTEN_RATE
from vdx.core.events import Pcm

BLOCK_MS: Final = 10


class EchoCanceller:
    """LiveKit's audio processing module on int16 mono: those of its parts that are wanted.

    `cancellation` takes out what was `played` (and lowest frequencies, as `high_pass` does),
    `noise_suppression` steady noise, `gain_control` differences in loudness. Works in blocks of
    10 ms; `played` and `clean` take whole blocks. `delay_ms` is what the caller knows of the time
    from `played` to the echo; the module finds the rest (up to about 500 ms). Raises ImportError
    or OSError where the livekit package is missing.
    """

    def __init__(
        self,
        rate: int = LISTEN_RATE,
        *,
        cancellation: bool = True,
        noise_suppression: bool = False,
        high_pass: bool = False,
        gain_control: bool = False,
        delay_ms: int = 0,
    ) -> None:
        from livekit.rtc import AudioFrame, AudioProcessingModule

        self._frame: Any = AudioFrame
        self._rate = rate
        self._block = rate * BLOCK_MS // 1000
        self._module = AudioProcessingModule(
            echo_cancellation=cancellation,
            noise_suppression=noise_suppression,
            high_pass_filter=high_pass or cancellation,
            auto_gain_control=gain_control,
        )
        if cancellation:
            self._module.set_stream_delay_ms(delay_ms)

    def played(self, pcm: Pcm) -> None:
        """Takes what is played, as the reference."""
        for block in self._blocks(pcm):
            self._module.process_reverse_stream(block)

    def clean(self, pcm: Pcm) -> Pcm:
        """The microphone's signal without the echo of what was played."""
        out = []
        for block in self._blocks(pcm):
            self._module.process_stream(block)
            out.append(np.frombuffer(bytes(block.data), dtype="<i2"))
        return np.concatenate(out)

    def _blocks(self, pcm: Pcm) -> list[Any]:
        return [
            self._frame(bytearray(row.tobytes()), self._rate, 1, self._block)
            for row in pcm.reshape(-1, self._block)
        ]


def preload() -> None:
    """Loads the library, which takes about 150 ms; call it off the event loop."""
    from livekit.rtc import AudioProcessingModule

    AudioProcessingModule(echo_cancellation=True)
