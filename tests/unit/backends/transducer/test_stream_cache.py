"""A commit cuts the report, not the state: the next utterance goes on where the last one ended."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.backends.transducer import tiny
from tests.unit.backends.transducer.drive import (
    SILENCE,
    chirp,
    done,
    open_engine,
    pieces,
    sure,
)
from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis
from triton_backends.shared.errors import Internal
from triton_backends.transducer.engine import TransducerEngine
from triton_backends.transducer.search import Emission
from triton_backends.transducer.stream import Stream
from triton_backends.transducer.stream_cache import (
    GOES_ON_S,
    MOST,
    CachedStream,
    StreamCache,
    unreported,
)

MAKERS = {"zipformer": tiny.zipformer, "ctc": tiny.zipformer_ctc, "nemo": tiny.nemo}
PUSH = 3 * 320
CUT = 90 * 320
"""Samples, in the middle of the sound and of a window."""
SESSION = AsrRequest(audio=SILENCE, session="a")


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=MAKERS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TransducerEngine]:
    made = open_engine(MAKERS[request.param](tmp_path))
    made._stream_cache = StreamCache(Clock())
    yield made
    made.close()


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every token that a stream has come to, whether it was told before or not."""
    found, hand_over = list[int](), Stream.hand_over

    def recorded(stream: Stream) -> list[Emission]:
        told = hand_over(stream)
        found.extend(each.token for each in told)
        return told

    monkeypatch.setattr(Stream, "hand_over", recorded)
    return found


def hear(
    engine: TransducerEngine, pcm: NDArray[np.int16], request: AsrRequest, *, flush: bool = False
) -> Hypothesis:
    utterance = engine.start(request)
    for piece in pieces(pcm, PUSH):
        done(utterance.accept(piece))
    if flush:
        sure(utterance.flush())
    return sure(utterance.finish())


@pytest.mark.parametrize("flush", [False, True])
def test_the_state_is_not_cut(engine: TransducerEngine, tokens: list[int], flush: bool) -> None:
    pcm = chirp(4.0)
    whole, once = hear(engine, pcm, AsrRequest(audio=SILENCE)), list(tokens)
    tokens.clear()
    hear(engine, pcm[:CUT], SESSION, flush=flush)
    final = hear(engine, pcm[CUT:], SESSION)
    assert tokens == once
    assert final.audio_ms == (pcm.size - CUT) * 1000 // ASR_RATE
    last, expected = final.words[-1], whole.words[-1]
    assert last.end_ms == expected.end_ms - CUT * 1000 // ASR_RATE, "times count from the cut"
    assert all(word.start_ms >= 0 for word in final.words)


def test_after_silence_it_begins_anew(engine: TransducerEngine) -> None:
    pcm = chirp(3.0)
    anew = hear(engine, pcm[CUT:], AsrRequest(audio=SILENCE))
    clock = engine._stream_cache._clock
    assert isinstance(clock, Clock)
    hear(engine, pcm[:CUT], SESSION)
    clock.now += GOES_ON_S * 1.01
    assert hear(engine, pcm[CUT:], SESSION) == anew


@pytest.mark.parametrize(
    "request_",
    [
        AsrRequest(audio=SILENCE, session="b"),
        AsrRequest(audio=SILENCE),
        AsrRequest(audio=SILENCE, session="a", whole=True),
    ],
    ids=["another session", "no session", "a recording"],
)
def test_others_begin_anew(engine: TransducerEngine, request_: AsrRequest) -> None:
    pcm = chirp(3.0)
    anew = hear(engine, pcm[CUT:], AsrRequest(audio=SILENCE))
    hear(engine, pcm[:CUT], SESSION)
    assert hear(engine, pcm[CUT:], request_) == anew


