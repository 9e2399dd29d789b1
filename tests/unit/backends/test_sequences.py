"""Utterances are admitted, ordered, shared out among workers and freed."""

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import pytest

from triton_backends.shared.contract import AsrRequest
from triton_backends.shared.decoding import FINAL, MAX_BATCH_SAMPLES, PARTIAL, SPECULATIVE, Job
from triton_backends.shared.engine import Hypothesis, Word
from triton_backends.shared.errors import BackendError, Unavailable
from triton_backends.shared.fault_log import FaultLog
from triton_backends.shared.progress import Progress
from triton_backends.shared.sequences import Sequences
from triton_backends.shared.transcripts import RECENT_MS, Agreement, recent_words

WAIT_S = 5.0


@dataclass
class Reply:
    """Remembers how its request ended."""

    log: list[str] = field(default_factory=list)
    name: str = ""
    done: threading.Event = field(default_factory=threading.Event)
    said: list[str] = field(default_factory=list)

    def _end(self, what: str) -> None:
        assert not self.done.is_set(), "a request was ended twice"
        self.said.append(what)
        self.log.append(f"{self.name}:{what}")
        self.done.set()

    def answer(self, hypothesis: Hypothesis, state: int) -> None:
        self._end(f"{state} {hypothesis.text}")

    def fail(self, error: BackendError) -> None:
        self._end(str(error))

    def nothing(self) -> None:
        self._end("nothing")

    def wait(self) -> str:
        assert self.done.wait(WAIT_S), "a request was never ended"
        return self.said[0]


class Engine:
    """Counts samples; waits at the gate before each decode; "bad" in LANGUAGE makes it fail."""

    max_utterances = 8

    def __init__(self, *, workers: int = 1) -> None:
        self.workers = workers
        self.gate = threading.Event()
        self.gate.set()
        self.at_gate = threading.Event()
        self.open = 0
        self.most = 0
        self.breaks_after: int | None = None

    def start(self, request: AsrRequest, /) -> "Utterance":
        if request.language == "bad":
            raise ValueError("a bad language")
        self.open += 1
        return Utterance(self)

    def close(self) -> None:
        pass


class Utterance:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.samples = 0

    def accept(self, pcm: np.ndarray) -> Hypothesis | None:
        self.engine.at_gate.set()
        self.engine.gate.wait(WAIT_S)
        self.samples += pcm.size
        self.engine.most = max(self.engine.most, pcm.size)
        if self.engine.breaks_after is not None and self.samples > self.engine.breaks_after:
            raise ValueError("enough")
        return self.flush()

    def flush(self) -> Hypothesis:
        return Hypothesis(str(self.samples))

    def finish(self) -> Hypothesis:
        return self.flush()

    def close(self) -> None:
        self.engine.open -= 1


def job(reply: Reply, samples: int = 320, **options: bool) -> Job:
    start, end = options.pop("start", False), options.pop("end", False)
    return Job(AsrRequest(np.zeros(samples, np.int16), **options), reply, start=start, end=end)


def wait_until_empty(sequences: Sequences) -> None:
    """The worker frees an utterance after its answer."""
    deadline = time.monotonic() + WAIT_S
    while len(sequences) and time.monotonic() < deadline:
        time.sleep(0.001)


