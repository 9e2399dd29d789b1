"""What CosyVoice 2 alone has, of random weights in a real tritonserver."""

import pytest

from tests.neural.tiny_voices import TINY, TinyVoices
from vdx.core.errors import InvalidVoicepack
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.staging import Origin

pytestmark = pytest.mark.neural

VOICE = TINY["cosyvoice2"]


def test_it_is_added_with_what_it_is(voices: TinyVoices) -> None:
    pack = voices.store.find(VOICE.id).pack
    assert pack is not None
    assert {"en", "zh", "ja", "ko", "yue"} == set(pack.languages)
    assert (pack.trusted, pack.licence) == (True, "Apache-2.0")


def test_it_is_not_added_without_trust(voices: TinyVoices) -> None:
    with pytest.raises(InvalidVoicepack, match=r"can run any code .*--trust"):
        voices.store.add(*identify(voices.published[VOICE.family]), Origin("here", id="other"))
