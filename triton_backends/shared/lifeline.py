"""Ends a model process whose server is gone; Triton itself leaves it running."""

import os
import select
import threading


def follow_parent() -> None:
    """Watch the server process from a sleeping thread and end this process when it dies."""
    server = os.pidfd_open(os.getppid())

    def wait() -> None:
        poll = select.poll()
        poll.register(server, select.POLLIN)
        poll.poll()
        os._exit(1)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
