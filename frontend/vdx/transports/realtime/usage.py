"""The usage figures of response.done: an estimate, as vdx does not see the tokens of a responder.

Text counts a token for four bytes, speech one for 50 ms: what OpenAI's models need on average.
"""

from typing import Any, Final

from vdx.core.json_input import utf8_size
from vdx.dialog.reply import BYTES_PER_TOKEN
from vdx.dialog.session_events import ReplyDone

MS_PER_TOKEN: Final = 50


def usage_of(ended: ReplyDone, *, written: bool) -> dict[str, Any]:
    """The protocol's object: the responder reads text alone, and is heard in text and audio."""
    prompt = _tokens(ended.prompt_bytes, BYTES_PER_TOKEN)
    text = _tokens(utf8_size(ended.text), BYTES_PER_TOKEN)
    audio = 0 if written else _tokens(ended.played_ms, MS_PER_TOKEN)
    return {
        "total_tokens": prompt + text + audio,
        "input_tokens": prompt,
        "output_tokens": text + audio,
        "input_token_details": {
            "text_tokens": prompt,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": 0,
        },
        "output_token_details": {"text_tokens": text, "audio_tokens": audio},
    }


def _tokens(amount: int, per_token: int) -> int:
    return -(-amount // per_token)
