"""What was said before in each conversation, which a voice hears when it speaks the next clause."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SESSIONS = 64
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Turn:
    """Something said: `text`, and its codes [frames, codebooks], by the speaker number `role`."""

    role: int
    text: str
    codes: NDArray[np.int64]

    @property
    def positions(self) -> int:
        """About how much of the model's memory it takes: a character is at most a token."""
        return len(self.codes) + 1 + len(self.text) + 6

    def begins_with(self, other: "Turn") -> bool:
        """Whether it is the same sound by the same speaker, or goes on after it.

        Codes of a longer sound differ in few places, those of another one agree in few.
        """
        count = len(other.codes)
        if self.role != other.role or not 0 < count <= len(self.codes):
            return False
        return bool(np.mean(self.codes[:count] == other.codes) > 0.5)


class Conversations:
    """Bounded: the sessions that spoke last, of each what was said last. Any number of threads."""

    def __init__(self, most_frames: int, sessions: int = SESSIONS) -> None:
        self._most_frames = most_frames
        self._most_sessions = sessions
        self._turns: OrderedDict[tuple[str, str], deque[Turn]] = OrderedDict()
        self._lock = threading.Lock()

    def before(self, session: str, voice: str) -> list[Turn]:
        """What `voice` said, and heard, in `session` so far, the earliest first.

        Of no session nothing.
        """
        with self._lock:
            found = self._turns.get((session, voice))
            return list(found) if found else []

    def takes(self, frames: int) -> bool:
        """Whether a turn of so many frames is remembered."""
        return 0 < frames <= self._most_frames

    def add(self, session: str, voice: str, turn: Turn) -> None:
        """Remembers a clause that was spoken to its end."""
        self._keep(session, voice, turn, replaces=False)

    def hear(self, session: str, voice: str, turn: Turn) -> None:
        """Remembers what the person said, in place of its beginning or of the same.

        Replies are prepared at pauses, and clauses asked for again after a failure.
        """
        self._keep(session, voice, turn, replaces=True)

    def _keep(self, session: str, voice: str, turn: Turn, *, replaces: bool) -> None:
        if not session or not self._most_frames or len(turn.codes) > self._most_frames:
            return
        with self._lock:
            turns = self._turns.setdefault((session, voice), deque())
            self._turns.move_to_end((session, voice))
            if replaces and turns and turn.begins_with(turns[-1]):
                turns.pop()
            turns.append(turn)
            while sum(len(each.codes) for each in turns) > self._most_frames:
                turns.popleft()
            while len(self._turns) > self._most_sessions:
                self._turns.popitem(last=False)

    def __len__(self) -> int:
        return len(self._turns)
