"""What `vdx voices` asks of the family about files that it is given: whether they are a voice."""

from pathlib import Path
from typing import Any

from triton_backends.kokoro.network import SAMPLE_RATE
from triton_backends.kokoro.voicepack import load_engine
from triton_backends.shared.parameters import Parameters


def check(parameters: Parameters, folder: Path) -> dict[str, Any]:
    """Loads the voice once and has it say a word; returns its languages and its sample rate."""
    engine = load_engine(parameters, folder)
    for _ in engine.synthesize(engine.calibration_request):
        break
    engine.close()
    return {"languages": list(engine.languages), "sample_rate": SAMPLE_RATE}
