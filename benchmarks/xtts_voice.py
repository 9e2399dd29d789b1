"""Writes an XTTS-v2 of random weights in the files that it is published in, for tests.

The architecture is the released one with a narrow GPT of two layers; its vocoder and speaker
encoder have the sizes that the library fixes. It never stops by itself before `MOST_TOKENS`.

    .venv-triton/bin/python benchmarks/xtts_voice.py FOLDER
"""

import sys
from pathlib import Path
from typing import Any

WIDTH, LAYERS, HEADS = 64, 2, 2
MOST_TOKENS = 26
"""Of one text: 1.2 s of audio."""
STOP = 1025
SPECIAL = ("[STOP]", "[UNK]", "[SPACE]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-:;"
VOICES = ("Ana", "Björn")


def write_vocabulary(file: Path, languages: list[str]) -> None:
    """A tokenizer of single letters with the symbols that the library asks for."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tags = [f"[{each}]" for each in languages]
    names = [*SPECIAL, *LETTERS, *tags, "[START]"]
    vocabulary = {name: index for index, name in enumerate(names)}
    unknown = SPECIAL[1]
    tokenizer: Any = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=unknown))
    tokenizer.add_special_tokens([*SPECIAL, *tags, "[START]"])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(file))


def make_model(folder: Path) -> tuple[Any, Any]:
    """The library's model and its configuration; writes config.json and vocab.json."""
    import torch
    from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig, XttsConfig
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer
    from TTS.tts.models.xtts import Xtts

    torch.manual_seed(7)
    sizes = XttsArgs(
        gpt_layers=LAYERS,
        gpt_n_model_channels=WIDTH,
        gpt_n_heads=HEADS,
        decoder_input_dim=WIDTH,
        gpt_use_perceiver_resampler=True,
        gpt_num_audio_tokens=STOP + 1,
        gpt_start_audio_token=STOP - 1,
        gpt_stop_audio_token=STOP,
        gpt_max_audio_tokens=MOST_TOKENS + 3,
    )
    config = XttsConfig(model_args=sizes, audio=XttsAudioConfig())
    config.save_json(str(folder / "config.json"))
    write_vocabulary(folder / "vocab.json", config.languages)
    model = Xtts(config)
    model.tokenizer = VoiceBpeTokenizer(vocab_file=str(folder / "vocab.json"))
    model.init_models()
    model.eval()
    with torch.no_grad():
        model.gpt.mel_head.bias[STOP] = -20.0
        # About as loud as speech: random weights give a fortieth of it.
        model.hifigan_decoder.waveform_decoder.conv_post.weight.mul_(10)
    return model, config


def write_checkpoint(file: Path, model: Any, config: Any) -> None:
    """As published: the configuration is pickled too, as classes of a module that had them once."""
    import torch
    from TTS.tts.configs.xtts_config import XttsArgs, XttsAudioConfig

    state = {
        name: value
        for name, value in model.state_dict().items()
        if not name.startswith(("gpt.gpt_inference.", "gpt.gpt.wte."))
    }
    places = XttsArgs.__module__
    XttsArgs.__module__ = XttsAudioConfig.__module__ = "TTS.tts.models.xtts"
    try:
        torch.save({"config": config, "model": state}, file)
    finally:
        XttsArgs.__module__ = XttsAudioConfig.__module__ = places


def write_voices(file: Path) -> None:
    """Random voices; in older files one of the two tensors has another name."""
    import torch

    names = ("gpt_cond_latent", "gpt_conditioning_latents")
    made = {}
    for voice, name in zip(VOICES, names, strict=True):
        speaker = torch.nn.functional.normalize(torch.randn(1, 512, 1), dim=1)
        made[voice] = {name: torch.randn(1, 32, WIDTH), "speaker_embedding": speaker}
    torch.save(made, file)


def make_voice(folder: Path) -> Path:
    """Writes the files; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model, config = make_model(folder)
    write_checkpoint(folder / "model.pth", model, config)
    write_voices(folder / "speakers_xtts.pth")
    (folder / "LICENSE.txt").write_text("Random weights: nobody's.\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    make_voice(Path(sys.argv[1]))
