"""One connection's session settings: the protocol's session object on one side, vdx's options on
the other."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from vdx.core.errors import InvalidInput, UnknownName
from vdx.core.language_names import tag_of
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import SessionOptions
from vdx.transports.openai_names import VOICES, is_openai_recogniser
from vdx.transports.realtime.schema import (
    AudioInput,
    AudioOutput,
    SessionUpdate,
    TurnDetection,
    VdxExtension,
)
from vdx.transports.realtime.tuning import with_pause_scale, with_sensitivity


@dataclass(slots=True)
class Settings:
    """What the protocol adds to SessionOptions; rates in Hz."""

    options: SessionOptions
    default_voice: VoiceChoice
    default_recogniser: str
    input_rate: int = 24_000
    output_rate: int = 24_000
    transcription: bool = True
    vdx_events: bool = False
    detection: TurnDetection | None = field(default_factory=TurnDetection)
    profile_of: Callable[[str], SessionOptions] | None = None
    """The options of a profile by its name; raises UnknownName. None: only the own one."""
    responder: str = ""
    """The profile whose responder answers; empty: the own one."""
    pause_scale: float = 1.0
    sensitivity: float = 1.0
    profile: SessionOptions | None = None
    """The options before the client changed any, which factors apply to."""

    def __post_init__(self) -> None:
        if self.profile is None:
            self.profile = self.options

    def merged(self, update: SessionUpdate) -> "Settings":
        """A new Settings with `update` applied; only the keys it names change."""
        new = replace(self)
        new.apply(update)
        return new

    def apply(self, update: SessionUpdate) -> None:
        """Takes the keys that `update` names."""
        if update.instructions is not None:
            self.options = self.options.updated(instructions=update.instructions)
        if update.audio and update.audio.input:
            self._take_input(update.audio.input)
        if update.audio and update.audio.output:
            self._take_output(update.audio.output)
        if update.vdx:
            self._take_extension(update.vdx)

    def _take_input(self, audio: AudioInput) -> None:
        given = audio.model_fields_set
        if audio.format is not None:
            self.input_rate = audio.format.rate
        if "transcription" in given:
            self.transcription = audio.transcription is not None
            if audio.transcription is not None:
                self._take_recogniser(audio.transcription.model)
                self._take_language(audio.transcription.language)
                if audio.transcription.prompt is not None:
                    self.options = self.options.updated(prompt=audio.transcription.prompt)
        if "turn_detection" in given:
            self._take_detection(audio.turn_detection)

    def _take_detection(self, detection: TurnDetection | None) -> None:
        self.detection = detection
        vad = self.options.vad.model_copy(update={"enabled": detection is not None})
        if detection is None:
            # Without voice activity the client ends turns and asks for replies itself.
            self.options = self.options.updated(vad=vad, auto_reply=False, barge_in=False)
            return
        if detection.silence_duration_ms is not None:
            vad = vad.model_copy(update={"min_silence_duration_ms": detection.silence_duration_ms})
        # A silence that was named before stays, unless the server is asked to decide by more.
        named_before = self.options.fixed_silence and detection.type != "semantic_vad"
        self.options = self.options.updated(
            vad=vad,
            fixed_silence=named_before or detection.silence_duration_ms is not None,
            auto_reply=detection.create_response,
            barge_in=detection.interrupt_response,
        )

    def _take_output(self, audio: AudioOutput) -> None:
        if audio.format is not None:
            self.output_rate = audio.format.rate
        if audio.speed is not None:
            self.options = self.options.updated(speed=audio.speed)
        if audio.voice is not None:
            name = audio.voice if isinstance(audio.voice, str) else audio.voice.id
            choice = self.default_voice if name in VOICES else VoiceChoice.parse(name)
            self.options = self.options.updated(voice_choice=choice)

    def _take_extension(self, vdx: VdxExtension) -> None:
        if vdx.events is not None:
            self.vdx_events = vdx.events
        self._take_recogniser(vdx.recogniser)
        self._take_language(vdx.language)
        echo = {"cancellation": vdx.echo_cancellation, "noise_suppression": vdx.noise_suppression}
        if wanted := {key: value for key, value in echo.items() if value is not None}:
            control = self.options.echo_control.model_copy(update=wanted)
            self.options = self.options.updated(echo_control=control)
        if vdx.responder is not None:
            self._take_responder(vdx.responder)
        usual = self.profile or self.options
        if vdx.pause_scale is not None:
            self.pause_scale = vdx.pause_scale
            self.options = with_pause_scale(self.options, usual, vdx.pause_scale)
        if vdx.sensitivity is not None:
            self.sensitivity = vdx.sensitivity
            self.options = with_sensitivity(self.options, usual, vdx.sensitivity)

    def _take_responder(self, profile: str) -> None:
        """That of a profile, and no other: a client does not choose where texts are sent."""
        own = self.options.profile
        if self.profile_of is None and profile not in ("", own):
            raise UnknownName(f"there is no profile {profile!r} here", param="vdx.responder")
        if self.profile_of is not None:
            try:
                responder = self.profile_of(profile or own).responder
            except UnknownName as error:
                raise UnknownName(error.message, param="vdx.responder") from None
            self.options = self.options.updated(responder=responder)
        self.responder = profile

    def _take_recogniser(self, model: str | None) -> None:
        if model is None:
            return
        if is_openai_recogniser(model):
            model = self.default_recogniser
        self.options = self.options.updated(recogniser=model)

    def _take_language(self, language: str | None) -> None:
        language = tag_of(language or "")
        if not language:  # a session keeps its own: a voice and its lists of words need one
            return
        if not language.replace("-", "").isalnum():
            raise InvalidInput(f"language must be a BCP-47 tag, got {language!r}", param="language")
        self.options = self.options.updated(language=language)

    def rendered(self, session_id: str) -> dict[str, Any]:
        """The protocol's session object."""
        options = self.options
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": session_id,
            "model": options.profile,
            "output_modalities": ["audio"],
            "instructions": options.instructions,
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": None,
            "truncation": "auto",
            "prompt": None,
            "expires_at": 0,
            "include": None,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": self.input_rate},
                    "transcription": self._transcription(),
                    "noise_reduction": None,
                    "turn_detection": self._detection(),
                },
                "output": {
                    "format": {"type": "audio/pcm", "rate": self.output_rate},
                    "voice": str(options.voice_choice),
                    "speed": options.speed,
                },
            },
            "vdx": {
                "events": self.vdx_events,
                "recogniser": options.recogniser,
                "language": options.language,
                "echo_cancellation": options.echo_control.cancellation,
                "noise_suppression": options.echo_control.noise_suppression,
                "responder": self.responder or options.profile,
                "pause_scale": self.pause_scale,
                "sensitivity": self.sensitivity,
            },
        }

    def _transcription(self) -> dict[str, Any] | None:
        if not self.transcription:
            return None
        return {
            "model": self.options.recogniser,
            "language": self.options.language,
            "prompt": self.options.prompt or None,
        }

    def _detection(self) -> dict[str, Any] | None:
        if self.detection is None:
            return None
        return {
            **self.detection.model_dump(exclude_none=True),
            "silence_duration_ms": self.options.vad.min_silence_duration_ms,
        }
