"""Random numbers of a request's own, for code that draws from those of the whole process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Randomness:
    """The state of torch's generator as this request left it; used by one thread at a time.

    Whoever computes in `turn` holds the lock of the network: the generator is the process's.
    """

    def __init__(self, seed: int, device: Any) -> None:
        import torch

        self._device = device
        self._state = torch.Generator().manual_seed(seed).get_state()
        self._gpu = self._on_gpu(seed) if device.type == "cuda" else None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Draws go on where the last turn ended."""
        import torch

        torch.set_rng_state(self._state)
        if self._gpu is not None:
            torch.cuda.set_rng_state(self._gpu, self._device)
        try:
            yield
        finally:
            self._state = torch.get_rng_state()
            if self._gpu is not None:
                self._gpu = torch.cuda.get_rng_state(self._device)

    def _on_gpu(self, seed: int) -> Any:
        import torch

        return torch.Generator(self._device).manual_seed(seed).get_state()
