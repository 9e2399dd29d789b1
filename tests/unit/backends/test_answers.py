"""What a voice's backend makes of a client that goes while it is asked whether it went."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from triton_backends.shared.contract import TtsRequest
from triton_backends.shared.engine import Chunk
from triton_backends.shared.levelling import SpeakerGains
from triton_backends.shared.speech import Voice

RATE = 24_000


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    utilities = SimpleNamespace(TRITONSERVER_RESPONSE_COMPLETE_FINAL=1)
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", utilities)
    name = "triton_backends.shared.tts_backend"
    monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module(name)
    monkeypatch.delitem(sys.modules, name)
    return module


def test_a_stop_that_comes_during_the_question_is_not_lost(backend: ModuleType) -> None:
    def is_cancelled() -> bool:
        answer.abandoned = True  # as `_stop` does, on another thread
        return False

    request = SimpleNamespace(
        parameters=lambda: "", request_id=lambda: "1", is_cancelled=is_cancelled
    )
    answer = backend._Answer(request, None, 0.0)
    assert answer.cancelled()


class _Loudness:
    """An engine that speaks as loud as the recording that it is given; -60 dBFS without one."""

    def synthesize(self, request: TtsRequest) -> Iterator[Chunk]:
        given = request.reference_audio
        level = 0.001 if given is None else float(np.abs(given).max()) / 32768
        noise = np.random.default_rng(0).uniform(-level, level, 2 * RATE)
        yield Chunk(noise.astype(np.float32))


def test_each_recording_has_a_loudness_of_its_own(backend: ModuleType) -> None:
    model = backend.TtsBackend()
    model._engine, model._gains = _Loudness(), SpeakerGains(1.0)
    model._voice = Voice(RATE, 1.0, 2, 25, 0)
    model._trims_end, model._levels = False, True
    model._progress = SimpleNamespace(advance=lambda: None)
    model._metrics = SimpleNamespace(add=lambda *_: None)
    for level in (0, 3000, 30_000):
        recording = np.full(RATE, level, np.int16) if level else None
        answer = SimpleNamespace(
            ended=False, abandoned=False, started=True, cancelled=lambda: False,
            poll_due=lambda: False, send=lambda _: None,
        )  # fmt: skip
        model._speak(TtsRequest("Hello.", language="en", reference_audio=recording), answer)
    assert len(model._gains._known) == 3
