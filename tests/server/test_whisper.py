"""A conversation heard by Whisper: the trained test model, sentences it knows."""

from tests.server.talk import Samples, talking
from tests.unit.backends.speech import DATA, SPOKEN
from vdx.client.recording import read_clip

NAMES = ("turn_on_the_kitchen_light", "what_time_is_it", "tell_me_a_story")


def sentence(name: str, rate: int) -> Samples:
    found = read_clip(DATA / "whisper-speech" / f"{name}.wav", rate)
    return found.pcm[: found.end]


async def test_whole_turns_are_heard_and_answered(server: str) -> None:
    async with talking(server, "whisper") as talk:
        for number, name in enumerate(NAMES):
            mark = len(talk.events)
            await talk.say(sentence(name, talk.rate), then_s=1)
            done = await talk.wait("response.done", after=mark)
            heard = talk.of("conversation.item.input_audio_transcription.completed")
            assert [event["transcript"] for event in heard] == [
                SPOKEN[said] for said in NAMES[: number + 1]
            ]
            (item,) = done["response"]["output"]
            assert item["content"][0]["transcript"] == f"You said: {SPOKEN[name]}"
            assert talk.audio(done["response"]["id"]).size > 24_000
