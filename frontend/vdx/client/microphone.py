"""The machine's own microphone and loudspeaker, 48 kHz mono, with an optional echo canceller.

PortAudio calls back on a thread of its own every 10 ms; it shares with the event loop one bounded
queue of microphone frames and one bounded buffer of samples to play.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

import numpy as np

from vdx.client.listener import Listener
from vdx.core.audio import FRAME_MS, SAMPLE_BYTES, SPEAK_RATE, rms, to_pcm
from vdx.core.errors import SetupError, UnknownName

BLOCK: Final = SPEAK_RATE // 100
QUEUE_FRAMES: Final = 50
MAX_BUFFER_BYTES: Final = SPEAK_RATE * SAMPLE_BYTES * 10


DIRECTIONS: Final = ("microphone", "loudspeaker")


@dataclass(frozen=True, slots=True)
class Device:
    """One device of the sound system; it can be one of DIRECTIONS, or both."""

    number: int
    name: str
    directions: tuple[str, ...]


def devices() -> list[Device]:
    """The microphones and loudspeakers of this machine; raises SetupError without PortAudio."""
    found = []
    for number, each in enumerate(_portaudio().query_devices()):
        channels = (each["max_input_channels"], each["max_output_channels"])
        can = tuple(what for what, count in zip(DIRECTIONS, channels, strict=True) if count)
        found.append(Device(number, str(each["name"]), can))
    return found


def device_number(wanted: str, direction: str) -> int | None:
    """The number of a device given by number or by a part of its name; None for an empty one.

    Raises:
        UnknownName: there is none, or several fit.
    """
    if not wanted:
        return None
    able = [each for each in devices() if direction in each.directions]
    fits = [each for each in able if wanted in (str(each.number), each.name)]
    fits = fits or [each for each in able if wanted.casefold() in each.name.casefold()]
    if len(fits) == 1:
        return fits[0].number
    told = "; ".join(f"{each.number} {each.name}" for each in fits or able) or "none"
    what = f"several {direction}s fit" if fits else f"there is no {direction}"
    raise UnknownName(f"{what} {wanted!r}; there are: {told}", param=direction)


def _portaudio() -> Any:
    try:
        import sounddevice
    except OSError as error:
        raise SetupError(f"{error}; install libportaudio2, or use --wav FILE") from error
    return sounddevice


class EchoCanceller(Protocol):
    """Takes 10 ms blocks (int16 mono, 48 kHz), the loudspeaker's before the microphone's."""

    def played(self, block: bytes) -> None: ...

    def clean(self, block: bytes) -> bytes: ...


class SoundCard:
    """Duplex stream as a context manager; `frame` yields the microphone, `play` queues samples.

    `microphone` and `loudspeaker` are numbers or parts of names of `devices()`; empty: the
    system's own choice.
    """

    def __init__(
        self, canceller: EchoCanceller | None, microphone: str = "", loudspeaker: str = ""
    ) -> None:
        self._canceller = canceller
        self._chosen = microphone, loudspeaker
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_FRAMES)
        self._lock = threading.Lock()
        self._buffer = bytearray()
        self._half = b""
        self._paused = False
        self._stream: Any = None
        self.dropped = 0
        self.level = 0.0

    def __enter__(self) -> Self:
        sounddevice = _portaudio()
        chosen = tuple(map(device_number, self._chosen, DIRECTIONS))
        try:
            self._stream = sounddevice.RawStream(
                samplerate=SPEAK_RATE,
                blocksize=BLOCK,
                channels=1,
                device=chosen,
                dtype="int16",
                latency="low",
                callback=lambda mic, out, frames, _time, _status: self.exchange(mic, out, frames),
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise SetupError(f"no sound device: {error}; use --wav FILE") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    async def frame(self) -> bytes:
        """The next 20 ms of the microphone (int16 mono, 48 kHz)."""
        return await self._frames.get()

    def play(self, pcm: bytes) -> None:
        """Appends int16 mono audio at 48 kHz; beyond ten seconds the newest is dropped."""
        with self._lock:
            if len(self._buffer) + len(pcm) <= MAX_BUFFER_BYTES:
                self._buffer += pcm

    def clear(self) -> None:
        """Throws away what was not played."""
        with self._lock:
            self._buffer.clear()
            self._paused = False

    def pause(self) -> None:
        """Plays silence until `resume`; what is queued is kept."""
        with self._lock:
            self._paused = True

    def resume(self) -> None:
        with self._lock:
            self._paused = False

    def exchange(self, indata: Any, outdata: Any, frames: int) -> None:
        """PortAudio's callback, on its own thread: buffers of `frames` int16 samples each."""
        wanted = frames * SAMPLE_BYTES
        with self._lock:
            block = b"" if self._paused else bytes(self._buffer[:wanted])
            del self._buffer[: len(block)]
        outdata[:] = block.ljust(wanted, b"\0")
        microphone = bytes(indata)
        if self._canceller is not None:
            self._canceller.played(bytes(outdata))
            microphone = self._canceller.clean(microphone)
        self._half += microphone
        if len(self._half) >= SPEAK_RATE * FRAME_MS // 1000 * SAMPLE_BYTES:
            frame, self._half = self._half, b""
            self._loop.call_soon_threadsafe(self._offer, frame)

    def _offer(self, frame: bytes) -> None:
        self.level = rms(to_pcm(frame))
        if self._frames.full():
            self._frames.get_nowait()
            self.dropped += 1
        self._frames.put_nowait(frame)


def playback_handler(listener: Listener, card: SoundCard) -> Callable[[dict[str, Any]], None]:
    """A handler of server events that plays on `card` what `listener` receives."""

    def on_event(event: dict[str, Any]) -> None:
        match event["type"]:
            case "response.output_audio.delta":
                # The listener holds the decoded samples of the delta that just came.
                card.play(np.ascontiguousarray(listener.newest).tobytes())
            case "input_audio_buffer.speech_started":
                card.clear()
            case "vdx.playout.paused":
                card.pause()
            case "vdx.playout.resumed":
                card.resume()

    return on_event
