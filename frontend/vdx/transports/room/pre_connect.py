"""What users said while they were joining, which their clients recorded.

LiveKit's convention: the client publishes its microphone with the feature TF_PRECONNECT_BUFFER,
and once the agent is there sends it a byte stream on `lk.agent.pre-connect-audio-buffer` with the
attributes `trackId`, `sampleRate` and `channels`: 16-bit samples, or, where the MIME type names
one, a file of WebM, Ogg or MP4 (browsers of iOS).
"""

import asyncio
import io
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from livekit import rtc

from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES
from vdx.core.audio_decoder import AudioDecoder
from vdx.core.errors import InvalidInput, VdxError
from vdx.core.events import Pcm
from vdx.core.logs import logger
from vdx.core.threads import in_thread

log = logger(__name__)

TOPIC: Final = "lk.agent.pre-connect-audio-buffer"
FEATURE: Final = 6
"""TF_PRECONNECT_BUFFER of `livekit.protocol.models.AudioTrackFeature`."""
WAIT_S: Final = 3.0
"""How long a recording that was announced may take to arrive."""
MOST_RATE: Final = 48_000
MOST_CHANNELS: Final = 2
FILES: Final = ("opus", "webm", "ogg", "mp4")
MOST_CODED: Final = 64_000
"""Bytes of a second; no encoder of Opus makes more."""
TIMES: Final = 4
"""Of what is kept, so much is read: clients record until somebody listens."""
MOST_KEPT: Final = 8
"""Recordings that wait for their tracks, those that are being received included."""
MOST_EACH: Final = 2
"""Of them those of one participant."""
FRESH_S: Final = 5.0
"""A recording that waits longer for its track is not used: it is not what was just said."""
MOST_ASKED: Final = 64

NOTHING: Final[Pcm] = np.zeros(0, np.int16)


