"""What a tool at the server may do with the session that calls it."""

from typing import Protocol

from vdx.dialog.profiles import SessionOptions


class ToolUser(Protocol):
    """The session, as a tool sees it."""

    @property
    def options(self) -> SessionOptions: ...

    def change(self, options: SessionOptions) -> None:
        """Takes new options and tells the client of them."""
        ...

    def end_after_reply(self) -> None:
        """Ends the session once the reply was heard; a reply that is interrupted ends nothing."""
        ...
