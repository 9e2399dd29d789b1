"""Cepstral means by session, shared by the processes that serve one model.

Triton gives each utterance of a session to any instance that is free; the mean that one instance
has estimated of the microphone is needed by the next.
"""

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Self

from triton_backends.shared.errors import Internal

BUSY_S = 1.0
"""How long another process may hold the file; it writes for a fraction of a millisecond."""


class CmnStore:
    """A file that holds the means of the latest `remembered` sessions, as pocketsphinx writes them.

    Safe to use from several threads and processes.
    """

    def __init__(self, file: Path, remembered: int) -> None:
        self._remembered = remembered
        self._database = sqlite3.connect(
            file, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        # A crash may lose the last means, which are estimated again.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE IF NOT EXISTS means (session PRIMARY KEY, mean)")

    @classmethod
    def of_server(cls, model: str, remembered: int) -> Self:
        """The store of `model` in the server that started this process."""
        folder = Path(tempfile.gettempdir()) / f"vdx-means-{os.getuid()}-{os.getppid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid != os.getuid():
            raise Internal(f"{folder} belongs to another user")
        return cls(folder / model, remembered)

    def get(self, session: str) -> str | None:
        """What was kept last, None if nothing was."""
        query = "SELECT mean FROM means WHERE session = ?"
        row = self._database.execute(query, (session,)).fetchone()
        return None if row is None else str(row[0])

    def put(self, session: str, mean: str) -> None:
        """Keep the mean of a session; without a session id nothing is kept."""
        if not session:
            return
        # Replacing a row gives it the highest number.
        self._database.execute("REPLACE INTO means VALUES (?, ?)", (session, mean))
        self._database.execute(
            "DELETE FROM means WHERE rowid IN"
            " (SELECT rowid FROM means ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
            (self._remembered,),
        )

    def close(self) -> None:
        self._database.close()
