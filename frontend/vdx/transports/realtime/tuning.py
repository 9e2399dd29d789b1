"""What the vdx part of a session update tunes beyond the protocol.

Pause scale and sensitivity are factors on the profile's own values, so that a client needs to know
neither the pauses nor the thresholds of the server it talks to.
"""

from vdx.core.config import EndpointingConfig, VadConfig
from vdx.dialog.profiles import SessionOptions

SHORTEST_MS, LONGEST_MS = 20, 2_000
"""Of the silence that may end a turn, as `endpointing` takes it."""
LEAST_MULTIPLIER = 1.1
"""Of the noise floor: at the floor itself all noise would be speech."""


def with_pause_scale(
    options: SessionOptions, usual: SessionOptions, factor: float
) -> SessionOptions:
    """The options with the silences that end a turn `factor` times as long as in `usual`."""

    def scaled(silence_ms: int) -> int:
        return max(SHORTEST_MS, min(LONGEST_MS, round(silence_ms * factor)))

    given: EndpointingConfig = usual.endpointing
    silences = {
        "finished_ms": scaled(given.finished_ms),
        "unfinished_ms": scaled(given.unfinished_ms),
    }
    silence = {"min_silence_duration_ms": scaled(usual.vad.min_silence_duration_ms)}
    return options.updated(
        endpointing=options.endpointing.model_copy(update=silences),
        vad=options.vad.model_copy(update=silence),
    )


def with_sensitivity(
    options: SessionOptions, usual: SessionOptions, factor: float
) -> SessionOptions:
    """The options in which a voice may be `factor` times softer than in `usual`."""
    given: VadConfig = usual.vad
    multiplier = given.noise_gate.threshold_multiplier / factor
    gate = options.vad.noise_gate.model_copy(
        update={
            "min_threshold": given.noise_gate.min_threshold / factor,
            "threshold_multiplier": max(LEAST_MULTIPLIER, multiplier),
        }
    )
    return options.updated(vad=options.vad.model_copy(update={"noise_gate": gate}))
