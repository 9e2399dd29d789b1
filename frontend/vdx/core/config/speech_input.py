"""Settings of what is heard: `vad`, `asr`, `echo_control`."""

from typing import Literal

from pydantic import Field

from vdx.core.config.section import Section
from vdx.core.language_names import is_auto

FIRST_LANGUAGE = "en"
"""What a conversation begins in that follows what is heard."""


class NoiseGateConfig(Section):
    enabled: bool = True
    window_size: int = Field(100, ge=1, description="frames")
    percentile: float = Field(0.25, ge=0, le=1)
    threshold_multiplier: float = Field(2.5, gt=0)
    min_threshold: float = Field(200.0, ge=0, description="int16 RMS")
    update_interval_frames: int = Field(10, ge=1)


class VoiceCheckConfig(Section):
    """The check whether a sound that passed the gate and the VAD is a human voice."""

    enabled: bool = True
    min_periodicity: float = Field(0.5, ge=0, le=1, description="whispers lie below it")
    nearness_db: float = Field(
        -9.0,
        ge=-60,
        le=0,
        description="over a reply, a voice so much below the person's own is somebody else's",
    )
    max_steadiness: float = Field(
        0.4, ge=0, le=1, description="over a reply, a sound that stands still is no voice"
    )


class VadConfig(Section):
    enabled: bool = True
    sample_rate: Literal[16000] = 16000
    frame_duration_ms: Literal[20] = 20
    aggressiveness: Literal[0, 1, 2, 3] = 2
    min_speech_duration_ms: int = Field(80, ge=20)
    min_silence_duration_ms: int = Field(300, ge=20)
    state_aware_gating: bool = True
    speaking_threshold_multiplier: float = Field(2.0, gt=0)
    listening_threshold_multiplier: float = Field(1.0, gt=0)
    barged_in_threshold_multiplier: float = Field(1.2, gt=0)
    noise_gate: NoiseGateConfig = NoiseGateConfig()
    voice_check: VoiceCheckConfig = VoiceCheckConfig()


class AsrConfig(Section):
    """The recogniser; a profile's `recogniser` overrides it.

    Device and compute type are parameters of the model: all frontends of a Triton share it.
    """

    enabled: bool = True
    model: str = Field(
        "",
        description="a model, or its name without the language: whisper-base; empty: the starter "
        "of the language where it was fetched, else pocketsphinx",
    )
    language: str = Field(
        "en", description="BCP-47; auto: that of what is heard, for recognisers that detect it"
    )
    pre_roll_ms: int = Field(300, ge=0, le=1000)
    request_ms: int = Field(60, ge=20, le=200, description="audio sent per request")

    speaker_model: str = Field(
        "", description="tells speakers of recordings apart; empty: the first that is here"
    )

    @property
    def first_language(self) -> str:
        """The language that a conversation begins in; English where it follows what is heard."""
        return FIRST_LANGUAGE if is_auto(self.language) else self.language


class EchoControlConfig(Section):
    """Handling of the bot's echo from clients that do not cancel it."""

    guard: bool = Field(
        True,
        description="hold the input against the predicted level of the echo; steps aside within "
        "a second where there is none",
    )
    cancellation: bool = Field(
        False, description="take the bot's echo out, by LiveKit's audio processing at the server"
    )
    noise_suppression: bool = Field(
        False, description="take steady noise out, by the same; with or without cancellation"
    )
    high_pass: bool = Field(
        False, description="take hum and rumble out, by the same; comes with cancellation"
    )
    gain_control: bool = Field(
        False, description="bring quiet and loud people to one level, by the same"
    )

    @property
    def processed(self) -> bool:
        """Whether the microphone's audio goes through the audio processing at all."""
        parts = (self.cancellation, self.noise_suppression, self.high_pass, self.gain_control)
        return any(parts)
