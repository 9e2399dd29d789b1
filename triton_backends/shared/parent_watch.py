"""Ends a model process whose server has ended; Triton itself leaves it running."""

import os
import select
import threading


def exit_with_parent() -> None:
    """Watch the parent process from a sleeping thread; end this process when the parent ends."""
    server = os.pidfd_open(os.getppid())

    def wait() -> None:
        poll = select.poll()
        poll.register(server, select.POLLIN)
        poll.poll()
        os._exit(1)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
