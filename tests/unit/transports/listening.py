"""A client of the presenter that keeps what it is told."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vdx.core.audio import SPEAK_FRAME
from vdx.core.config import Config
from vdx.dialog.history import History, Item
from vdx.dialog.ids import ReplyIds, SessionIds
from vdx.dialog.profiles import resolve
from vdx.dialog.session_events import ItemsForgotten, ReplyStarted, SessionEvent, UtteranceEnded
from vdx.dialog.transport import OutputFrame
from vdx.serving.default_models import DefaultModels
from vdx.transports.realtime.outbox import Outbox
from vdx.transports.realtime.presenter import RealtimePresenter
from vdx.transports.realtime.settings import Settings

AUDIO = "response.output_audio.delta"
REPLY_BEGINS = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
REPLY_ENDS = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
UTTERANCE_ENDS = [
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]


IDS = SessionIds("s1")
U1, U2 = IDS.utterance(1), IDS.utterance(2)
R1, R2 = IDS.reply(1), IDS.reply(2)


@dataclass
class Client:
    """A presenter and what its client was sent."""

    settings: Settings
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self._take, 10)
        self.history = History()
        self.presenter = RealtimePresenter(self.outbox, lambda: self.settings, self.history.before)

    async def _take(self, text: str) -> None:
        self.told.append(json.loads(text))

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.told]

    def only(self, kind: str) -> dict[str, Any]:
        [event] = [event for event in self.told if event["type"] == kind]
        return event


def client(*, events: bool = False, **changes: Any) -> Client:
    options = resolve(Config(), "", DefaultModels(frozenset({"pocketsphinx-en"})))
    settings = Settings(options, options.voice_choice, options.recogniser, vdx_events=events)
    for name, value in changes.items():
        setattr(settings, name, value)
    return Client(settings)


def narrate(to: Client, *story: SessionEvent | tuple[ReplyIds, np.ndarray]) -> Client:
    """Sends events, and plays a (reply, row) as audio; returns once all of it is sent."""

    async def tell() -> None:
        writer = asyncio.create_task(to.outbox.run())
        for part in story:
            if isinstance(part, tuple):
                await to.presenter.play(OutputFrame(*part, 0.0))
            else:
                if isinstance(part, ReplyStarted):
                    to.history.put(Item(part.reply.item_id, "assistant", spoken=True))
                for item_id in part.items if isinstance(part, ItemsForgotten) else ():
                    to.history.discard(item_id)
                to.presenter.notify(part)
                if isinstance(part, UtteranceEnded):
                    to.history.put(Item(part.utterance.item_id, "user", spoken=True))
        to.outbox.close()
        await writer

    asyncio.run(tell())
    return to


def audio(level: int = 1000) -> np.ndarray:
    return np.full(SPEAK_FRAME, level, np.int16)


def samples_of(to: Client) -> np.ndarray:
    deltas = [e["delta"] for e in to.told if e["type"] == "response.output_audio.delta"]
    return np.frombuffer(b"".join(base64.b64decode(delta) for delta in deltas), "<i2")
