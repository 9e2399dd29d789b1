"""What was said while joining: decoded, bounded, and put before the live track without a seam."""

import asyncio
import io
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from livekit import rtc
from numpy.typing import NDArray

from tests.media import tone, written
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.errors import InvalidInput
from vdx.core.events import Pcm
from vdx.transports.room import pre_connect
from vdx.transports.room.audio_input import MAX_EARLY_FRAMES, AudioInput
from vdx.transports.room.continued_audio import ends_at
from vdx.transports.room.pre_connect import NOTHING, PreConnectAudio, decoded, samples


def speech(seconds: float, seed: int = 7) -> Pcm:
    """Noise whose loudness changes as that of speech, int16 at 16 kHz."""
    size = int(seconds * LISTEN_RATE)
    noise = np.convolve(np.random.default_rng(seed).normal(0, 1, size), np.ones(8) / 8, "same")
    swell = 1 + np.sin(np.arange(size) * 2 * np.pi * 4 / LISTEN_RATE)
    return (noise * swell * 3000).astype(np.int16)


def coded(pcm: Pcm) -> Pcm:
    """The same as a codec gives it back: a little different everywhere."""
    noise = np.random.default_rng(1).normal(0, 20, pcm.size)
    return (pcm * 0.9 + noise).astype(np.int16)


# --- where the live track goes on -----------------------------------------------------------