def test_the_next_one_may_begin_before_the_last_is_computed(
    tmp_path: Path, tokens: list[int]
) -> None:
    """As with a client that commits while somebody speaks."""
    engine, pcm = open_engine(tiny.zipformer(tmp_path)), chirp(4.0)
    hear(engine, pcm, AsrRequest(audio=SILENCE))
    once = list(tokens)
    tokens.clear()
    gate, compute = threading.Event(), engine.model.encoder.step

    def slow(*given: object) -> object:
        assert gate.wait(60)
        return compute(*given)  # type: ignore[arg-type]

    first = engine.start(SESSION)
    for piece in pieces(pcm[:CUT], PUSH):
        done(first.accept(piece))
    engine.model.encoder.step = slow  # type: ignore[assignment,method-assign]
    ending = first.finish()
    second = engine.start(SESSION)
    waiting = second.accept(pcm[CUT : CUT + PUSH])
    gate.set()
    assert sure(ending).text
    done(waiting)
    for piece in pieces(pcm[CUT + PUSH :], PUSH):
        done(second.accept(piece))
    assert sure(second.finish()).text
    assert tokens == once
    engine.close()


def test_after_an_utterance_that_failed_it_begins_anew(tmp_path: Path) -> None:
    engine, pcm = open_engine(tiny.zipformer(tmp_path)), chirp(3.0)
    anew = hear(engine, pcm[CUT:], AsrRequest(audio=SILENCE))
    first, compute = engine.start(SESSION), engine.model.encoder.step
    done(first.accept(pcm[:PUSH]))

    def broken(*_: object) -> object:
        raise Internal("the network failed")

    engine.model.encoder.step = broken  # type: ignore[assignment,method-assign]
    ending = first.finish()
    with pytest.raises(Internal):
        done(ending)
    engine.model.encoder.step = compute  # type: ignore[method-assign]
    assert hear(engine, pcm[CUT:], SESSION) == anew
    engine.close()


def test_idle_sessions_cost_nothing(tmp_path: Path) -> None:
    """Sixteen states wait: nothing is computed, and no thread or timer waits for them."""
    before = set(threading.enumerate())
    engine, pcm = open_engine(tiny.zipformer(tmp_path)), chirp(2.0)
    clock = Clock()
    engine._stream_cache = StreamCache(clock)
    workers = {thread for thread in threading.enumerate() if thread not in before}
    steps, compute = list[int](), engine.model.encoder.step

    def counted(features: NDArray[np.float32], states: object) -> object:
        steps.append(len(features))
        return compute(features, states)  # type: ignore[arg-type]

    engine.model.encoder.step = counted  # type: ignore[assignment,method-assign]
    for number in range(MOST):
        hear(engine, pcm, AsrRequest(audio=SILENCE, session=f"{number}"))
    assert len(engine._stream_cache._streams) == MOST
    spoken = sum(steps)
    assert spoken >= MOST
    for _ in range(600):
        clock.now += GOES_ON_S / 1000
        assert {each for each in threading.enumerate() if each not in before} == workers
    assert sum(steps) == spoken
    assert len(engine.scheduler._queue) == 0
    clock.now += GOES_ON_S
    assert engine._stream_cache.take("anybody") is None
    assert not engine._stream_cache._streams, "who comes next frees what nobody goes on with"
    assert sum(steps) == spoken
    engine.close()


def emissions(*tokens: int) -> list[Emission]:
    return [Emission(token, place, -0.1) for place, token in enumerate(tokens)]


def test_what_the_padding_told_is_not_told_again() -> None:
    told = [1, 2, 3]
    assert unreported(emissions(1), told) == []
    assert told == [2, 3]
    assert unreported([], told) == []
    assert [each.token for each in unreported(emissions(2, 3, 4), told)] == [4]
    assert told == []
    told = [1, 2]
    assert [each.token for each in unreported(emissions(1, 5, 2), told)] == [5, 2]
    assert told == [], "it came to something else"


def test_only_so_many_wait() -> None:
    clock = Clock()
    cache, left = StreamCache(clock), [CachedStream() for _ in range(MOST + 2)]
    for number, cached in enumerate(left):
        cache.put(number, cached)
    assert [cache.take(number) for number in (0, 1)] == [None, None]
    assert cache.take(2) is left[2]
    assert cache.take(2) is None
    clock.now += GOES_ON_S / 2
    cache.put(3, left[0])
    clock.now += GOES_ON_S * 0.6
    assert cache.take(4) is None
    assert cache.take(3) is left[0]
