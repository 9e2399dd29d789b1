"""What the benches of conversations make of what their clients measured; nothing is started.

The clients' results in tests/data/bench were recorded against a real server with the models `tone`
and `canned`, their long lists cut to four values. Other results here are made up.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vdx.bench import (
    bargein,
    churn,
    false_bargein,
    first_audio,
    interruptions,
    jitter,
    sessions,
    speech,
    start,
    transcriptions,
    turn,
)
from vdx.bench.figures import Report
from vdx.bench.line_program import Ask
from vdx.bench.procfs import Usage
from vdx.bench.scrape import Metrics, parse
from vdx.bench.target import Target
from vdx.core.errors import VdxError

DATA = Path(__file__).parents[2] / "data" / "bench"
PID = 4711


class FakeTarget(Target):
    """A server with figures of its own: the next of `texts` at each look."""

    texts: Iterator[str] = iter(())
    left: Iterator[dict[str, Any]] = iter(())

    async def metrics(self) -> Metrics:
        return parse(next(self.texts))

    async def triton(self) -> Metrics:
        return parse(next(self.texts))

    async def status(self) -> dict[str, Any]:
        return next(self.left, {"voice": "tone", "recogniser": "canned"})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Has a bench's clients tell `result`, or what was recorded, after `steps` steps."""

    def patch(bench: ModuleType, result: Any = None, steps: int = 1) -> Any:
        name = bench.__name__.rpartition(".")[2]
        found = json.loads((DATA / f"{name}.json").read_text()) if result is None else result

        async def run_client_process(scene: str, plan: dict[str, Any], step: Any = None) -> Any:
            assert scene == name
            assert plan["url"] == "http://box:9000"
            for _ in range(steps):
                if step is not None:
                    step()
            return found

        monkeypatch.setattr(bench, "run_client_process", run_client_process)
        return found

    return patch


def target(*texts: str, status: tuple[dict[str, Any], ...] = (), **fields: Any) -> FakeTarget:
    found = FakeTarget("http://box:9000", **fields)
    object.__setattr__(found, "texts", iter(texts))
    object.__setattr__(found, "left", iter(status))
    return found


def figures(report: Report) -> dict[str, list[float]]:
    assert json.loads(report.as_json())["bench"] == report.bench
    return {figure.name.strip(): list(figure.values) for figure in report.figures}


def reaches(report: Report) -> dict[str, dict[str, float]]:
    return {figure.name.strip(): figure.reach for figure in report.figures if figure.reach}


# --- conversations ------------------------------------------------------------------------------


async def test_turns(told: Callable[..., Any]) -> None:
    told(turn)
    report = await turn.measure(target(), 1)
    found = figures(report)
    assert found["end of speech to first audio"] == [300.0, 310.0, 300.0, 270.0]
    assert found["rhasspy_lamp"] == [300.0]
    assert found["server: speech end to endpoint"] == [300.2, 300.2, 303.3, 304.5]
    assert found["of which after the endpoint decision"] == pytest.approx([14.8, 8.1, 5.1, 12.4])
    assert found["queue dry in each reply"] == [0.0, 0.0, 0.0, 0.0]
    assert (report.options["voice"], report.options["recogniser"]) == ("tone", "canned")
    assert len(found["lateness of the person's own frames"]) == 16
    assert report.notes[0] == "0 of 4 turns unanswered, 0 answered too early"
    assert reaches(report)["end of speech to first audio"] == turn.REACH


@pytest.mark.parametrize("sessions", [1, 2])
async def test_turns_whose_ends_are_heard_have_goals_of_their_own(
    told: Callable[..., Any], sessions: int
) -> None:
    """For long sentences, and not where a silence of the same length ends every turn."""
    rows = told(turn)
    for row, seconds in zip(rows, (1.4, 1.5, 1.9, 2.1), strict=True):
        row["speech_s"] = seconds
    status = {"voice": "tone", "recogniser": "canned", "endpointer": "smart-turn"}
    report = await turn.measure(target(status=(status,) * 4), 1, sessions)
    found, name = figures(report), "after speech of 1.5 s and more"
    assert found[name] == [310.0, 300.0, 270.0]
    goal = turn.HEARD if sessions == 1 else turn.HEARD_AT_ONCE
    assert reaches(report)[name] == goal
    assert "end of speech to first audio" not in reaches(report)
    fixed = await turn.measure(target(status=(status,) * 4), 1, sessions, fixed_silence=True)
    assert name not in figures(fixed)


