"""A family is one folder of code and one of configuration: the examples of CONTRIBUTING.md.

They are written beside a copy of the families that come with vdx, and loaded in a real Triton.
"""

import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from tests.server.processes import serving
from tests.triton import repository as repo
from tests.triton.wire import Wire
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedTriton

EXAMPLE = re.compile(r"```python\n# (triton_backends/\S+\.py)\n(.*?)```", re.DOTALL)
NOTHING = np.zeros(0, np.int16)


def write_examples(root: Path) -> set[str]:
    """The examples' files; returns the families that they make."""
    examples = EXAMPLE.findall((repo.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    for name, code in examples:
        file = root / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(code, encoding="utf-8")
    return {Path(name).parent.name for name, _ in examples}


def write_model(models: Path, family: str, base: str, rate: int) -> None:
    """A copy of `base` with another backend, as CONTRIBUTING.md says."""
    config = repo.read_config(repo.MODELS / base)
    config.backend = family
    config.parameters["sample_rate"].string_value = str(rate)
    (models / family / "1").mkdir(parents=True)
    (models / family / "config.pbtxt").write_text(text_format.MessageToString(config))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTriton]:
    root = tmp_path_factory.mktemp("new-family")
    families = root / "triton_backends"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(locate().triton_backends, families, ignore=ignored)
    assert write_examples(root) == {"hum", "length"}
    models = root / "model_repository"
    write_model(models, "hum", "tone", rate=24_000)
    write_model(models, "length", "canned", rate=16_000)
    with serving(models, root / "triton.log", families=families) as running:
        yield running


@pytest.fixture
async def new(server: EmbeddedTriton) -> AsyncIterator[Wire]:
    async with Wire(server.grpc_url) as opened:
        yield opened


async def test_a_voice_speaks(new: Wire) -> None:
    await new.load("hum")
    responses = await new.speak("hum", "hello there")
    assert [response.error for response in responses] == [""] * len(responses)
    frames = [r.outputs["AUDIO"] for r in responses if r.outputs]
    pcm = np.concatenate(frames).reshape(-1)
    spectrum = np.abs(np.fft.rfft(pcm[: 48_000 // 2]))
    assert int(np.argmax(spectrum)) * 2 == 200, "hertz"
    assert pcm.size == pytest.approx(11 * 0.06 * 48_000, abs=960)


async def test_a_recogniser_answers_partials_flush_and_end(new: Wire) -> None:
    await new.load("length")
    async with new.stream("length") as stream:
        loud = np.full(960, 3000, np.int16)
        await stream.send_audio(loud, start=True)
        assert (await stream.read_state(0)).outputs["TEXT"] == "60 ms"
        await stream.send_audio(NOTHING, FLUSH=True)
        assert (await stream.read_state(1)).outputs["TEXT"] == "60 ms"
        await stream.send_audio(loud // 100, end=True)
        final = await stream.read_state(2)
    assert (final.error, final.outputs["TEXT"]) == ("", "60 ms"), "only quiet followed the FLUSH"
