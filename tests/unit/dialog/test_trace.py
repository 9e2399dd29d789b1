from vdx.dialog.trace import STAGES, TurnTrace


def test_a_turn_is_counted_from_the_end_of_speech() -> None:
    trace = TurnTrace()
    trace.begin(1, 10.0)
    for number, stage in enumerate(STAGES, 1):
        trace.mark(stage, 10.0 + number / 100)
    timed = trace.finish()
    assert timed is not None
    gap, stages = timed
    assert gap == 80.0
    assert list(stages) == list(STAGES)
    assert list(stages.values()) == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0]


def test_the_first_mark_counts() -> None:
    trace = TurnTrace()
    trace.begin(1, 10.0)
    trace.mark("first_audio", 10.3)
    trace.mark("first_audio", 10.9)
    assert trace.finish() == (300.0, {"first_audio": 300.0})


def test_a_later_pause_voids_the_marks_of_an_earlier_one() -> None:
    trace = TurnTrace()
    trace.begin(1, 10.0)
    trace.mark("first_text", 10.1)
    trace.begin(1, 11.0)
    trace.mark("first_audio", 11.3)
    assert trace.finish() == (300.0, {"first_audio": 300.0})


def test_a_new_reply_is_marked_anew() -> None:
    trace = TurnTrace()
    trace.begin(1, 10.0)
    trace.mark("endpoint", 10.3)
    trace.mark("first_text", 10.1)
    trace.restart_reply()
    trace.mark("first_text", 10.4)
    trace.mark("first_audio", 10.5)
    timed = trace.finish()
    assert timed is not None
    assert timed[1] == {"endpoint": 300.0, "first_text": 400.0, "first_audio": 500.0}


def test_nothing_to_tell_when_nobody_spoke_or_nothing_sounded() -> None:
    trace = TurnTrace()
    trace.mark("first_audio", 10.0)
    assert trace.finish() is None
    trace = TurnTrace()
    trace.begin(1, 10.0)
    assert trace.finish() is None


def test_a_turn_is_told_once() -> None:
    trace = TurnTrace()
    trace.begin(1, 10.0)
    trace.mark("first_audio", 10.3)
    assert trace.finish() is not None
    assert trace.finish() is None
    assert trace.utterance is None
