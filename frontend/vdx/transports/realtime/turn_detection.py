"""What a client's `turn_detection` means for a session, and what of it really holds."""

from typing import Any, Final

from vdx.core.config import VadConfig
from vdx.dialog.profiles import SessionOptions
from vdx.transports.realtime.schema import TurnDetection

USUAL_THRESHOLD: Final = 0.5
"""The protocol's default; here it is the profile's own sensitivity."""
DECIBELS: Final = 24.0
"""Between the thresholds 0 and 1."""
SILENCE_FACTORS: Final = {"low": 3.0, "medium": 1.0, "auto": 1.0, "high": 0.5}
"""By what each `eagerness` multiplies the silence that ends a turn; 3 keeps within the time that a
recogniser waits for audio."""
LONGEST_PREFIX_MS: Final = 1_000
"""Audio from before an onset that is kept."""
SHARED: Final = frozenset({"type", "create_response", "interrupt_response"})
"""Keys that both types of detection have; the others end with their type."""


def usual_of(options: SessionOptions) -> TurnDetection | None:
    """What a session with the options of a profile begins with."""
    if not options.vad.enabled:
        return None
    return TurnDetection(create_response=options.auto_reply, interrupt_response=options.barge_in)


def merged(old: TurnDetection | None, given: TurnDetection) -> TurnDetection:
    """`given`, and of `old` what it does not name."""
    named = {name: getattr(given, name) for name in given.model_fields_set}
    if old is None:
        return TurnDetection.model_validate(named)
    kept = old.model_dump(exclude_unset=True)
    if named.get("type", old.type) != old.type:
        kept = {name: value for name, value in kept.items() if name in SHARED}
    return TurnDetection.model_validate({**kept, **named})


def detecting(
    options: SessionOptions, profile: SessionOptions, detection: TurnDetection | None
) -> SessionOptions:
    """`options` with this detection; its numbers count from those of the `profile`."""
    if detection is None:
        # Without voice activity the client ends turns and asks for replies itself.
        vad = options.vad.model_copy(update={"enabled": False})
        return options.updated(vad=vad, auto_reply=False, barge_in=False, nudge_after_ms=0)
    semantic = detection.type == "semantic_vad"
    factor = SILENCE_FACTORS[detection.eagerness or "auto"] if semantic else 1.0
    # A silence that was named before stays, unless the server is asked to decide by more.
    named = detection.silence_duration_ms
    if named is None and options.fixed_silence and not semantic:
        named = options.vad.min_silence_duration_ms
    usual = round(profile.vad.min_silence_duration_ms * factor)
    ends = profile.endpointing
    return options.updated(
        vad=_vad(profile.vad, detection.threshold, usual if named is None else named),
        fixed_silence=named is not None,
        endpointing=ends.model_copy(
            update={
                "finished_ms": round(ends.finished_ms * factor),
                "unfinished_ms": round(ends.unfinished_ms * factor),
            }
        ),
        pre_roll_ms=_prefix(detection),
        nudge_after_ms=0 if semantic else detection.idle_timeout_ms or 0,
        auto_reply=detection.create_response,
        barge_in=detection.interrupt_response,
    )


def rendered(
    detection: TurnDetection | None, options: SessionOptions, pre_roll_ms: int
) -> dict[str, Any] | None:
    """The protocol's object, with what really holds; `pre_roll_ms` is that of the server."""
    if detection is None:
        return None
    shown: dict[str, Any] = {
        "type": detection.type,
        "create_response": detection.create_response,
        "interrupt_response": detection.interrupt_response,
    }
    if detection.type == "semantic_vad":
        shown["eagerness"] = detection.eagerness or "auto"
        if options.fixed_silence:
            shown["silence_duration_ms"] = options.vad.min_silence_duration_ms
        return shown
    prefix_ms = options.pre_roll_ms
    return {
        **shown,
        "threshold": USUAL_THRESHOLD if detection.threshold is None else detection.threshold,
        "prefix_padding_ms": pre_roll_ms if prefix_ms is None else prefix_ms,
        "silence_duration_ms": options.vad.min_silence_duration_ms,
        "idle_timeout_ms": options.nudge_after_ms or None,
    }


def _vad(vad: VadConfig, threshold: float | None, silence_ms: int) -> VadConfig:
    """With the loudness that counts as speech moved by what `threshold` is off its default."""
    off = 0.0 if threshold is None else threshold - USUAL_THRESHOLD
    gain = 10 ** (off * DECIBELS / 20)
    return vad.model_copy(
        update={
            "enabled": True,
            "min_silence_duration_ms": silence_ms,
            "speaking_threshold_multiplier": vad.speaking_threshold_multiplier * gain,
            "listening_threshold_multiplier": vad.listening_threshold_multiplier * gain,
            "barged_in_threshold_multiplier": vad.barged_in_threshold_multiplier * gain,
        }
    )


def _prefix(detection: TurnDetection) -> int | None:
    if detection.prefix_padding_ms is None:
        return None
    return min(detection.prefix_padding_ms, LONGEST_PREFIX_MS)
