"""Parts of the xtts family that compute nothing: windows, pieces of a text, and its files."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.text_pieces import pieces
from triton_backends.xtts.network import HOP
from triton_backends.xtts.vocoder import FIRST_TOKENS, LARGEST_TOKENS, Windows, settled

SCALES = (4.0, 24_000 / 22_050)


def test_a_text_that_fits_is_left_whole() -> None:
    assert pieces(" One, two. Three! ", lambda part: len(part) < 50) == ["One, two. Three!"]


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("One two. Three four. Five six.", 22, ["One two. Three four.", "Five six."]),
        ("One two, three four; five six", 20, ["One two, three four;", "five six"]),
        ("It is 3.5 metres. So.", 17, ["It is 3.5 metres.", "So."]),
        ("one two three four", 9, ["one two", "three", "four"]),
        ("abcdefgh", 4, ["abcd", "efgh"]),
        ("你好。再见！好的，走吧。", 6, ["你好。", "再见！", "好的，走吧。"]),
    ],
    ids=["sentences", "clauses", "decimal", "words", "letters", "chinese"],
)
def test_a_longer_text_is_cut_where_a_person_pauses(text: str, most: int, cut: list[str]) -> None:
    assert pieces(text, lambda part: len(part) <= most) == cut


@pytest.mark.neural
def test_settled_frames_do_not_change_when_more_follow() -> None:
    import torch
    from torch.nn.functional import interpolate

    latents = torch.randn(1, 8, 40)

    def frames(count: int, scales: tuple[float, ...]) -> Any:
        stretched = latents[:, :, :count]
        for scale in scales:
            stretched = interpolate(stretched, scale_factor=[scale], mode="linear")
        return stretched

    assert settled(2, SCALES) == 0, "8 frames stay 8, which torch copies"
    assert settled(6, SCALES) == 21, "of 26 frames"
    for scales in (SCALES, (0.4, *SCALES), (1 / 0.7, *SCALES), (4.0, *SCALES)):
        whole = frames(40, scales)
        for count in range(3, 40):
            own = settled(count, scales)
            assert torch.equal(frames(count, scales)[:, :, :own], whole[:, :, :own])


class CountingNetwork:
    """Counts the frames that are decoded; each gives its own number."""

    def __init__(self) -> None:
        self.decoded = 0

    def scales(self, speed: float) -> tuple[float, ...]:
        return SCALES

    def frames(self, latents: Any, speed: float) -> Any:
        import torch

        count = int(int(latents.shape[1] * SCALES[0]) * SCALES[1])
        return torch.arange(count, dtype=torch.float32)[None, None]

    def vocode(self, frames: Any, voice: Any) -> np.ndarray:
        self.decoded += frames.shape[2]
        return np.repeat(frames[0, 0].numpy(), HOP)


@pytest.mark.neural
@pytest.mark.parametrize("tokens", [1, 5, 6, 20, 80, 400])
def test_windows_give_every_frame_once_and_decode_few_twice(tokens: int) -> None:
    import torch

    network = CountingNetwork()
    windows = Windows(network, None, 1.0, FIRST_TOKENS, LARGEST_TOKENS)  # type: ignore[arg-type]
    latent = torch.zeros(1, 8)
    heard = [windows.decode() for _ in range(tokens) if windows.push(latent)]
    heard.append(windows.decode(last=True))
    total = int(int(tokens * SCALES[0]) * SCALES[1])
    assert np.array_equal(np.concatenate(heard), np.repeat(np.arange(total), HOP))
    if tokens >= 80:
        assert network.decoded < 1.3 * total


@pytest.mark.neural
def test_conversion_keeps_every_weight_and_leaves_no_pickle(published: Path, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig

    assert {file.name for file in folder.iterdir()} == {
        "LICENSE.txt",
        "config.json",
        "speakers.safetensors",
        "vocab.json",
        "xtts.safetensors",
    }
    old = "TTS.tts.models.xtts"
    known = [XttsConfig, (XttsArgs, f"{old}.XttsArgs"), (XttsAudioConfig, f"{old}.XttsAudioConfig")]
    with torch.serialization.safe_globals(known):
        before = torch.load(published / "model.pth", weights_only=True)["model"]
    after = load_file(folder / "xtts.safetensors")
    assert set(after) == set(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert "gpt/Björn" in load_file(folder / "speakers.safetensors")


class Attack:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.mark.neural
@pytest.mark.parametrize("name", ["model.pth", "speakers_xtts.pth"])
def test_a_pickle_that_runs_code_is_refused_and_runs_none(
    published: Path, tmp_path: Path, name: str
) -> None:
    from triton_backends.xtts.convert import convert

    copy = tmp_path / "copy"
    shutil.copytree(published, copy)
    (copy / name).write_bytes(pickle.dumps({"model": Attack(tmp_path / "ran")}))
    with pytest.raises(InvalidArgument, match=f"{name} holds more than weights"):
        convert(copy)
    assert not (tmp_path / "ran").exists()


@pytest.mark.neural
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.json", '{"model": "vits"}', "config.json is not the configuration of an XTTS"),
        ("config.json", '{"model": "xtts", "model_args": {"gpt_layers": 3}}', "does not fit"),
        ("vocab.json", "{}", "vocab.json is wrong"),
        ("xtts.safetensors", "nothing", "xtts.safetensors does not fit"),
    ],
    ids=["family", "sizes", "vocabulary", "weights"],
)
def test_files_that_are_no_voice_are_refused_by_name(
    folder: Path, tmp_path: Path, name: str, content: str, reason: str
) -> None:
    from triton_backends.shared.parameters import Parameters
    from triton_backends.xtts.voicepack import load_engine

    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folder.iterdir():
        shutil.copy(file, copy)
    (copy / name).write_text(content)
    with pytest.raises(InvalidArgument, match=reason):
        load_engine(Parameters({"voicepack": "."}), copy)
