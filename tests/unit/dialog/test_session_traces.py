"""One trace for each turn of a session, and the session's ids in every line it writes."""

import json
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.stage import answered, long_answer, scene
from tests.unit.recorded_spans import recorded_spans
from tests.unit.virtual_time import on_virtual_time
from vdx.core import logs
from vdx.core.config import Config, LogConfig
from vdx.core.events import SessionState
from vdx.dialog.reply_request import ReplyRequest
from vdx.dialog.session_events import ReplyDone


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as found:
        yield found


def of_turns(spans: InMemorySpanExporter) -> dict[int, list[ReadableSpan]]:
    """The spans of each trace, by the number of its turn; the root is the last to end."""
    found: dict[int, list[ReadableSpan]] = {}
    for root in spans.get_finished_spans():
        if root.name == "turn":
            trace = root.context.trace_id
            number = int(str((root.attributes or {})["vdx.turn"]))
            found[number] = [s for s in spans.get_finished_spans() if s.context.trace_id == trace]
    return found


def outcome(spans: list[ReadableSpan]) -> object:
    return next(s.attributes or {} for s in spans if s.name == "turn")["vdx.outcome"]


@on_virtual_time
async def test_a_turn_is_one_trace_with_a_span_for_each_stage(
    spans: InMemorySpanExporter,
) -> None:
    async with scene(Heard("hello there")) as stage:
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
    (turn,) = of_turns(spans).values()
    assert {span.name for span in turn} == {
        "turn",
        "recogniser",
        "endpointing",
        "responder",
        "gap",
        "playout",
    }
    assert outcome(turn) == "completed"
    assert not any("hello" in span.to_json() for span in spans.get_finished_spans())


@on_virtual_time
async def test_an_interruption_ends_one_trace_and_is_another(spans: InMemorySpanExporter) -> None:
    heard = (Heard("tell me"), Heard("stop please now"), Heard())
    async with scene(*heard, responder=long_answer(), calibrated=True) as stage:
        await answered(stage)
        await stage.quiet_for(1200)
        await stage.person_says(900)
        await stage.until(SessionState.SPEAKING)
        await stage.until(SessionState.WAITING_FOR_INPUT)
    turns = of_turns(spans)
    assert [outcome(turns[number]) for number in sorted(turns)] == ["interrupted", "completed"]
    assert all("recogniser" in {span.name for span in turn} for turn in turns.values())


@on_virtual_time
async def test_a_reply_beside_the_conversation_ends_no_trace(spans: InMemorySpanExporter) -> None:
    async with scene(Heard("tell me"), responder=long_answer()) as stage:
        await answered(stage)
        beside = ReplyRequest(text_only=True, in_conversation=False)
        stage.session.out_of_band.start("Classify.", beside)
        done = await stage.transport.wait_for(ReplyDone)
        assert done.reply.number < 0
        assert of_turns(spans) == {}
        assert stage.session.log_ids.reply == 1
        await stage.until(SessionState.WAITING_FOR_INPUT)
    (turn,) = of_turns(spans).values()
    assert "playout" in {span.name for span in turn}


@on_virtual_time
async def test_a_sound_over_a_reply_is_a_trace_that_says_it_was_none(
    spans: InMemorySpanExporter,
) -> None:
    async with scene(Heard("tell me"), Heard(), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(1200)
        await stage.person_says(200)
        await stage.until(SessionState.WAITING_FOR_INPUT)
    turns = of_turns(spans)
    assert [outcome(turns[number]) for number in sorted(turns)] == ["completed", "dropped"]


@on_virtual_time
async def test_every_line_has_the_ids_of_its_session_turn_reply_and_trace(
    spans: InMemorySpanExporter, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(LogConfig(format="json", level="debug"))
    async with scene(Heard("hello there"), Heard("again"), config=Config()) as stage:
        for _ in range(2):
            await answered(stage)
            await stage.until(SessionState.WAITING_FOR_INPUT)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["session"] for line in lines} == {"s"}
    traces = {turn: {s.context.trace_id for s in spans} for turn, spans in of_turns(spans).items()}
    for turn, event in ((1, "turn answered"), (2, "turn answered"), (2, "reply ended")):
        (line,) = [each for each in lines if (each["event"], each.get("turn")) == (event, turn)]
        assert line["reply"] == turn
        assert {int(line["trace"], 16)} == traces[turn]
    assert "hello" not in json.dumps(lines)
