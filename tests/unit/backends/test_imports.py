"""What a model process weighs before it has loaded a model."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LIMIT_MB = 120

PROGRAM = """
import numpy, soxr, espeakng_loader
import onnx, onnxruntime, ctranslate2, tokenizers, pocketsphinx
import triton_backends.piper.voicepack
import triton_backends.whisper.engine
import triton_backends.pocketsphinx.engine
import pathlib, sys
unwanted = {"torch", "transformers", "TTS", "scipy", "piper"} & set(sys.modules)
assert not unwanted, unwanted
status = pathlib.Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
"""


def test_every_library_of_the_cpu_families_fits_in_one_small_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) / 1024 < LIMIT_MB
