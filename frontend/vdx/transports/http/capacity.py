"""How many of a kind of work one server does at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from vdx.core.errors import SessionLimit


class Capacity:
    """So many at once; who comes then is refused and may try again."""

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._what = what
        self._taken = 0

    def require_free(self) -> None:
        """Raises SessionLimit where there is no place now; takes none."""
        if self._taken >= self._limit:
            raise SessionLimit(f"the server works on {self._limit} {self._what}, its limit")

    @contextmanager
    def take(self) -> Iterator[None]:
        """A place for the length of a block; raises SessionLimit where there is none."""
        self.require_free()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
