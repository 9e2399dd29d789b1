"""The bot's echo in a session's input: removed by AEC, or known to the level guard."""

import numpy as np

from vdx.core.audio import LISTEN_FRAME, to_pcm
from vdx.core.config import EchoControlConfig
from vdx.core.events import Pcm
from vdx.speech.input.aec import EchoCanceller
from vdx.speech.input.playback_reference import PlaybackReference

SILENCE: Pcm = np.zeros(LISTEN_FRAME, np.int16)


class EchoControl:
    """Takes every frame that is played and every frame of the input. No I/O."""

    def __init__(self, config: EchoControlConfig) -> None:
        self._played = PlaybackReference()
        self._canceller: EchoCanceller | None = None
        self._config = EchoControlConfig(guard=False)
        self.reconfigure(config)

    def reconfigure(self, config: EchoControlConfig) -> None:
        """Takes new settings from the next frame on."""
        if config == self._config:
            return
        self._config = config
        self._canceller = None
        if config.processed:
            self._canceller = EchoCanceller(
                cancellation=config.cancellation,
                noise_suppression=config.noise_suppression,
                high_pass=config.high_pass,
                gain_control=config.gain_control,
            )

    @property
    def cancelling(self) -> bool:
        return self._config.cancellation

    def add(self, row: Pcm, now: float) -> None:
        """A frame (int16 [960], 48 kHz) was sent at `now`, on the session's clock."""
        if self._config.cancellation or self._config.guard:
            self._played.add(row, now)

    def hear(self, frame: bytes, position: int, now: float) -> tuple[bytes, Pcm | None]:
        """The frame (640 bytes, 16 kHz) that ends at sample `position` and arrived at `now`.

        Returns it processed as configured, and what was played meanwhile (int16 [320]) for the
        guard, if that is on.
        """
        played: Pcm | None = None
        if self._config.cancellation or self._config.guard:
            played = self._played.during(position, now)
        if self._canceller is not None:
            if self._config.cancellation:
                self._canceller.played(SILENCE if played is None else played)
            frame = self._canceller.clean(to_pcm(frame)).tobytes()
        return frame, played if self._config.guard else None
