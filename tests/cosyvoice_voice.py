"""A tiny CosyVoice 2 voice: of the official code where COSYVOICE_HOME names it, else the stand-in.

.venv-triton/bin/python -m tests.cosyvoice_voice FOLDER
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAND_IN = Path(__file__).parent / "cosyvoice_checkout"
OFFICIAL = os.environ.get("COSYVOICE_HOME", "") not in {"", str(STAND_IN)}
WHY_NOT = "only the official code can be compared with: set COSYVOICE_HOME to its checkout"
VOICES = ("Ana", "Bo")
CONFIG = """\
__set_seed: !apply:random.seed [1986]
# plain values, as !new: ones refer to them
sample_rate: 24000
qwen_pretrain_path: ''
token_size: 6561
llm: !new:cosyvoice.parts.LanguageModel
    speech_token_size: !ref <token_size>
    sampling: !name:cosyvoice.parts.draw
        top_k: 25
flow: !new:cosyvoice.parts.Flow
    vocab_size: !ref <token_size>
    pre_lookahead_len: 3
hift: !new:cosyvoice.parts.Vocoder
    hop: 480
hifigan: !new:cosyvoice.training.NotNeeded
    generator: !ref <hift>
get_tokenizer: !name:cosyvoice.cli.frontend.letters
allowed_special: 'all'
feat_extractor: !name:cosyvoice.parts.mel
data_pipeline: [
    !ref <hifigan>,
]
train_conf:
    optim: adam
"""


def use_home() -> str:
    """Sets the variable to the stand-in where it names nothing; returns what it names."""
    if not os.environ.get("COSYVOICE_HOME"):
        os.environ["COSYVOICE_HOME"] = str(STAND_IN)
    return os.environ["COSYVOICE_HOME"]


@contextmanager
def named_home() -> Iterator[None]:
    """The variable is set as in `use_home` for the length of a block."""
    before = os.environ.get("COSYVOICE_HOME")
    use_home()
    try:
        yield
    finally:
        if before is None:
            del os.environ["COSYVOICE_HOME"]
        else:
            os.environ["COSYVOICE_HOME"] = before


def make_voice(folder: Path) -> Path:
    """Writes the files as they are published; returns the folder."""
    use_home()
    if OFFICIAL:
        from benchmarks.cosyvoice2_voice import make_voice as make_official

        return make_official(folder)
    return _make_stand_in(folder)


def _make_stand_in(folder: Path) -> Path:
    import torch

    from benchmarks.cosyvoice2_voice import write_voice
    from triton_backends.cosyvoice2.checkout import use_checkout
    from triton_backends.cosyvoice2.loading import NETWORKS

    use_checkout()
    from cosyvoice.parts import Flow, LanguageModel, Vocoder, draw

    inner = folder / "CosyVoice-BlankEN"
    inner.mkdir(parents=True)
    torch.manual_seed(7)
    torch.save(LanguageModel(6561, draw).state_dict(), folder / "llm.pt")
    torch.save(Flow(6561, 3).state_dict(), folder / "flow.pt")
    named = {f"generator.{name}": each for name, each in Vocoder(480).state_dict().items()}
    torch.save(named, folder / "hift.pt")
    for name in NETWORKS:
        (folder / name).write_bytes(b"a stand-in")
    for name in ("config.json", "vocab.json", "tokenizer_config.json"):
        (inner / name).write_text("{}\n")
    for name in ("merges.txt", "model.safetensors"):
        (inner / name).write_text("a stand-in\n")
    (folder / "cosyvoice2.yaml").write_text(CONFIG)
    write_voice(folder / "spk2info.pt")
    return folder


if __name__ == "__main__":
    make_voice(Path(sys.argv[1]))
