"""The voice of a reply's clauses."""

from collections.abc import Callable

from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import SessionOptions
from vdx.speech.output.tts import Voice


class ReplyVoice:
    """The session's voice as it is at each clause, or the reply's own.

    So a voice swapped in mid-call, or in mid-reply, speaks from the next clause on.

    Where the language follows the person, a reply that began in one is ended in it.
    """

    def __init__(self, options: Callable[[], SessionOptions], own: VoiceChoice | None) -> None:
        self._options = options
        self._own = own
        self._language = options().language
        self._last: Voice | None = None

    def __call__(self) -> Voice:
        options = self._options()
        moved_on = options.follows_language and options.language != self._language
        if moved_on and self._last is not None:
            return self._last
        self._last = voice_of(options, self._own)
        return self._last


def voice_of(options: SessionOptions, own: VoiceChoice | None = None) -> Voice:
    """The voice of a session with these options; `own` takes the place of its model."""
    choice = own or options.voice_choice
    return Voice(
        choice.model,
        options.language if options.voice_language is None else options.voice_language,
        choice.speaker,
        options.speed,
        options.fallback_voice,
        style=options.voice_style,
    )
