"""Until when the audio that a request was given lasts: what its place in a queue follows from."""

import time


class Played:
    """Those who run dry first compute first; used by one request."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.until: float | None = None
        """In seconds of `time.monotonic`; None before the first audio."""

    def add(self, samples: int) -> None:
        if samples:
            self.until = (self.until or time.monotonic()) + samples / self._rate