async def test_a_turn_without_an_answer_has_no_gap(told: Callable[..., Any]) -> None:
    rows = told(turn)
    rows[1] |= {"gap_ms": None, "after_endpoint_ms": None, "stages": {}}
    rows[2]["cut_in"] = True
    report = await turn.measure(target(livekit=True), 1)
    found = figures(report)
    assert found["end of speech to first audio"] == [300.0, 300.0, 270.0]
    assert len(found["server: speech end to first_audio"]) == 3
    assert report.notes[0] == "1 of 4 turns unanswered, 1 answered too early"
    assert reaches(report)["end of speech to first audio"] == turn.IN_ROOM


async def test_interrupted_replies(told: Callable[..., Any]) -> None:
    rows = told(bargein)
    report = await bargein.measure(target(), 1)
    found = figures(report)
    assert found["onset to silence"] == [140.0, 140.0]
    assert found["onset to VAD decision"] == [85.1, 83.4]
    assert found["audio that came after the reply's end"] == [0.0, 0.0]
    assert report.notes == ["0 of 2 replies never fell silent, 0 not cancelled"]
    rows[0] |= {"silent_ms": None, "status": "completed"}
    report = await bargein.measure(target(livekit=True), 1, aware=True)
    assert figures(report)["onset to silence"] == [140.0]
    assert "VAD decision to last frame sent" not in figures(report)
    assert report.notes == ["1 of 2 replies never fell silent, 1 not cancelled"]
    assert report.options["aware_client"] is True


async def test_an_answer_to_half_a_question_is_no_reply_that_was_doubled(
    told: Callable[..., Any],
) -> None:
    found = told(false_bargein)
    [row] = found["disturbed"]
    found["disturbed"].append({**row, "cut_in": True, "doubled_ms": 380.0})
    report = await false_bargein.measure(target(), 2)
    assert figures(report)["reply doubled"] == [0.0]
    assert report.notes[1] == "1 not counted: the question was answered before its end"
    assert len(report.samples) == 2
    row["cut_in"] = True
    none = await false_bargein.measure(target(), 2)
    assert none.missed(), "nothing was measured"


async def test_a_reply_that_nothing_paused_misses_no_goal(told: Callable[..., Any]) -> None:
    [row] = told(false_bargein)["disturbed"]
    row |= {"stopped_ms": None, "resumed_ms": None}
    report = await false_bargein.measure(target(), 1)
    assert not report.missed()
    assert report.notes[0].startswith("0 of 1 replies paused")


async def test_replies_that_go_on(told: Callable[..., Any]) -> None:
    told(false_bargein)
    report = await false_bargein.measure(target(), 1)
    found = figures(report)
    assert found["reply lost"] == found["reply doubled"] == [0.0]
    assert found["end of the sound to the reply going on"] == [262.5]
    assert found["onset to silence"] == [125.9]
    assert report.notes[0].startswith("1 of 1 replies paused")
    loose = figures(await false_bargein.measure(target(), 1, exact=False))
    assert "reply lost" not in loose
    assert loose["loud time lost (peers' measure)"] == [0]


async def test_many_interruptions(told: Callable[..., Any]) -> None:
    people = told(interruptions)
    people[1]["errors"] = ["too fast", "too fast"]
    report = await interruptions.measure(target(), 4, 2)
    found = figures(report)
    assert found["audio of a cancelled reply after its end"] == [0.0] * 4
    assert found["onset to the reply's end"] == [622.8, 641.5, 650.9, 608.5]
    assert found["pitch of another reply at the beginning"] == [0.0] * 4
    assert report.notes == [
        "4 interruptions confirmed, 0 replies could not be interrupted",
        "2 x server said: too fast",
        "replies: {'cancelled': 4, 'in_progress': 2}",
    ]


async def test_the_sound_of_another_reply_is_found_by_its_pitch(told: Callable[..., Any]) -> None:
    people = told(interruptions)
    people[0]["beginnings"] += [["Another answer sounds", 730.0], ["Another answer sounds", 340.0]]
    report = await interruptions.measure(target(), 4, 2)
    assert sum(figures(report)["pitch of another reply at the beginning"]) == 1.0


