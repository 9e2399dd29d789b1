"""The settings that the turn machine decides by."""

from collections.abc import Callable
from dataclasses import dataclass

from vdx.core.config import BargeInConfig
from vdx.dialog.profiles import SessionOptions
from vdx.speech.input.end_of_turn import EndOfTurn, Pause
from vdx.speech.text.lexicon import Lexicon


def _no_silence_of_its_own(_pause: Pause) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """When speech over a reply is a barge-in, and when a turn is answered without a request.

    `interrupts` says whether a text holds an interrupt word, `only_sounds` whether it holds
    listening sounds and nothing else: the tests on words are injected. `words_confirm` is the
    recogniser's calibrated_confidence. `silence_ms` is the silence that ends the turn in a pause, 0
    where nothing speaks against the usual one. `preemptive` allows a silent reply to the
    speculative transcript. `forgets` allows that a reply, cut off soon after its first sound, is
    answered again; a written one was read by then, as nobody knows how much of it.
    """

    interrupts: Callable[[str], bool]
    only_sounds: Callable[[str], bool]
    silence_ms: Callable[[Pause], int] = _no_silence_of_its_own
    confirm_ms: int = 600
    words_confirm: bool = False
    barge_in: bool = True
    auto_reply: bool = True
    preemptive: bool = True
    forgets: bool = True

    def confirms(self, text: str, speech_ms: int) -> bool:
        """Debounce of barge-in: whether speech over a reply, `text` so far, is one."""
        only_sounds = bool(text) and self.only_sounds(text)
        return (
            (bool(text) and self.interrupts(text))
            or (bool(text) and self.words_confirm and not only_sounds)
            or (speech_ms >= self.confirm_ms and not only_sounds)
        )


def policy_for(
    options: SessionOptions, barge_in: BargeInConfig, *, words_confirm: bool, punctuates: bool
) -> TurnPolicy:
    """The policy of a session with these options.

    `words_confirm` and `punctuates` are the recogniser's calibrated_confidence and punctuation.
    """
    lexicon = Lexicon(options.language, barge_in)
    return TurnPolicy(
        interrupts=lexicon.interrupts,
        only_sounds=lexicon.only_listening_sounds,
        silence_ms=_silence_of(options, punctuates=punctuates),
        confirm_ms=barge_in.confirm_ms,
        words_confirm=words_confirm,
        barge_in=options.barge_in,
        auto_reply=options.auto_reply,
        preemptive=options.responder.preemptive,
        forgets=not options.text_only,
    )


def _silence_of(options: SessionOptions, *, punctuates: bool) -> Callable[[Pause], int]:
    if options.fixed_silence or not options.endpointing.enabled:
        return _no_silence_of_its_own
    usual_ms = options.vad.min_silence_duration_ms
    rules = EndOfTurn(options.language, options.endpointing, usual_ms, punctuates=punctuates)
    return rules.silence_ms
