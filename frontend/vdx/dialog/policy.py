"""The settings that the turn machine decides by."""

from collections.abc import Callable
from dataclasses import dataclass

from vdx.core.config import BargeInConfig
from vdx.dialog.profiles import SessionOptions
from vdx.speech.input.semantic_endpointing import SemanticEndpointing
from vdx.speech.text.lexicon import Lexicon


def _no_extension(_text: str) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """When speech over a reply is a barge-in, and when a turn is answered without a request.

    `interrupts` says whether a text holds an interrupt word, `only_sounds` whether it holds
    listening sounds and nothing else: the tests on words are injected. `words_confirm` is the
    recogniser's calibrated_confidence. `endpoint_extension_ms` is the silence to wait for after a
    text that sounds unfinished, 0 after any other. `preemptive` allows a silent reply to the
    speculative transcript.
    """

    interrupts: Callable[[str], bool]
    only_sounds: Callable[[str], bool]
    endpoint_extension_ms: Callable[[str], int] = _no_extension
    confirm_ms: int = 600
    words_confirm: bool = False
    barge_in: bool = True
    auto_reply: bool = True
    preemptive: bool = True

    def confirms(self, text: str, speech_ms: int) -> bool:
        """Whether speech over a reply, with the transcript `text` so far, is a barge-in."""
        only_sounds = bool(text) and self.only_sounds(text)
        return (
            (bool(text) and self.interrupts(text))
            or (bool(text) and self.words_confirm and not only_sounds)
            or (speech_ms >= self.confirm_ms and not only_sounds)
        )


def policy_for(
    options: SessionOptions, barge_in: BargeInConfig, *, words_confirm: bool
) -> TurnPolicy:
    """The policy of a session with these options."""
    lexicon = Lexicon(options.language, barge_in)
    return TurnPolicy(
        interrupts=lexicon.interrupts,
        only_sounds=lexicon.only_listening_sounds,
        endpoint_extension_ms=SemanticEndpointing(
            options.language, options.endpointing
        ).endpoint_extension_ms,
        confirm_ms=barge_in.confirm_ms,
        words_confirm=words_confirm,
        barge_in=options.barge_in,
        auto_reply=options.auto_reply,
        preemptive=options.responder.preemptive,
    )