class PreConnectAudio:
    """Receives recordings; `of` hands one out, once. Of each the last `most_s` seconds are kept.

    Anybody in the room may send some. While `user` names somebody, only theirs are taken; before,
    a few of everybody's: the second one of somebody gives way to the first of another, and one
    that is waited for to none.
    """

    def __init__(self, most_s: float, user: Callable[[], str] = lambda: "") -> None:
        self._most_s = most_s
        self._user = user
        self._found: dict[tuple[str, str], asyncio.Future[Pcm]] = {}
        """Identity and track -> int16 mono at 16 kHz."""
        self._asked: deque[tuple[str, str]] = deque(maxlen=MOST_ASKED)
        self._awaited: set[tuple[str, str]] = set()
        self._receiving: Counter[str] = Counter()
        """Identity -> how many of theirs are being received."""
        self._tasks: dict[asyncio.Task[Pcm], str] = {}
        """Each with the identity."""

    def register(self, room: rtc.Room) -> None:
        """Call before the room is connected."""
        if self._most_s:
            room.register_byte_stream_handler(TOPIC, self._take)

    async def of(self, identity: str, track_sid: str, *, announced: bool) -> Pcm:
        """The recording of a track (int16 mono, 16 kHz), empty where there is none.

        One that is `announced` or on its way is waited for, WAIT_S at most, at the first call for
        its track: a track that is subscribed to again has no second one.
        """
        key = (identity, track_sid)
        wanted = self._most_s and (announced or key in self._found) and key not in self._asked
        self._asked.append(key)
        if not wanted:
            return NOTHING
        self._awaited.add(key)
        try:
            async with asyncio.timeout(WAIT_S):
                return await asyncio.shield(self._expected(key))
        except TimeoutError:
            log.warning("what was said while joining did not come", wait_s=WAIT_S)
            return NOTHING
        finally:
            self._awaited.discard(key)
            self._found.pop(key, None)

    async def close(self) -> None:
        """Stops receiving."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _expected(self, key: tuple[str, str]) -> asyncio.Future[Pcm]:
        if key not in self._found:
            self._make_room(key[0])
            self._found[key] = asyncio.get_running_loop().create_future()
        return self._found[key]

    def _make_room(self, identity: str) -> None:
        """Drops the oldest recording of a participant who has enough, else of any."""
        free = [key for key in self._found if key not in self._awaited]
        counts = Counter(owner for owner, _ in free)
        if counts[identity] >= MOST_EACH:
            del self._found[next(key for key in free if key[0] == identity)]
        elif free and len(self._found) >= MOST_KEPT:
            second = (key for key in free if counts[key[0]] > 1)
            del self._found[next(second, free[0])]

    def _forget(self, old: asyncio.Future[Pcm]) -> None:
        self._found = {key: found for key, found in self._found.items() if found is not old}

    def _take(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        track = (reader.info.attributes or {}).get("trackId", "")
        is_other = self._user() not in ("", identity)
        if not track or is_other or not self._has_place(identity):
            log.warning("recording of a microphone ignored", track=track, waiting=len(self._tasks))
            reader.close()
            return
        found = self._expected((identity, track))
        task = asyncio.create_task(self._receive(reader), name=f"pre-connect-{track}")
        self._tasks[task] = identity
        self._receiving[identity] += 1
        task.add_done_callback(partial(self._ended, reader, found))

    def _has_place(self, identity: str) -> bool:
        """Whether one more of a participant may be received; ends another's second one for it."""
        if self._receiving[identity] >= MOST_EACH:
            return False
        if len(self._tasks) < MOST_KEPT or identity == self._user():
            return True
        newest = reversed(self._tasks.items())
        several = (task for task, owner in newest if self._receiving[owner] > 1)
        if self._receiving[identity] or (second := next(several, None)) is None:
            return False
        second.cancel()
        self._leave(second)
        return True

    def _ended(
        self, reader: rtc.ByteStreamReader, found: asyncio.Future[Pcm], task: asyncio.Task[Pcm]
    ) -> None:
        self._leave(task)
        reader.close()
        if not found.done():
            found.set_result(NOTHING if task.cancelled() else task.result())
            asyncio.get_running_loop().call_later(FRESH_S, self._forget, found)

    def _leave(self, task: asyncio.Task[Pcm]) -> None:
        if (identity := self._tasks.pop(task, None)) is None:
            return  # it gave way
        self._receiving[identity] -= 1
        if not self._receiving[identity]:
            del self._receiving[identity]

    async def _receive(self, reader: rtc.ByteStreamReader) -> Pcm:
        """Empty where it is not read, and the log tells why."""
        try:
            async with asyncio.timeout(WAIT_S):
                pcm = await self._read(reader)
            log.debug("heard while joining", seconds=round(pcm.size / LISTEN_RATE, 2))
            return pcm
        except VdxError as error:
            log.warning("recording of a microphone not read", error=error.for_log)
        except (TimeoutError, rtc.StreamError, ConnectionError) as error:
            log.warning("recording of a microphone broke off", error=repr(error))
        except Exception:  # a task's root: the conversation goes on without
            log.exception("recording of a microphone not read")
        return NOTHING

    async def _read(self, reader: rtc.ByteStreamReader) -> Pcm:
        """Raises InvalidInput: it is too long, or not what its attributes say."""
        attributes, mime = reader.info.attributes or {}, reader.info.mime_type
        coded = any(name in mime for name in FILES)
        rate = _number(attributes, "sampleRate", MOST_RATE)
        channels = _number(attributes, "channels", MOST_CHANNELS)
        second = MOST_CODED if coded else rate * channels * SAMPLE_BYTES
        content, most = bytearray(), int(TIMES * self._most_s * second)
        async for piece in reader:
            content += piece
            if len(content) > most:
                raise InvalidInput(f"a recording here may have {most} bytes", param=TOPIC)
        if coded:
            return await in_thread(decoded, bytes(content), self._most_s)
        pcm = await in_thread(samples, bytes(content), rate, channels)
        return pcm[-int(self._most_s * LISTEN_RATE) :]


def decoded(content: bytes, most_s: float) -> Pcm:
    """The last `most_s` seconds of a file as int16 mono at 16 kHz.

    Raises:
        InvalidInput: it cannot be decoded, or is much longer.
    """
    most, length = int(most_s * LISTEN_RATE), 0
    kept = np.zeros(0, np.float32)
    decoder = AudioDecoder(io.BytesIO(content), TOPIC, LISTEN_RATE)
    try:
        while (piece := decoder.read()).size:
            length += piece.size
            if length > TIMES * most:
                raise InvalidInput(f"a recording here may have {TIMES * most_s:g} s", param=TOPIC)
            kept = np.concatenate([kept, piece])[-most:]
    finally:
        decoder.close()
    return _int16(kept)


def samples(content: bytes, rate: int, channels: int) -> Pcm:
    """Interleaved 16-bit samples as int16 mono at 16 kHz; what is no whole sample is left out."""
    import soxr

    whole = len(content) // (SAMPLE_BYTES * channels) * SAMPLE_BYTES * channels
    sound = np.frombuffer(content[:whole], "<i2").reshape(-1, channels).astype(np.float32)
    mono = sound.mean(axis=1) / 32768
    return _int16(np.asarray(soxr.resample(mono, rate, LISTEN_RATE), np.float32))


def _int16(sound: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> Pcm:
    return np.rint(sound * 32767).clip(-32768, 32767).astype(np.int16)


def _number(attributes: dict[str, str], name: str, most: int) -> int:
    given = attributes.get(name, "")
    value = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
    if not 1 <= value <= most:
        raise InvalidInput(f"{name} {given!r}: expected 1 to {most}", param=f"{TOPIC}.{name}")
    return value
