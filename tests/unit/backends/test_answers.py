"""What a voice's backend makes of a client that goes while it is asked whether it went."""

import importlib
import sys
from types import ModuleType, SimpleNamespace

import pytest


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    utilities = SimpleNamespace(parameters=lambda: "", TRITONSERVER_RESPONSE_COMPLETE_FINAL=1)
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
