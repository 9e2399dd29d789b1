"""Builds the official model and front end of a voicepack's files.

`cosyvoice2.yaml` is HyperPyYAML: it calls what it names. So nothing is read of it unless the
voicepack is trusted. Of it only what speaking needs is kept; the parts for training would draw in
libraries of their own.
"""

import logging
import pydoc
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from triton_backends.cosyvoice2.checkout import use_checkout
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import exists, regular_file

CONFIG = "cosyvoice2.yaml"
WEIGHTS = ("llm.pt", "flow.pt", "hift.pt")
NETWORKS = ("campplus.onnx", "speech_tokenizer_v2.onnx")
VOICES = "spk2info.pt"
MAX_BYTES = 8 * 1024**3
MAX_CONFIG_BYTES = 1024**2
SAMPLE_RATE = 24_000
_BUILT = ("llm", "flow", "hift", "get_tokenizer", "allowed_special", "feat_extractor")
_TOKENIZER = "qwen_pretrain_path"
"""The key of the folder with the language model's tokenizer and configuration."""
_KEY = re.compile(r"([A-Za-z_]\w*):")


def require_trust(*, trusted: bool) -> None:
    """Raises InvalidArgument, with the reason, unless the voicepack is trusted."""
    if not trusted:
        raise InvalidArgument(
            f"{CONFIG} can run any code when it is read, so it is read only of a voicepack that "
            "says `trusted: true`: add it with --trust if you know whose it is"
        )


def load(folder: Path, *, half: bool) -> tuple[Any, Any]:
    """The CosyVoiceFrontEnd and the CosyVoice2Model; `half`: float16 on a GPU.

    Raises:
        Unavailable: there is no checkout.
        InvalidArgument: a file is missing or is not what it must be; names it.
    """
    for name in (*WEIGHTS, *NETWORKS):
        regular_file(folder, name, MAX_BYTES)
    text = regular_file(folder, CONFIG, MAX_CONFIG_BYTES).read_text(encoding="utf-8")
    use_checkout()
    level = logging.getLogger().level
    # Their logging is set up at import, to tell everything, texts included.
    from cosyvoice.cli.frontend import CosyVoiceFrontEnd
    from cosyvoice.cli.model import CosyVoice2Model

    logging.getLogger().setLevel(max(level, logging.WARNING))
    built = _build(text, folder)
    try:
        front_end = CosyVoiceFrontEnd(
            built["get_tokenizer"],
            built["feat_extractor"],
            *(str(folder / name) for name in NETWORKS),
            str(folder / VOICES) if exists(folder / VOICES) else "",
            built["allowed_special"],
        )
        model = CosyVoice2Model(built["llm"], built["flow"], built["hift"], half)
    # Untrusted files in a library's code, which raises whatever it runs into.
    except Exception as error:  # noqa: BLE001
        raise InvalidArgument(f"the files do not fit each other: {_short(error)}") from None
    try:
        model.load(*(str(folder / name) for name in WEIGHTS))
    # As above: pickle's errors, RuntimeError, KeyError.
    except Exception as error:  # noqa: BLE001
        raise InvalidArgument(
            f"{', '.join(WEIGHTS)} do not fit {CONFIG}: {_short(error)}"
        ) from None
    return front_end, model


def _build(text: str, folder: Path) -> dict[str, Any]:
    from hyperpyyaml import load_hyperpyyaml

    there = {name for name, _ in _blocks(text)}
    if lacking := [name for name in (*_BUILT, _TOKENIZER) if name not in there]:
        raise InvalidArgument(f"{CONFIG} has no {', '.join(lacking)}")
    try:
        built = load_hyperpyyaml(needed(text), overrides={_TOKENIZER: str(folder)})
    except pydoc.ErrorDuringImport as error:
        # What it names is there, and imports a library that is not.
        raise error.value or error from None
    # It calls what it names.
    except Exception as error:  # noqa: BLE001
        raise InvalidArgument(f"{CONFIG} cannot be read: {_short(error)}") from None
    if built.get("sample_rate") != SAMPLE_RATE:
        raise InvalidArgument(f"{CONFIG}: sample_rate must be {SAMPLE_RATE}")
    return dict(built)


def needed(text: str) -> str:
    """The plain values of a configuration, and what is built of them to speak."""
    blocks = list(_blocks(text))
    return "".join(block for name, block in blocks if name in _BUILT or "!" not in block)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Top-level keys, each with its lines; what begins a line and is none is a comment."""
    name, lines = "", ""
    for line in text.splitlines(keepends=True):
        if (found := _KEY.match(line)) is not None:
            yield name, lines
            name, lines = found[1], ""
        if not line.startswith("#"):
            lines += line
    yield name, lines


def with_sampling(language_model: Any, chosen: dict[str, Any]) -> None:
    """Draws tokens with other values than those of the configuration."""
    if chosen:
        language_model.sampling = partial(language_model.sampling, **chosen)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
