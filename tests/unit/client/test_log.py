from typing import Any

from vdx.client.log import ConversationLog


def delta(response: str, size: int) -> dict[str, Any]:
    return {"type": "response.output_audio.delta", "response_id": response, "delta": size}


def created(response: str) -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": response}}


def done(response: str, status: str, text: str = "") -> dict[str, Any]:
    content = [{"type": "output_audio", "transcript": text}]
    return {
        "type": "response.done",
        "response": {"id": response, "status": status, "output": [{"content": content}]},
    }


def test_a_reply_is_followed_from_begin_to_end() -> None:
    log = ConversationLog()
    log.take(created("r"), 1.0)
    log.take(delta("r", 0), 1.1)
    log.take(delta("r", 960), 1.2)
    log.take(delta("r", 960), 1.3)
    assert log.active is log.latest
    log.take(done("r", "completed", "hello"), 2.0)
    reply = log.replies["r"]
    assert (reply.first_audio, reply.last_audio, reply.done) == (1.2, 1.3, 2.0)
    assert (reply.status, reply.text, reply.after_end) == ("completed", "hello", 0)
    assert log.active is None


def test_audio_after_the_end_is_counted() -> None:
    log = ConversationLog()
    log.take(created("r"), 1.0)
    log.take(done("r", "cancelled"), 2.0)
    log.take(delta("r", 960), 2.1)
    assert log.replies["r"].after_end == 960


def test_audio_after_the_order_to_clear_is_counted() -> None:
    log = ConversationLog()
    log.take(created("r"), 1.0)
    log.take(delta("r", 960), 1.1)
    log.take({"type": "input_audio_buffer.speech_started"}, 1.2)
    log.take(delta("r", 480), 1.3)
    assert log.replies["r"].after_end == 480


def test_words_turns_errors_and_vdx_events_are_kept() -> None:
    log = ConversationLog()
    completed = "conversation.item.input_audio_transcription.completed"
    log.take({"type": completed, "item_id": "i", "transcript": "hi"}, 1.0)
    log.take({"type": "vdx.turn", "speech_end_to_first_audio_ms": 300.0, "stages": {}}, 1.1)
    log.take({"type": "vdx.vad", "level": 3}, 1.2)
    log.take({"type": "error", "error": {"message": "no"}}, 1.3)
    assert [heard.text for heard in log.heard] == ["hi"]
    assert [turn["speech_end_to_first_audio_ms"] for turn in log.turns] == [300.0]
    assert [event["type"] for _, event in log.vdx] == ["vdx.turn"]
    assert log.errors == [{"message": "no"}]
    assert (log.count("vdx.vad"), log.first("vdx.vad"), log.times("x")) == (1, 1.2, [])


def test_events_of_replies_nobody_announced_are_ignored() -> None:
    log = ConversationLog()
    log.take(delta("r", 960), 1.0)
    log.take(done("r", "completed"), 1.1)
    assert log.replies == {}
    assert log.latest is None


def test_the_transcript_grows_and_its_end_replaces_it() -> None:
    log = ConversationLog()
    log.take(created("r"), 1.0)
    for text in ("You said: ", "hello"):
        kind = "response.output_audio_transcript.delta"
        log.take({"type": kind, "response_id": "r", "delta": text}, 1.1)
    assert log.replies["r"].text == "You said: hello"
    kind = "response.output_audio_transcript.done"
    log.take({"type": kind, "response_id": "r", "transcript": "You said"}, 1.2)
    assert log.replies["r"].text == "You said"
