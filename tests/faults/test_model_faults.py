"""Models that fail, hang, die or are unloaded under a conversation."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.killing import kill_model_process
from tests.repetitions import Measured
from tests.server.processes import LONG_ANSWER, Http, eventually, running
from tests.server.talk import Event, Talk, clip, talking, update
from vdx.serving.embedded import EmbeddedTriton

OK = "completed"
SPEAKS_AGAIN_S = 4.0
"""How long the death of a voice is to silence it."""
SHORT_TIMEOUTS = {
    "first_response_timeout_ms": 1500,
    "next_response_timeout_ms": 1000,
    "final_transcript_timeout_ms": 1500,
    "probe_interval_ms": 300,
    "probe_timeout_ms": 1500,
}


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server with short time-outs."""
    config = base_config | {"triton": {"url": triton.grpc_url} | SHORT_TIMEOUTS}
    home = tmp_path_factory.mktemp("short-timeouts")
    with running("frontend", "--port", "0", home=home, config=config) as vdx:
        yield vdx.url()
        assert "Traceback" not in vdx.output, vdx.output


def _stub(triton: EmbeddedTriton, model: str) -> int | None:
    """The process id of a model's Python process."""
    assert triton.pid is not None
    for child in psutil.Process(triton.pid).children(recursive=True):
        with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if any(f"/{model}/" in word for word in child.cmdline()):
                return child.pid
    return None


def _voice(name: str) -> Event:
    return {"audio": {"output": {"voice": name}}}


def _only_told_to_wait(talk: Talk) -> bool:
    """Nothing failed; who waits for a model for long is told once that it is away."""
    told = [error["error"]["code"] for error in talk.of("error")]
    return told in ([], ["model_unavailable"])