PACING = """
vdx_pacing_error_seconds_bucket{le="0.001"} %d
vdx_pacing_error_seconds_bucket{le="0.005"} %d
vdx_pacing_error_seconds_bucket{le="+Inf"} %d
vdx_reply_underruns_total %d
vdx_room_output_underruns_total %d
"""


@pytest.fixture
def spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's processes spend 1.5 s of CPU between two looks."""
    looks = iter((10.0, 11.5))
    monkeypatch.setattr(jitter, "usage", lambda pid: Usage(next(looks), 1))


@pytest.mark.usefixtures("spent")
async def test_audio_that_arrives(told: Callable[..., Any]) -> None:
    told(jitter)
    server = target(PACING % (0, 0, 0, 1, 0), PACING % (90, 98, 100, 1, 0), pid=PID)
    report = await sessions.measure_cost(server, 2, 6)
    found = figures(report)
    assert report.bench == "sessions"
    assert found["dropouts heard in each reply"] == [0, 0, 0, 0]
    assert found["queue dry in each reply"] == pytest.approx([11.23, 0, 9.51, 0], abs=0.01)
    assert found["frames over 40 ms late"] == [0.0]
    assert found["turn gap"] == [309.2, 342.7, 335.4, 348.4]
    cost = found["server CPU per session-second, Triton included"]
    assert cost == [pytest.approx(1.5 / (9.209 + 9.107), abs=1e-4)]
    assert found["server pacing p50, at most"] == [1.0]
    assert found["server pacing p95, at most"] == [5.0]
    assert found["server pacing p99, at most"] == []  # beyond the last bucket
    assert report.notes[1] == "server pacing p99 is above the histogram's last bucket"
    assert found["voice slower than the listener"] == [0.0]
    assert report.notes[0] == "4 replies heard, 0 turns unanswered, 0 replies not completed"


async def test_audio_that_arrives_in_rooms(told: Callable[..., Any]) -> None:
    people = told(jitter)
    people[0] |= {"silent": 1, "failed": ["cancelled"], "errors": ["no"] * 7}
    server = target(PACING % (0, 0, 0, 1, 2), PACING % (1, 1, 1, 4, 9), livekit=True)
    report = await jitter.measure(server, 2, 6)
    found = figures(report)
    assert found["joining to the conversation's begin"] == pytest.approx([28.3, 29.4], abs=0.1)
    assert found["frames fed after the track's queue was dry"] == [7.0]
    assert found["voice slower than the listener"] == [3.0]
    assert not {"frames over 40 ms late", "queue dry in each reply"} & found.keys()
    assert "server CPU per session-second, Triton included" not in found
    assert report.notes[0] == "4 replies heard, 1 turns unanswered, 1 replies not completed"
    assert report.notes[1:] == ["server said: no"] * jitter.MAX_ERRORS


# --- sessions -----------------------------------------------------------------------------------


