"""The vowels that Arabic text leaves to its reader."""

from collections.abc import Callable

ARABIC = "ar"


def find_vocaliser(espeak_voice: str) -> Callable[[str], str] | None:
    """libtashkeel's network for an Arabic voice, as piper-tts carries it and uses it.

    None for other voices, and where piper-tts is not installed beside the models: the text is
    then spoken as it is written.
    """
    if espeak_voice != ARABIC:
        return None
    try:
        from piper.tashkeel import TashkeelDiacritizer
    except ImportError:
        return None
    vocalise: Callable[[str], str] = TashkeelDiacritizer()
    return vocalise