@pytest.mark.parametrize("overlap_ms", [200, 400, 1000])
@pytest.mark.parametrize("silent_ms", [0, 300])
def test_what_both_have_is_heard_once(overlap_ms: int, silent_ms: int) -> None:
    whole = speech(6)
    end, overlap = 4 * LISTEN_RATE, overlap_ms * LISTEN_RATE // 1000
    # The person may be silent when the recording ends.
    whole[end - silent_ms * LISTEN_RATE // 1000 : end] = 0
    recorded, live = coded(whole[:end]), whole[end - overlap : end + LISTEN_RATE]
    if overlap_ms < silent_ms + 160:
        assert ends_at(recorded, live) == 0, "what they share is silence"
    else:
        assert abs(ends_at(recorded, live) - overlap) <= 2


def test_what_they_do_not_share_is_kept_whole() -> None:
    recorded = speech(2)
    for live in (speech(0.5, 8), np.zeros(8000, np.int16), NOTHING):
        assert ends_at(recorded, live) == 0
    assert ends_at(NOTHING, speech(0.5)) == 0


def test_a_hum_that_is_everywhere_is_no_place_to_go_on() -> None:
    at = np.arange(6 * LISTEN_RATE)
    hum = (np.sin(at * 2 * np.pi * 100 / LISTEN_RATE) * 200).astype(np.int16)
    whole = hum + speech(6) * ((at < 3 * LISTEN_RATE) | (at > 4.1 * LISTEN_RATE))
    # Silent when the recording ends, then a word, then silent again.
    end, spoken = 4 * LISTEN_RATE, int(4.6 * LISTEN_RATE)
    whole[spoken:] = hum[spoken:]
    live = coded(whole[end - 2000 : end + LISTEN_RATE])
    assert ends_at(coded(whole[:end]), live) < 2000 + LISTEN_RATE // 10, "a word is lost"
    # Where the track has what was said last before the silence, it is found by that.
    long = coded(whole[int(2.7 * LISTEN_RATE) : end + LISTEN_RATE])
    assert abs(ends_at(coded(whole[:end]), long) - int(1.3 * LISTEN_RATE)) <= 2


# --- decoding -------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_of_any_usual_rate(rate: int, channels: int) -> None:
    tone = np.sin(np.arange(rate) * 2 * np.pi * 440 / rate) * 8000
    content = np.repeat(tone.astype("<i2")[:, None], channels, axis=1).tobytes() + b"\x01"
    pcm = samples(content, rate, channels)
    assert abs(pcm.size - LISTEN_RATE) <= 1
    wanted = np.sin(np.arange(pcm.size) * 2 * np.pi * 440 / LISTEN_RATE) * 8000
    assert np.abs(pcm - wanted)[200:-200].max() < 60


@pytest.mark.parametrize("container", ["webm", "ogg", "mp4"])
def test_files_as_browsers_record_them(container: str) -> None:
    content = written(container, tone(48_000), 48_000)
    pcm = decoded(content, 10)
    assert abs(pcm.size / LISTEN_RATE - 2) < 0.1
    assert 0.6 < np.abs(pcm[4000:-4000]).max() / 8000 < 1.4
    assert decoded(content, 1).size == LISTEN_RATE
    with pytest.raises(InvalidInput, match=r"may have 1 s"):
        decoded(content, 0.25)


# --- receiving ------------------------------------------------------------------------------


class Reader:
    """A byte stream as the SDK hands it over."""

    def __init__(self, content: bytes, mime: str = "audio/pcm", **attributes: str) -> None:
        usual = {"trackId": "TR_1", "sampleRate": "16000", "channels": "1"}
        self.info = SimpleNamespace(attributes={**usual, **attributes}, mime_type=mime)
        self.closed = False
        self._content = io.BytesIO(content)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        while piece := self._content.read(15_000):
            await asyncio.sleep(0)
            yield piece

    def close(self) -> None:
        self.closed = True


class Room:
    """Keeps the handler that is registered at it."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def register_byte_stream_handler(self, topic: str, handler: Any) -> None:
        self.handlers[topic] = handler

    def send(self, reader: Reader, identity: str = "mira") -> Reader:
        self.handlers["lk.agent.pre-connect-audio-buffer"](reader, identity)
        return reader


def receiving(seconds: float = 10) -> tuple[PreConnectAudio, Room]:
    audio, room = PreConnectAudio(seconds), Room()
    audio.register(cast(rtc.Room, room))
    return audio, room


async def test_a_recording_is_handed_out_once_and_to_its_track_alone() -> None:
    audio, room = receiving()
    spoken = speech(1)
    reader = room.send(Reader(spoken.tobytes()))
    assert (await audio.of("otto", "TR_1", announced=False)).size == 0
    assert (await audio.of("mira", "TR_2", announced=False)).size == 0
    assert np.abs(await audio.of("mira", "TR_1", announced=False) - spoken).max() <= 1
    assert (await audio.of("mira", "TR_1", announced=False)).size == 0
    assert reader.closed


async def test_one_that_is_announced_is_waited_for() -> None:
    audio, room = receiving()
    waiting = asyncio.create_task(audio.of("mira", "TR_1", announced=True))
    await asyncio.sleep(0)
    room.send(Reader(speech(1).tobytes()))
    assert (await waiting).size == LISTEN_RATE


async def test_one_that_never_comes_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pre_connect, "WAIT_S", 0.05)
    audio, _ = receiving()
    assert (await audio.of("mira", "TR_1", announced=True)).size == 0


async def test_the_newest_seconds_are_kept_and_no_more_is_read_than_agreed() -> None:
    audio, room = receiving(1)
    spoken = speech(3)
    room.send(Reader(spoken.tobytes()))
    kept = await audio.of("mira", "TR_1", announced=True)
    assert np.abs(kept - spoken[-LISTEN_RATE:]).max() <= 1
    room.send(Reader(speech(30).tobytes(), trackId="TR_2"))
    assert (await audio.of("mira", "TR_2", announced=True)).size == 0


@pytest.mark.parametrize(
    ("mime", "attributes"),
    [
        ("audio/pcm", {"sampleRate": "0"}),
        ("audio/pcm", {"sampleRate": "1e4"}),
        ("audio/pcm", {"sampleRate": "9" * 5000}),
        ("audio/pcm", {"channels": "-1"}),
        ("audio/pcm", {"channels": ""}),
        ("audio/webm;codecs=opus", {}),
    ],
)
async def test_one_that_is_not_what_it_says_is_no_sound(
    mime: str, attributes: dict[str, str]
) -> None:
    audio, room = receiving()
    reader = room.send(Reader(b"nothing of the kind", mime, **attributes))
    assert (await audio.of("mira", "TR_1", announced=True)).size == 0
    assert reader.closed


async def test_a_track_that_is_heard_again_waits_for_nothing() -> None:
    audio, room = receiving()
    room.send(Reader(speech(1).tobytes()))
    assert (await audio.of("mira", "TR_1", announced=True)).size
    async with asyncio.timeout(pre_connect.WAIT_S / 2):
        assert (await audio.of("mira", "TR_1", announced=True)).size == 0


async def test_an_old_recording_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pre_connect, "FRESH_S", 0.01)
    audio, room = receiving()
    room.send(Reader(speech(1).tobytes()))
    await asyncio.gather(*audio._tasks)
    await asyncio.sleep(0.05)
    assert (await audio.of("mira", "TR_1", announced=False)).size == 0


async def test_only_a_few_are_kept_and_it_can_be_switched_off() -> None:
    audio, room = receiving()
    readers = [room.send(Reader(b"", trackId=f"TR_{n}"), f"guest-{n}") for n in range(20)]
    assert sum(reader.closed for reader in readers) == 20 - pre_connect.MOST_KEPT
    assert len(audio._found) == pre_connect.MOST_KEPT
    assert room.send(Reader(b"", trackId="")).closed
    await audio.close()
    _, room = receiving(0)
    assert room.handlers == {}


async def test_what_others_send_does_not_displace_the_recording_of_the_user() -> None:
    audio, room = receiving()
    spoken = speech(1)
    room.send(Reader(spoken.tobytes()))
    await asyncio.gather(*audio._tasks)
    for track in range(20):
        room.send(Reader(speech(0.1).tobytes(), trackId=f"TR_invented_{track}"), "otto")
        await asyncio.gather(*audio._tasks)
    assert (await audio.of("mira", "TR_1", announced=True)).size == LISTEN_RATE


async def test_one_that_is_waited_for_gives_way_to_none() -> None:
    audio, room = receiving()
    waiting = asyncio.create_task(audio.of("mira", "TR_1", announced=True))
    await asyncio.sleep(0)
    for number in range(20):
        room.send(Reader(speech(0.1).tobytes()), f"guest-{number}")
        await asyncio.gather(*audio._tasks)
    room.send(Reader(speech(1).tobytes()))
    assert (await waiting).size == LISTEN_RATE


class Slow(Reader):
    """One of which nothing comes."""

    async def _pieces(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


async def test_a_second_one_of_somebody_gives_way_to_the_first_of_another() -> None:
    audio, room = receiving()
    for number in range(pre_connect.MOST_KEPT):
        room.send(Slow(b"", trackId=f"TR_{number}"), f"guest-{number // 2}")
    room.send(Reader(speech(1).tobytes()))
    assert (await audio.of("mira", "TR_1", announced=True)).size == LISTEN_RATE
    first = [room.send(Slow(b"", trackId="TR_9"), f"late-{number}") for number in range(9)]
    assert sum(not reader.closed for reader in first) == pre_connect.MOST_KEPT // 2
    assert len(audio._tasks) == pre_connect.MOST_KEPT
    await audio.close()


async def test_recordings_kept_of_many_leave_the_one_of_the_user() -> None:
    audio, room = receiving()
    room.send(Reader(speech(1).tobytes()))
    for number in range(pre_connect.MOST_KEPT):
        room.send(Reader(b"", trackId=f"TR_{number}"), f"guest-{number // 2}")
        await asyncio.gather(*audio._tasks)
    assert (await audio.of("mira", "TR_1", announced=True)).size == LISTEN_RATE


async def test_that_of_the_user_has_a_place_whoever_sent_some_before() -> None:
    room, user = Room(), ""
    audio = PreConnectAudio(10, lambda: user)
    audio.register(cast(rtc.Room, room))
    for number in range(pre_connect.MOST_KEPT):
        assert not room.send(Slow(b""), f"guest-{number}").closed
    assert room.send(Slow(b"")).closed
    user = "mira"
    room.send(Reader(speech(1).tobytes()))
    assert (await audio.of("mira", "TR_1", announced=True)).size == LISTEN_RATE
    await audio.close()


async def test_slow_ones_of_others_do_not_keep_that_of_the_user_out() -> None:
    room, user = Room(), "mira"
    audio = PreConnectAudio(10, lambda: user)
    audio.register(cast(rtc.Room, room))
    assert room.send(Slow(b""), "otto").closed, "somebody else is listened to"
    user = ""
    slow = [room.send(Slow(b"", trackId=f"TR_{n}"), "otto") for n in range(20)]
    assert sum(not reader.closed for reader in slow) == pre_connect.MOST_EACH
    room.send(Reader(speech(1).tobytes()))
    assert (await audio.of("mira", "TR_1", announced=True)).size == LISTEN_RATE
    await audio.close()


# --- before the live track ------------------------------------------------------------------


class Microphone:
    """An AudioInput whose frames are given by hand, and what the session was fed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.input = AudioInput()
        self.fed = bytearray()
        self.began = asyncio.Event()
        monkeypatch.setattr(AudioInput, "_read", self._wait)

    @staticmethod
    async def _wait(_input: AudioInput, _track: rtc.Track) -> None:
        await asyncio.Event().wait()

    def hear(self, pcm: Pcm) -> None:
        for start in range(0, pcm.size, LISTEN_FRAME):
            self.input._take(pcm[start : start + LISTEN_FRAME].tobytes())

    async def feed(self, pcm: bytes) -> None:
        self.fed += pcm
        self.began.set()

    @property
    def heard(self) -> NDArray[np.int16]:
        return np.frombuffer(bytes(self.fed), np.int16)


TRACK = cast(rtc.Track, SimpleNamespace(sid="TR_1"))


async def test_the_track_follows_the_recording_without_a_gap_or_a_double(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    microphone, whole = Microphone(monkeypatch), speech(4)
    recorded, live = whole[:40_000], whole[36_800:]  # 200 ms are in both
    arrives = asyncio.Event()

    async def earlier() -> Pcm:
        await arrives.wait()
        return recorded

    async with asyncio.TaskGroup() as tasks:
        microphone.input.listen(TRACK, tasks, earlier)
        feeding = tasks.create_task(microphone.input.run(microphone.feed))
        microphone.hear(np.zeros(3 * LISTEN_FRAME, np.int16))  # before its first packet
        microphone.hear(live[: 60 * LISTEN_FRAME])
        await asyncio.sleep(0.01)
        assert not microphone.fed
        arrives.set()
        await microphone.began.wait()
        microphone.hear(live[60 * LISTEN_FRAME :])
        await asyncio.sleep(0.01)
        feeding.cancel()
        microphone.input.stop()
    assert np.array_equal(microphone.heard, whole)


async def test_a_track_without_a_recording_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    microphone, live = Microphone(monkeypatch), speech(1)

    async def earlier() -> Pcm:
        return NOTHING

    async with asyncio.TaskGroup() as tasks:
        microphone.input.listen(TRACK, tasks, earlier)
        feeding = tasks.create_task(microphone.input.run(microphone.feed))
        microphone.hear(live)
        await asyncio.sleep(0.05)
        feeding.cancel()
        microphone.input.stop()
    assert np.array_equal(microphone.heard, live)


async def test_a_session_that_is_slow_to_begin_hears_the_newest_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    microphone = Microphone(monkeypatch)
    live = speech(12)
    microphone.hear(live)
    feeding = asyncio.create_task(microphone.input.run(microphone.feed))
    await asyncio.sleep(0.05)
    feeding.cancel()
    assert microphone.input.dropped == 600 - MAX_EARLY_FRAMES
    assert np.array_equal(microphone.heard, live[-MAX_EARLY_FRAMES * LISTEN_FRAME :])


async def test_a_track_that_follows_another_is_not_cut_while_its_recording_is_awaited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    microphone, live = Microphone(monkeypatch), speech(3)
    arrives = asyncio.Event()

    async def earlier() -> Pcm:
        await arrives.wait()
        return NOTHING

    async with asyncio.TaskGroup() as tasks:
        feeding = tasks.create_task(microphone.input.run(microphone.feed))
        microphone.hear(live[:LISTEN_FRAME])  # of the first track, from whose end on two seconds do
        await microphone.began.wait()
        microphone.fed.clear()
        microphone.input.listen(TRACK, tasks, earlier)
        microphone.hear(live)
        arrives.set()
        await asyncio.sleep(0.05)
        feeding.cancel()
        microphone.input.stop()
    assert microphone.input.dropped == 0
    assert np.array_equal(microphone.heard, live)


@pytest.mark.parametrize("waiting", [100, MAX_EARLY_FRAMES])
async def test_a_recording_that_waits_long_is_not_dropped_for_one_frame(
    monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    microphone = Microphone(monkeypatch)
    whole = speech(2 + (MAX_EARLY_FRAMES + 10) * 0.02)
    recorded, live = whole[: 2 * LISTEN_RATE], whole[2 * LISTEN_RATE :]
    arrives = asyncio.Event()

    async def earlier() -> Pcm:
        await arrives.wait()
        return recorded

    async with asyncio.TaskGroup() as tasks:
        microphone.input.listen(TRACK, tasks, earlier)
        microphone.hear(live[: waiting * LISTEN_FRAME])
        arrives.set()
        assert microphone.input._joining is not None
        await microphone.input._joining
        microphone.hear(live[waiting * LISTEN_FRAME :])
        feeding = tasks.create_task(microphone.input.run(microphone.feed))
        await asyncio.sleep(0.05)
        feeding.cancel()
        microphone.input.stop()
    assert microphone.input.dropped <= 11
    assert np.array_equal(microphone.heard, whole[-microphone.heard.size :])
    assert microphone.heard.size >= whole.size - 11 * LISTEN_FRAME
