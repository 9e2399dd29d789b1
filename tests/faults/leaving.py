"""Clients of the HTTP API that close their connection before they have their answer."""

import io
import json
import random
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import soundfile
import soxr

from tests.media import written
from tests.server.processes import WAIT_LIMIT_S
from tests.server.talk import RECORDINGS

TRANSCRIPTIONS = "/v1/audio/transcriptions"
SPEECH = "/v1/audio/speech"
BOUNDARY = "a-boundary-of-the-form"
SILENT_HOURS = 40
TEXT = "This sentence is spoken for a client that leaves before it has heard all of it. " * 20


WRITERS: Final = {"m4a": "ipod", "webm": "webm"}
"""What FFmpeg writes, for libsndfile does not."""
NAMES: Final = (
    "wav",
    "flac of ten minutes",
    "flac of silence",
    "flac 48 kHz surround",
    "mp3 48 kHz stereo",
    "mp3 16 kHz mono",
    "ogg",
    "m4a",
    "webm",
)
"""The recordings that clients leave: in these formats the server was ended, or might have been."""


@cache
def recording(name: str) -> bytes:
    """The file of that name, with speech or silence in it."""
    speech, rate = soundfile.read(RECORDINGS / "ps_goforward.wav", dtype="float32")
    minute = np.resize(speech, rate * 60)
    form, _, kind = name.partition(" ")
    if kind == "of silence":
        return _silence()
    if kind == "of ten minutes":
        return _encoded(np.resize(speech, rate * 600), rate, "FLAC")
    if form in WRITERS:
        loud = soxr.resample(minute, rate, 48_000)
        return written(WRITERS[form], (loud * 32_767).astype(np.int16), 48_000)
    if kind in ("48 kHz stereo", "48 kHz surround"):
        loud = soxr.resample(minute[: rate * 20], rate, 48_000)
        channels = 2 if kind == "48 kHz stereo" else 6
        raw = _encoded(np.repeat(loud[:, None], channels, axis=1), 48_000, form.upper())
        return _repeated(raw, 15) if form == "mp3" else raw
    return _encoded(minute, rate, form.upper())


def _encoded(samples: np.ndarray, rate: int, container: str) -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", rate, samples[:1].reshape(-1).size, format=container
    ) as out:
        # libsndfile's Vorbis encoder overflows its stack on minutes in one call.
        for at in range(0, len(samples), rate):
            out.write(samples[at : at + rate])
    return file.getvalue()


def _repeated(mp3: bytes, times: int) -> bytes:
    """A longer MP3, without what it costs to encode one: its frames follow each other anyhow.

    The first frame is left out, for it says how many there are.
    """
    frames = mp3[mp3.index(mp3[:2], 2) :]
    return frames * times


def _silence() -> bytes:
    """Half a megabyte that lasts SILENT_HOURS."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 1_000, 1, "PCM_16", format="FLAC") as out:
        for _ in range(SILENT_HOURS):
            out.write(np.zeros(3_600_000, np.int16))
    return file.getvalue()


def form(file: bytes, **fields: str) -> bytes:
    """The multipart body of a transcription request."""
    parts = [
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'
    return "".join([*parts, head]).encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass(frozen=True, slots=True)
class LeavingClient:
    """A client that leaves: how it asks and when it closes.

    It sends `share` of its body, then waits for the first bytes of the answer where `answered`,
    then `seconds`, and closes; with a reset where `reset`.
    """

    path: str
    body: bytes
    share: float = 1.0
    answered: bool = False
    seconds: float = 0.0
    reset: bool = False

    def ask_and_leave(self, url: str) -> None:
        """Connects, asks, and leaves."""
        with connected(url) as connection:
            connection.sendall(head(self.path, len(self.body)))
            connection.sendall(self.body[: int(len(self.body) * self.share)])
            if self.answered:
                connection.recv(4096)
            time.sleep(self.seconds)
            if self.reset:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def connected(url: str) -> socket.socket:
    """A plain connection to the server at `url`."""
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 0
    return socket.create_connection((host, port), timeout=WAIT_LIMIT_S)


def head(path: str, length: int) -> bytes:
    """The head of a POST request with a form, or with JSON for speech."""
    kind = "application/json" if path == SPEECH else f"multipart/form-data; boundary={BOUNDARY}"
    lines = (f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-type: {kind}")
    return "\r\n".join((*lines, f"content-length: {length}", "", "")).encode()


def leaving_clients(count: int, seed: int = 1) -> list[LeavingClient]:
    """`count` clients over all recordings and all stages of a request, the same for one seed."""
    chance = random.Random(seed)
    stages: list[Callable[[bytes], LeavingClient]] = [
        lambda file: _upload(file, chance),
        lambda file: _reading(file, chance),
        lambda file: _streaming(file, chance),
        lambda _: _speaking(chance),
    ]
    sounds = [recording(name) for name in NAMES]
    # Most leave while their recording is read, where the most can go wrong.
    order = [(stages[turn], file) for turn in (1, 0, 1, 2, 3) for file in sounds]
    return [stage(file) for stage, file in islice(cycle(order), count)]


def _upload(file: bytes, chance: random.Random) -> LeavingClient:
    return LeavingClient(
        TRANSCRIPTIONS, form(file), share=chance.random(), reset=chance.random() < 0.5
    )


def _reading(file: bytes, chance: random.Random) -> LeavingClient:
    return LeavingClient(
        TRANSCRIPTIONS,
        form(file, response_format="verbose_json"),
        seconds=chance.uniform(0.05, 0.6),
        reset=chance.random() < 0.5,
    )


def _streaming(file: bytes, chance: random.Random) -> LeavingClient:
    # The first words say that it is being read, however busy the machine; silence has none.
    heard = file != recording("flac of silence")
    body = form(file, stream="true")
    return LeavingClient(TRANSCRIPTIONS, body, answered=heard, seconds=chance.uniform(0.0, 0.2))


def _speaking(chance: random.Random) -> LeavingClient:
    name = chance.choice(("mp3", "opus", "aac", "flac", "wav"))
    asked = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": name}
    # `flac` keeps its first bytes back for long.
    answered = name != "flac" and chance.random() < 0.5
    body = json.dumps(asked).encode()
    return LeavingClient(SPEECH, body, answered=answered, seconds=chance.uniform(0.0, 0.4))