@pytest.fixture(params=[0, 1], ids=["no worker", "worker"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(workers=request.param)


def open_sequences(engine: Engine, limit: int, idle_s: float = 60, **options: object) -> Sequences:
    return Sequences(engine, limit, idle_s, engine.workers, **options)  # type: ignore[arg-type]


def test_an_utterance_from_start_to_end(engine: Engine) -> None:
    changes: list[int] = []
    sequences = open_sequences(engine, 2, count=changes.append)
    replies = [Reply() for _ in range(3)]
    sequences.submit(5, job(replies[0], start=True))
    assert replies[0].wait() == f"{PARTIAL} 320"
    sequences.submit(5, job(replies[1], samples=0, flush=True))
    assert replies[1].wait() == f"{SPECULATIVE} 320"
    sequences.submit(5, job(replies[2], end=True))
    assert replies[2].wait() == f"{FINAL} 640"
    sequences.close()
    assert (engine.open, len(sequences), sum(changes)) == (0, 0, 0)


def test_too_many_are_busy_and_a_restart_frees_the_old_one(engine: Engine) -> None:
    sequences = open_sequences(engine, 1)
    first, second, again, after = Reply(), Reply(), Reply(), Reply()
    sequences.submit(1, job(first, start=True))
    first.wait()
    sequences.submit(2, job(second, start=True))
    assert second.wait().startswith("[busy]")
    sequences.submit(1, job(again, start=True))
    assert again.wait() == f"{PARTIAL} 320"
    sequences.submit(2, job(after))
    assert after.wait().startswith("[invalid_argument]")
    sequences.close()
    assert engine.open == 0


def test_an_idle_utterance_makes_room(engine: Engine) -> None:
    sequences = open_sequences(engine, 1, idle_s=0.0)
    first, second = Reply(), Reply()
    sequences.submit(1, job(first, start=True))
    first.wait()
    time.sleep(0.01)
    sequences.submit(2, job(second, start=True))
    assert second.wait() == f"{PARTIAL} 320"
    sequences.close()


def test_a_failing_engine_ends_the_utterance(engine: Engine) -> None:
    sequences = open_sequences(engine, 1)
    first, second = Reply(), Reply()
    bad = AsrRequest(np.zeros(320, np.int16), language="bad")
    sequences.submit(1, Job(bad, first, start=True))
    assert first.wait() == "[internal] the engine failed; Triton's log says more about sequence 1"
    wait_until_empty(sequences)
    sequences.submit(1, job(second))
    assert second.wait().startswith("[invalid_argument]")
    sequences.close()


def test_finals_go_before_flushes_before_audio() -> None:
    engine = Engine()
    sequences = open_sequences(engine, 8)
    log: list[str] = []
    replies = {name: Reply(log, name) for name in ("warm", "audio", "flush", "end")}
    engine.gate.clear()
    sequences.submit(1, job(replies["warm"], start=True))
    sequences.submit(2, job(replies["audio"], start=True))
    sequences.submit(3, job(replies["flush"], start=True, flush=True))
    sequences.submit(4, job(replies["end"], start=True, end=True))
    engine.gate.set()
    for reply in replies.values():
        reply.wait()
    order = [entry.split(":")[0] for entry in log]
    assert order.index("end") < order.index("flush") < order.index("audio")
    sequences.close()


def test_a_long_request_makes_way_for_who_spoke_a_moment_ago() -> None:
    engine = Engine()
    sequences = open_sequences(engine, 8)
    log: list[str] = []
    replies = {name: Reply(log, name) for name in ("recording", "partial", "flush", "end")}
    engine.gate.clear()
    sequences.submit(1, job(replies["recording"], 30 * 16_000, start=True, end=True))
    assert engine.at_gate.wait(WAIT_S)
    sequences.submit(2, job(replies["partial"], start=True))
    sequences.submit(3, job(replies["flush"], start=True, flush=True))
    sequences.submit(4, job(replies["end"], start=True, end=True))
    engine.gate.set()
    assert replies["recording"].wait() == f"{FINAL} {30 * 16_000}"
    assert [entry.split(":")[0] for entry in log] == ["end", "flush", "partial", "recording"]
    sequences.close()
    assert engine.open == 0


def test_no_worker_decodes_more_at_a_time_than_a_batch() -> None:
    engine = Engine()
    sequences = open_sequences(engine, 1)
    first, second = Reply(), Reply()
    sequences.submit(1, job(first, 2 * MAX_BATCH_SAMPLES + 320, start=True))
    assert first.wait() == f"{PARTIAL} {2 * MAX_BATCH_SAMPLES + 320}"
    assert engine.most == MAX_BATCH_SAMPLES
    sequences.submit(1, job(second, 0, end=True))
    assert second.wait() == f"{FINAL} {2 * MAX_BATCH_SAMPLES + 320}"
    sequences.close()


@pytest.mark.parametrize("at", [0, 320 * 40, 20 * 320 + MAX_BATCH_SAMPLES])
def test_a_failure_in_the_middle_of_a_request_is_its_answer(engine: Engine, at: int) -> None:
    sequences = open_sequences(engine, 1)
    first = Reply()
    engine.breaks_after = at
    sequences.submit(1, job(first, 30 * 16_000, start=True, end=True))
    assert first.wait().startswith("[internal] the engine failed")
    wait_until_empty(sequences)
    assert (engine.open, len(sequences)) == (0, 0)
    sequences.close()


def test_cancelling_in_the_middle_of_a_request() -> None:
    engine = Engine()
    sequences = open_sequences(engine, 1)
    engine.gate.clear()
    first, cancel = Reply(), Reply()
    sequences.submit(1, job(first, 30 * 16_000, start=True))
    assert engine.at_gate.wait(WAIT_S)
    sequences.submit(1, job(cancel, 0, end=True, cancel=True))
    assert first.wait() == "nothing"
    engine.gate.set()
    assert cancel.wait() == f"{FINAL} "
    sequences.close()
    assert engine.open == 0


def test_waiting_audio_is_decoded_as_one_and_cancel_drops_it() -> None:
    engine = Engine()
    sequences = open_sequences(engine, 8)
    engine.gate.clear()
    first, waiting, cancel = Reply(), [Reply() for _ in range(5)], Reply()
    sequences.submit(1, job(first, start=True))
    for reply in waiting:
        sequences.submit(1, job(reply))
    sequences.submit(1, job(cancel, samples=0, end=True, cancel=True))
    assert all(reply.wait() == "nothing" for reply in waiting)
    engine.gate.set()
    assert cancel.wait() == f"{FINAL} "
    sequences.close()
    assert engine.open == 0


class Pending:
    """An utterance whose FLUSH and END are computed elsewhere, as Whisper's are."""

    def __init__(self) -> None:
        self.answers: list[Future[Hypothesis | None]] = []
        self.accepted = 0
        self.behind: list[tuple[bool, bool]] = []
        self.closed = False

    def accept(self, pcm: np.ndarray) -> None:
        self.accepted += pcm.size

    def flush(self) -> Future[Hypothesis | None]:
        self.answers.append(Future())
        return self.answers[-1]

    finish = flush

    def queued_behind(self, request: AsrRequest, *, end: bool) -> None:
        self.behind.append((request.audio.size > 0, end))

    def close(self) -> None:
        self.closed = True


class PendingEngine:
    max_utterances = 8
    workers = 0

    def __init__(self) -> None:
        self.utterance = Pending()

    def start(self, request: AsrRequest, /) -> Pending:
        return self.utterance

    def close(self) -> None:
        pass


class TestPending:
    def test_requests_behind_it_wait_and_are_announced(self) -> None:
        engine = PendingEngine()
        progress = Progress(60)
        sequences = Sequences(engine, limit=1, idle_s=60, workers=0, progress=progress)
        flush, audio, end = Reply(), Reply(), Reply()
        sequences.submit(1, job(flush, start=True, flush=True))
        sequences.submit(1, job(audio))
        sequences.submit(1, job(end, end=True))
        assert not flush.done.is_set()
        assert (engine.utterance.accepted, progress._jobs) == (320, 1)
        assert engine.utterance.behind == [(True, False), (True, True)]
        engine.utterance.answers[0].set_result(Hypothesis("go"))
        assert flush.wait() == f"{SPECULATIVE} go"
        assert audio.wait() == "nothing"
        assert engine.utterance.accepted == 960
        engine.utterance.answers[1].set_result(Hypothesis("go forward"))
        assert end.wait() == f"{FINAL} go forward"
        assert (engine.utterance.closed, len(sequences), progress._jobs) == (True, 0, 0)
        sequences.close()

    def test_what_it_raises_ends_the_utterance(self) -> None:
        engine = PendingEngine()
        written: list[str] = []
        faults = FaultLog("whisper", written.append)
        sequences = Sequences(engine, limit=1, idle_s=60, workers=0, faults=faults)
        flush, behind = Reply(), Reply()
        first = AsrRequest(np.zeros(320, np.int16), session="session-3", flush=True)
        sequences.submit(1, Job(first, flush, start=True))
        sequences.submit(1, job(behind))
        engine.utterance.answers[0].set_exception(ValueError("no"))
        assert flush.wait().startswith("[internal] the engine failed")
        assert behind.wait() == "nothing"
        assert written[0].startswith("whisper: fault in sequence 1, session session-3\n")
        assert (engine.utterance.closed, len(sequences)) == (True, 0)
        sequences.close()

    def test_cancel_behind_it_is_answered_after_it(self) -> None:
        engine = PendingEngine()
        sequences = Sequences(engine, limit=1, idle_s=60, workers=0)
        flush, cancel = Reply(), Reply()
        sequences.submit(1, job(flush, start=True, flush=True))
        sequences.submit(1, job(cancel, 0, end=True, cancel=True))
        engine.utterance.answers[0].set_result(Hypothesis())
        assert (flush.wait(), cancel.wait()) == (f"{SPECULATIVE} ", f"{FINAL} ")
        assert (engine.utterance.closed, len(sequences)) == (True, 0)
        sequences.close()

    def test_the_end_of_the_model_frees_it_once_its_answer_is_there(self) -> None:
        engine = PendingEngine()
        sequences = Sequences(engine, limit=1, idle_s=60, workers=0)
        flush = Reply()
        sequences.submit(1, job(flush, start=True, flush=True))
        sequences.close()
        assert not engine.utterance.closed
        engine.utterance.answers[0].set_exception(Unavailable("the model is being unloaded"))
        assert flush.wait() == "[unavailable] the model is being unloaded"
        assert (engine.utterance.closed, len(sequences)) == (True, 0)


def test_an_idle_utterance_is_freed_without_another_request(engine: Engine) -> None:
    sequences = open_sequences(engine, 1, idle_s=0.01)
    first = Reply()
    sequences.submit(1, job(first, start=True))
    first.wait()
    wait_until_empty(sequences)
    assert (engine.open, len(sequences)) == (0, 0)
    sequences.close()


def test_more_than_two_minutes_waiting_is_busy() -> None:
    engine = Engine()
    sequences = open_sequences(engine, 8)
    engine.gate.clear()
    sequences.submit(1, job(Reply(), start=True))
    assert engine.at_gate.wait(WAIT_S), "the worker takes nothing more from now on"
    replies = [Reply() for _ in range(6)]
    for reply in replies:
        sequences.submit(1, job(reply, samples=30 * 16000))
    assert replies[-1].wait().startswith("[busy]")
    engine.gate.set()
    sequences.close()


def test_only_what_several_hypotheses_share_is_stable() -> None:
    agreement = Agreement(3)
    texts = ["go", "go for", "go forward", "go forward ten", "go forward ten", "go forward ten"]
    assert [agreement.update(text) for text in texts] == [0, 0, 2, 2, 10, 14]


def test_a_partial_tells_the_words_of_its_last_half_minute() -> None:
    """So that what is sent after an hour is as long as what is sent after a minute."""
    words = tuple(Word("w", at, at + 500) for at in range(0, 3_600_000, 1000))
    told = recent_words(Hypothesis("w", audio_ms=3_600_000, words=words))
    assert told == list(words[-RECENT_MS // 1000 :])
    few = words[:3]
    assert recent_words(Hypothesis("w w w", audio_ms=3000, words=few)) == list(few)
    assert recent_words(Hypothesis(audio_ms=100_000)) == []


# --- an engine that computes audio in threads of its own ------------------------------------------


class Later:
    """Its audio is computed when the test says so."""

    max_utterances, workers = 8, 0

    def __init__(self) -> None:
        self.heard: list[Future[Hypothesis | None]] = []

    def start(self, request: AsrRequest, /) -> "LaterUtterance":
        return LaterUtterance(self)

    def close(self) -> None:
        pass


class LaterUtterance:
    def __init__(self, engine: Later) -> None:
        self.engine = engine

    def accept(self, pcm: np.ndarray) -> Future[Hypothesis | None]:
        self.engine.heard.append(Future())
        return self.engine.heard[-1]

    def flush(self) -> Hypothesis:
        return Hypothesis("all")

    finish = flush

    def close(self) -> None:
        pass


def test_a_partial_that_comes_later_answers_its_request() -> None:
    engine, log = Later(), list[str]()
    sequences = Sequences(engine, limit=8, idle_s=60, workers=0)
    replies = [Reply(log, name) for name in "abcd"]
    sequences.submit(1, job(replies[0], start=True))
    sequences.submit(1, job(replies[1]))
    assert not replies[0].done.is_set()
    engine.heard[0].set_result(Hypothesis("one"))
    assert replies[0].wait() == f"{PARTIAL} one"
    engine.heard[1].set_result(None)
    assert replies[1].wait() == "nothing"
    # A FLUSH and an END cover the audio before them, whatever has become of its partial.
    sequences.submit(1, job(replies[2], flush=True))
    assert replies[2].wait() == f"{SPECULATIVE} all"
    sequences.submit(1, job(replies[3], end=True))
    assert replies[3].wait() == f"{FINAL} all"
    assert log == [f"a:{PARTIAL} one", "b:nothing", f"c:{SPECULATIVE} all", f"d:{FINAL} all"]
    sequences.close()


def test_audio_that_fails_later_ends_the_utterance() -> None:
    engine = Later()
    sequences = Sequences(engine, limit=8, idle_s=60, workers=0)
    first, second = Reply(), Reply()
    sequences.submit(1, job(first, start=True))
    engine.heard[0].set_exception(Unavailable("gone"))
    assert "gone" in first.wait()
    sequences.submit(1, job(second))
    assert "was not started" in second.wait()
    sequences.close()
