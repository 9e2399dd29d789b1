"""Out-of-band responses: written replies outside the conversation (`conversation: none`)."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from vdx.core.errors import SessionLimit, VdxError
from vdx.core.events import ReplyEnded, StageEvent, StageFailed
from vdx.dialog.ids import ReplyIds, SessionIds
from vdx.dialog.reply import Reply
from vdx.dialog.reply_request import ReplyRequest
from vdx.dialog.session_events import ReplyDone, ReplyStarted, ReplyStatus, SessionEvent
from vdx.dialog.speaking import Speaking
from vdx.dialog.tasks import SessionTasks

MOST: Final = 4
"""At once."""


class OutOfBandReplies:
    """The turn machine knows nothing of them: they are not heard, and nobody interrupts them."""

    def __init__(
        self,
        speaking: Speaking,
        ids: SessionIds,
        tasks: SessionTasks,
        emit: Callable[[StageEvent | SessionEvent], None],
    ) -> None:
        self._speaking = speaking
        self._ids = ids
        self._tasks = tasks
        self._emit = emit
        self._count = 0
        self._closed = False
        self._running: dict[str, tuple[Reply, asyncio.Task[None]]] = {}

    def start(self, instructions: str, own: ReplyRequest) -> None:
        """Begins one; raises SessionLimit where MOST are under way, or the session ends."""
        if self._closed:  # the session would wait for it
            raise SessionLimit("the session ends: it begins no response any more")
        if len(self._running) >= MOST:
            raise SessionLimit(f"{MOST} responses beside the conversation are under way already")
        ids = self.next_ids()
        reply = self._speaking.make(ids, partial(self._note, ids.response_id), instructions, own)
        self._emit(ReplyStarted(ids, reply.own))
        reply.playout.release()

        def on_error(error: VdxError) -> None:
            self._emit(StageFailed(error))
            self._finish(ids.response_id, "failed", error)

        task = self._tasks.spawn(reply.run, f"out-of-band-reply-{self._count}", on_error)
        if task is not None:
            self._running[ids.response_id] = (reply, task)

    def next_ids(self) -> ReplyIds:
        """Of one that begins now."""
        self._count += 1
        return self._ids.out_of_band_reply(self._count)

    def cancel(self, response_id: str) -> bool:
        """Ends one; False where it is not under way."""
        if response_id not in self._running:
            return False
        self._running[response_id][1].cancel()
        self._finish(response_id, "cancelled", None, "client_cancelled")
        return True

    def close(self) -> None:
        """Ends all of them; none begins any more."""
        self._closed = True
        for response_id in list(self._running):
            self.cancel(response_id)

    def _note(self, response_id: str, event: StageEvent) -> None:
        if isinstance(event, StageFailed):
            self._emit(event)
        elif isinstance(event, ReplyEnded) and (running := self._running.get(response_id)):
            whole: ReplyStatus = "incomplete" if running[0].cut else "completed"
            self._finish(response_id, "failed" if event.error else whole, event.error)

    def _finish(
        self, response_id: str, status: ReplyStatus, error: VdxError | None, reason: str = ""
    ) -> None:
        if (running := self._running.pop(response_id, None)) is None:
            return
        reply = running[0]
        text = reply.written.text if reply.written else ""
        done = ReplyDone(reply.ids, status, reason, 0, text, error, reply.prompt_bytes)
        self._emit(done)
