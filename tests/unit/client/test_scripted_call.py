import asyncio

import numpy as np
import pytest

from tests.unit.client.fake_server import FakeServer, serving
from vdx.bench.clips import clip
from vdx.client.microphone_feed import MicrophoneFeed, task_of
from vdx.client.realtime import RealtimeClient
from vdx.client.recording import Clip
from vdx.client.scripted_call import quiet, speak_recordings, summary
from vdx.core.errors import ConnectionLost

RATE = 24_000


def tone(frames: int) -> Clip:
    pcm = np.full(frames * 480, 2000, np.int16)
    return Clip("tone", pcm, RATE, 480, pcm.size)


async def test_a_recording_is_answered_and_told() -> None:
    fake = FakeServer(answer_after=45)
    async with serving(fake) as url, RealtimeClient.connect(url, freezes=True) as client:
        await client.update_session(events=True)
        assert await speak_recordings(client, [tone(5)], 5.0) == 0
        told = summary(client)
    assert told["heard"] == ["hello"]
    assert told["said"] == ["You said: hello"]
    assert told["turns"] == [
        {
            "speech_end_to_first_audio_ms": 320.0,
            "stages": {"endpoint": 300.0, "first_audio": 320.0},
        }
    ]
    assert [each["outcome"] for each in told["interruptions"]] == ["resumed"]


async def test_a_recording_without_an_answer_is_counted() -> None:
    async with serving(FakeServer(answers=0)) as url, RealtimeClient.connect(url) as client:
        assert await speak_recordings(client, [tone(2)], 0.05) == 1
        assert summary(client)["said"] == []


async def test_the_microphone_feed_stamps_onset_and_end() -> None:
    fake = FakeServer(answers=0)
    async with serving(fake) as url, RealtimeClient.connect(url) as client:
        microphone_feed = MicrophoneFeed(client)
        sending = task_of(microphone_feed)
        spoken = microphone_feed.say(tone(4))
        await spoken.finished
        assert microphone_feed.silent
        again = microphone_feed.say(tone(4))
        await again.finished
        assert again.onset_ms >= spoken.onset_ms + 4 * 20
        assert spoken.began < spoken.onset < spoken.end
        await asyncio.sleep(0.05)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert len(microphone_feed.lag_ms) >= 4
    assert fake.frames >= 4


async def test_speaking_again_breaks_off_what_was_being_said() -> None:
    async with serving(FakeServer(answers=0)) as url, RealtimeClient.connect(url) as client:
        microphone_feed = MicrophoneFeed(client)
        first = microphone_feed.say(tone(100))
        second = microphone_feed.say(tone(1))
        assert first.finished.done()
        assert not second.finished.done()


async def test_quiet_notices_a_lost_connection() -> None:
    async with serving(FakeServer(hangs_up=True)) as url, RealtimeClient.connect(url) as client:
        await client.update_session()
        with pytest.raises(ConnectionLost):
            await quiet(client, 5.0)


async def test_quiet_has_an_end() -> None:
    async with serving(FakeServer()) as url, RealtimeClient.connect(url) as client:
        client.listener.receive("r", bytes(RATE), client.listener.end)
        with pytest.raises(TimeoutError):
            await quiet(client, 60.0, timeout_s=0.01)


def test_bundled_recordings_are_all_there() -> None:
    from vdx.bench.clips import BARGE_IN_CLIPS, LISTENING_SOUND, TURN_CLIPS, recording

    for name in (*TURN_CLIPS, *BARGE_IN_CLIPS, LISTENING_SOUND):
        assert 0.2 < clip(name, RATE).seconds < 4.0
        assert recording(name).exists()
