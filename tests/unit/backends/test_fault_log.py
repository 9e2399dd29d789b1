"""An engine's exception: its traceback in the log, none of its words at the client."""

import numpy as np

from tests.unit.backends.test_sequences import Engine, Reply
from triton_backends.shared.contract import AsrRequest
from triton_backends.shared.decoding import Job
from triton_backends.shared.errors import BackendError, Busy, Internal, InvalidArgument
from triton_backends.shared.fault_log import FaultLog, Origin
from triton_backends.shared.sequences import Sequences

SECRET = "my password is swordfish"


def caught(error: Exception, cause: Exception | None = None) -> Exception:
    """The exception as it is after it was raised here."""
    try:
        if cause is None:
            raise error
        try:
            raise cause
        except type(cause) as inner:
            raise error from inner
    except type(error) as raised:
        return raised


def answered(error: Exception) -> tuple[BackendError, list[str]]:
    written: list[str] = []
    log = FaultLog("tone", written.append)
    return log.answer(error, Origin("request 7", "session-3")), written


def test_what_nobody_foresaw_is_written_and_told_as_internal() -> None:
    told, [entry] = answered(caught(TypeError(f"cannot speak {SECRET}")))
    assert str(told) == "[internal] the engine failed; Triton's log says more about request 7"
    assert entry.startswith("tone: fault in request 7, session session-3\n")
    assert "test_fault_log.py" in entry
    assert "in caught" in entry
    assert entry.endswith("TypeError")
    assert SECRET not in entry


def test_causes_are_written_too() -> None:
    told, [entry] = answered(caught(Internal("the network failed"), ValueError(SECRET)))
    assert "network" not in str(told)
    assert "([internal] the network failed)" in entry
    assert entry.endswith("ValueError")
    assert "caused by:" in entry
    assert SECRET not in entry


def test_what_the_backend_refuses_passes_and_is_not_written() -> None:
    for error in (Busy("8 are being spoken"), InvalidArgument("SPEED 9 is too fast")):
        assert answered(error) == (error, [])


def test_a_recogniser_that_fails_is_written_with_its_session() -> None:
    written: list[str] = []
    faults = FaultLog("canned", written.append)
    sequences = Sequences(Engine(), limit=1, idle_s=60, workers=0, faults=faults)
    reply = Reply()
    request = AsrRequest(np.zeros(320, np.int16), language="bad", session="session-3")
    sequences.submit(9, Job(request, reply, start=True))
    assert reply.wait() == "[internal] the engine failed; Triton's log says more about sequence 9"
    sequences.close()
    [entry] = written
    assert entry.startswith("canned: fault in sequence 9, session session-3\n")
    assert "in start" in entry
    assert entry.endswith("ValueError")
