"""Errors a backend answers with; the code in brackets is what the frontend maps.

BackendError
├── InvalidArgument   the request breaks the contract; the message names the value
├── Busy              the admission limit is reached; the same request can succeed later
├── Unavailable       the model cannot answer now, for a reason of its own
└── Internal          the engine failed
"""

from typing import ClassVar


class BackendError(Exception):
    """Base of the tree; its text is `[code] message`."""

    code: ClassVar[str] = "internal"

    def __str__(self) -> str:
        return f"[{self.code}] {super().__str__()}"


class InvalidArgument(BackendError):
    code = "invalid_argument"


class Busy(BackendError):
    code = "busy"


class Unavailable(BackendError):
    code = "unavailable"


class Internal(BackendError):
    code = "internal"
