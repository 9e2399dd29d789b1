"""Adds the short vowels that are not written in Arabic text."""

from collections.abc import Callable
from typing import Any

from triton_backends.piper.networks import make_session

ARABIC = "ar"


def find_vocaliser(espeak_voice: str) -> Callable[[str], str] | None:
    """libtashkeel's network for an Arabic voice, as piper-tts carries it and uses it.

    None for other voices, and where piper-tts is not installed beside the models: the text is
    then spoken as it is written.
    """
    if espeak_voice != ARABIC:
        return None
    try:
        from piper.tashkeel import TASHKEEL_DIR, TashkeelDiacritizer
    except ImportError:
        return None
    vocalise: Any = TashkeelDiacritizer()
    # One thread, which does not spin: the cores are needed for the voice.
    vocalise.session = make_session((TASHKEEL_DIR / "model.onnx").read_bytes(), 1)
    found: Callable[[str], str] = vocalise
    return found