async def test_what_sessions_cost_to_open(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, more = sessions.FIRST, sessions.MORE
    pss = iter([100 * 1024, (100 + 2 * first) * 1024, (100 + 2 * first + more) * 1024])
    own = iter([0, 0, 512 * more])

    async def freed(server: Target) -> float:
        return 12.0

    monkeypatch.setattr(sessions, "pss_kb", lambda pid: next(pss))
    monkeypatch.setattr(sessions, "own_kb", lambda pid: next(own))
    monkeypatch.setattr(sessions, "import_ms", lambda: [400.0])
    monkeypatch.setattr(sessions, "freed_ms", freed)
    told(sessions, {"ready_ms": [5.0, 7.0], "greeting_ms": []}, steps=3)
    found = figures(await sessions.measure(target(pid=PID), 2))
    assert found["connect to ready"] == [5.0, 7.0]
    assert found["PSS before the first session"] == [100.0]
    assert found["PSS per session, the first"] == [2.0]
    assert found["PSS per open session after the first"] == [1.0]
    assert found["of which no file's (libraries)"] == [0.5]
    assert found["client killed in mid-reply to everything freed"] == [12.0] * sessions.DEATHS


async def test_sessions_in_rooms_greet(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "import_ms", lambda: [400.0])
    told(sessions, {"ready_ms": [50.0], "greeting_ms": [650.0]})
    report = await sessions.measure(target(livekit=True), 1)
    assert figures(report) == {
        "import of the server module": [400.0],
        "dispatch to greeting heard": [650.0],
        "connect to ready": [50.0],
    }
    assert reaches(report)["dispatch to greeting heard"] == sessions.GREETING_REACH


async def test_what_churn_leaves(told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    memory = iter([100, 100, 100, 100, 100, 100, 100, 102])
    monkeypatch.setattr(churn, "own_kb", lambda pid: next(memory) * 1024)
    monkeypatch.setattr(churn, "SETTLE_S", 0.0)
    told(churn, {"answered": 7}, steps=8)
    status = ({"sessions": 0, "tasks": 12}, {"sessions": 1, "tasks": 15})
    server = target("vdx_active_streams 2", status=status, pid=PID, triton_metrics="there")
    report = await sessions.measure_churn(server, 8, 4)
    found = figures(report)
    assert found["memory of its own halfway"] == [100.0]
    assert found["growth over the second half"] == [1.0]
    assert found["sessions left"] == [1]
    assert found["tasks left"] == [3]
    assert found["streams and sequences left in Triton"] == [2.0]
    assert report.notes == ["7 of 8 sessions were answered"]


async def test_churn_needs_the_process_of_the_server() -> None:
    with pytest.raises(VdxError, match="--server-pid"):
        await sessions.measure_churn(target(), 8, 4)


# --- speech, files and starts -------------------------------------------------------------------


async def test_speech_over_http_is_timed_without_the_warming_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Answer:
        status = 200

        def read(self, size: int = -1) -> bytes:
            return b"x"

    class Connection:
        def __init__(self, address: str, timeout: float) -> None:
            assert address == "box:9000"

        def request(self, method: str, path: str, body: str, headers: dict[str, str]) -> None:
            assert headers["Authorization"] == "Bearer secret"
            asked.append(json.loads(body)["response_format"])

        def getresponse(self) -> Answer:
            return Answer()

        def close(self) -> None:
            """Is closed."""

    monkeypatch.setattr(speech.http.client, "HTTPConnection", Connection)
    monkeypatch.setattr(speech, "PAUSE_S", 0.0)
    found = figures(await speech.measure(target(api_key="secret"), "espeak", 2))
    assert asked == [form for form in speech.FORMATS for _ in range(2 + speech.WARM)]
    for form in speech.FORMATS:
        first = found[f"request to the first byte, espeak, {form}"]
        whole = found[f"request to the last byte, espeak, {form}"]
        assert len(first) == len(whole) == 2
        assert all(one <= other for one, other in zip(first, whole, strict=True))


async def test_a_recogniser_and_the_server_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    def directly(raw: str) -> dict[str, Any]:
        assert Path(raw).stat().st_size > 100_000
        return {"text": "go forward", "took": 0.5}

    @contextlib.asynccontextmanager
    async def recogniser(*_: str | Path) -> AsyncIterator[Ask]:
        async def ask(raw: str) -> dict[str, Any]:
            return directly(raw)

        yield ask

    async def served(server: Target, pcm: Any) -> tuple[str, float]:
        return " ".join((*transcriptions.CLIPS.values(),) * transcriptions.REPEATS), 0.6

    monkeypatch.setattr(transcriptions, "line_program", recogniser)
    monkeypatch.setattr(transcriptions, "_served", served)
    found = figures(await transcriptions.measure(target(), 2))
    assert found["over HTTP"] == [600.0, 600.0]
    assert found["over HTTP / directly"] == pytest.approx([1.2, 1.2])
    assert found["word error rate, served"] == [0.0]
    assert found["word error rate, direct"][0] > 90


async def test_starts_are_timed_after_one_that_warms(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([(9.0, 9.0), (3.0, 1.0), (4.0, 2.0)])

    async def once() -> tuple[float, float]:
        return next(times)

    monkeypatch.setattr(start, "_once", once)
    steps: list[int] = []
    found = figures(await start.measure(2, lambda: steps.append(1)))
    assert found == {
        "start to ready, proof turn included": [3.0, 4.0],
        "Ctrl-C to gone": [1.0, 2.0],
    }
    assert len(steps) == 2


async def test_first_audio_needs_the_address_of_triton() -> None:
    with pytest.raises(VdxError, match="address of Triton"):
        await first_audio.measure(target(), 1)


async def test_a_start_that_fails_shows_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "COMMAND", ("-c", "print('no such model')"))
    async with asyncio.timeout(60):
        with pytest.raises(VdxError, match="no such model"):
            await start.measure(1, lambda: None)
