"""The playback deadline of a request: until when the audio that it was given lasts.

Its place in a queue follows from it.
"""

import time


class PlaybackDeadline:
    """Of one request; whose audio runs out first computes first."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.until: float | None = None
        """In seconds of `time.monotonic`; None before the first audio."""

    def add(self, samples: int) -> None:
        if samples:
            self.until = (self.until or time.monotonic()) + samples / self._rate