async def _works_again(talk: Talk) -> None:
    """A turn in the same session; the first ones may still meet the fault."""
    for _ in range(4):
        mark = len(talk.events)
        await talk.append(clip("ps_cards_001"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                if (await talk.wait("response.done", after=mark))["response"]["status"] == OK:
                    return
    raise AssertionError(f"no turn works any more: {talk.kinds()}")


@pytest.mark.parametrize(("fault", "code"), [("error", "model_failed"), ("hang", "timeout")])
async def test_a_voice_that_breaks_in_mid_reply(server: str, fault: str, code: str) -> None:
    async with talking(server, session=_voice(f"tone-spare/fault:{fault}")) as talk:
        done = await talk.full_turn()
        error = await talk.error(0)
        assert error["service"] == "triton:tone-spare"
        assert error["retryable"] is True
        assert error["code"] == code
        assert done["response"]["status"] == "failed"
        assert done["response"]["status_details"]["error"]["code"] == error["code"]
        await update(talk, _voice("tone"))
        await _works_again(talk)


async def test_a_slow_voice_is_still_heard_to_its_end(server: str) -> None:
    async with talking(server, session=_voice("tone-fast/fault:slow")) as talk:
        done = await talk.full_turn()
        assert done["response"]["status"] == "completed", (done, talk.of("error"))
        assert not talk.of("error")


async def test_a_voice_that_dies_in_every_clause_is_spoken_for_by_another(server: str) -> None:
    async with talking(server, session=_voice("tone-spare/fault:exit")) as talk:
        done = await talk.full_turn()
        error = await talk.error(0)
        assert error["service"] == "triton:tone-spare"
        assert error["code"] in ("model_unavailable", "timeout"), "noticed, or waited for in vain"
        assert done["response"]["status"] == OK
        await update(talk, _voice("tone"))
        await _works_again(talk)


@pytest.mark.parametrize("deltas", [pytest.param(0, marks=pytest.mark.long), 5])
async def test_a_reply_outlives_the_process_of_its_voice(
    server: str, triton: EmbeddedTriton, deltas: int, measured: Measured
) -> None:
    """Killed before and after the first sound: the clause under way is spoken all the same."""
    async with talking(server, "fast-long", session={"audio": {"output": {"speed": 0.5}}}) as talk:
        pid = _stub(triton, "tone-fast")
        assert pid is not None
        if deltas == 0:
            await asyncio.to_thread(kill_model_process, pid)
        created = await talk.turn()
        if deltas:
            await talk.wait("response.output_audio.delta", count=deltas)
            await asyncio.to_thread(kill_model_process, pid)
        done = await talk.wait("response.done")
        assert done["response"]["status"] == OK
        assert done["response"]["output"][0]["content"][0]["transcript"] == LONG_ANSWER
        measured("silence", talk.longest_silence(created["response"]["id"]), SPEAKS_AGAIN_S)
        assert _stub(triton, "tone-fast") not in (None, pid)


# The voice that is unloaded below is spoken for by another one too; a load that fails:
# tests/unit/serving/test_manager_watch.py.
@pytest.mark.long
async def test_a_reply_is_ended_by_another_voice_while_its_own_cannot_be_loaded(
    server: str, triton: EmbeddedTriton, repository: Path
) -> None:
    moved = repository / "tone-fast" / "away"
    async with talking(server, "fast-long", session={"audio": {"output": {"speed": 0.5}}}) as talk:
        await talk.turn()
        await talk.wait("response.output_audio.delta")
        pid = _stub(triton, "tone-fast")
        assert pid is not None
        (repository / "tone-fast" / "config.pbtxt").rename(moved)
        try:
            await asyncio.to_thread(kill_model_process, pid)
            done = await talk.wait("response.done")
            assert done["response"]["status"] == OK
            assert done["response"]["output"][0]["content"][0]["transcript"] == LONG_ANSWER
            assert (await talk.error(0))["code"] == "model_unavailable"
        finally:
            moved.rename(repository / "tone-fast" / "config.pbtxt")
        await asyncio.to_thread(
            eventually, lambda: _stub(triton, "tone-fast") not in (None, pid), "a new process"
        )
        await update(talk, {"audio": {"output": {"speed": 2.0}}})
        await _works_again(talk)


@pytest.mark.long  # the same as the reply above, with two sessions
async def test_other_sessions_speak_on_while_a_voice_is_loaded_again(
    server: str, triton: EmbeddedTriton, measured: Measured
) -> None:
    async with talking(server, "long") as other:
        created = await other.turn()
        await other.wait("response.output_audio.delta", count=5)
        pid = _stub(triton, "tone-fast")
        assert pid is not None
        await asyncio.to_thread(kill_model_process, pid)
        done = await other.wait("response.done")
        assert done["response"]["status"] == OK
        assert _only_told_to_wait(other)
        measured("silence", other.longest_silence(created["response"]["id"]), SPEAKS_AGAIN_S)
        await asyncio.to_thread(
            eventually, lambda: _stub(triton, "tone-fast") not in (None, pid), "a new process"
        )


async def test_a_recogniser_process_that_was_killed_is_brought_back(
    server: str, triton: EmbeddedTriton
) -> None:
    async with talking(server, "stop") as talk:
        pid = _stub(triton, "canned-stop")
        assert pid is not None
        await asyncio.to_thread(kill_model_process, pid)
        await talk.append(bytes(9600))
        await asyncio.to_thread(
            eventually, lambda: _stub(triton, "canned-stop") not in (None, pid), "a new process"
        )
        await _works_again(talk)


async def test_what_is_said_while_the_recogniser_dies_is_understood(
    server: str, triton: EmbeddedTriton
) -> None:
    async with talking(server, "stop") as talk:
        pid = _stub(triton, "canned-stop")
        assert pid is not None
        words = clip("ps_cards_001")
        await talk.say(words[: len(words) // 2])
        await asyncio.to_thread(kill_model_process, pid)
        await talk.say(words[len(words) // 2 :], then_s=1.0)
        told = await talk.wait("conversation.item.input_audio_transcription.completed")
        assert told["transcript"] == "stop please"
        assert (await talk.wait("response.done"))["response"]["status"] == OK
        assert _only_told_to_wait(talk)


async def test_an_unloaded_voice_finishes_its_clause(server: str, http: Http) -> None:
    await asyncio.to_thread(http.post, "/vdx/models/tone-spare/load")
    async with talking(server, "long", session=_voice("tone-spare")) as talk:
        await talk.turn()
        await talk.wait("response.output_audio.delta", count=5)
        code, answer = await asyncio.to_thread(http.post, "/vdx/models/tone-spare/unload")
        assert code == 200
        assert (len(answer["sessions_moved"]), answer["sessions_still_using_it"]) == (1, [])
        done = await talk.wait("response.done")
        assert done["response"]["status"] == OK
        played = done["response"]["output"][0]["content"][0]["transcript"]
        assert played == LONG_ANSWER
        assert (await update(talk, {}))["audio"]["output"]["voice"] == "tone"
        await update(talk, _voice("tone-fast"))
        await _works_again(talk)


async def test_the_rest_of_a_reply_is_spoken_by_another_voice(server: str, http: Http) -> None:
    # Slowly, so that there is time before the last clause is asked for.
    async with talking(server, "fast-long", session={"audio": {"output": {"speed": 0.5}}}) as talk:
        await talk.turn()
        await talk.wait("response.output_audio.delta")
        _, answer = await asyncio.to_thread(http.post, "/vdx/models/tone-fast/unload")
        assert len(answer["sessions_still_using_it"]) == 1
        done = await talk.wait("response.done")
        assert (await talk.error(0))["code"] == "model_unavailable", "somebody is told"
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"] == LONG_ANSWER
        await update(talk, {"audio": {"output": {"voice": "tone-fast", "speed": 2.0}}})
        await _works_again(talk)


async def test_a_switched_voice_does_not_keep_the_old_ones_speaker(server: str, http: Http) -> None:
    async with talking(server, session=_voice("tone/fault:nobody")) as talk:
        path = "/vdx/models/tone-spare/use?session="
        session = talk.of("session.created")[0]["session"]["id"].removeprefix("sess_")
        assert (await asyncio.to_thread(http.post, path + session))[0] == 200
        await _works_again(talk)


async def test_new_sessions_do_not_want_what_was_unloaded(server: str, http: Http) -> None:
    await asyncio.to_thread(http.post, "/vdx/models/tone-spare/use")
    await asyncio.to_thread(http.post, "/vdx/models/tone-spare/unload")
    async with talking(server) as talk:
        session = talk.of("session.created")[0]["session"]
        assert session["audio"]["output"]["voice"] == "tone"
        await _works_again(talk)


async def test_a_speaker_nobody_knows_fails_one_reply_only(server: str) -> None:
    async with talking(server, session=_voice("tone/fault:nobody")) as talk:
        done = await talk.full_turn()
        assert done["response"]["status"] == "failed"
        assert "Sorry" in done["response"]["output"][0]["content"][0]["transcript"]
        assert "fault:nobody" in (await talk.error(0))["message"]
        await update(talk, _voice("tone"))
        await _works_again(talk)
